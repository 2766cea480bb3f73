//! Versions of restic and what each can do. Debian 12 ships 0.14; what an unknown newer one does is
//! taken to be what the newest known one does. Starts nothing.

use std::fmt;

/// A version of restic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the first dot.
    pub major: u32,
    /// Between the dots.
    pub minor: u32,
    /// After the second dot.
    pub patch: u32,
}

impl Version {
    /// The oldest that Coffre works with: the first that can leave compression off, as for ciphertext.
    pub const OLDEST: Self = Self::new(0, 14, 0);

    /// This version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the answer to `restic version`: `restic 0.14.0 compiled with go1.19.8 on linux/amd64`,
    /// `restic 0.17.1-dev (compiled manually) compiled with …`.
    pub fn parse(answer: &str) -> Option<Self> {
        let text = answer.lines().next()?.strip_prefix("restic ")?.split([' ', '-', '+']).next()?;
        let mut parts = text.trim_start_matches('v').split('.').map(|part| part.parse().ok());
        let version = Self::new(parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
        parts.next().is_none().then_some(version)
    }

    /// What this version can do.
    pub fn capabilities(self) -> Capabilities {
        Capabilities {
            codes_for_repository_and_lock: self >= Self::new(0, 17, 0),
            code_for_password: self >= Self::new(0, 17, 1),
            json_restore: self >= Self::new(0, 16, 0),
            json_check: self >= Self::new(0, 18, 0),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What a version of restic can do beyond what 0.14 can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table, independent of the others")]
pub struct Capabilities {
    /// Exit codes 10 (no repository) and 11 (locked). Before, both are 1.
    pub codes_for_repository_and_lock: bool,
    /// Exit code 12 (wrong password). Before, it is 1.
    pub code_for_password: bool,
    /// `restore --json` reports progress.
    pub json_restore: bool,
    /// `check --json` ends with a summary.
    pub json_check: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_versions_are_read() {
        for (answer, expected) in [
            ("restic 0.14.0 compiled with go1.19.8 on linux/amd64\n", Some((0, 14, 0))),
            ("restic 0.16.4 compiled with go1.21.6 on linux/arm64", Some((0, 16, 4))),
            ("restic 0.17.1-dev (compiled manually) compiled with go1.22.2 on linux/amd64", Some((0, 17, 1))),
            ("restic 0.18.1+ds compiled with go1.24 on linux/amd64", Some((0, 18, 1))),
            ("restic 0.19 compiled with go1.26.4 on linux/amd64", Some((0, 19, 0))),
            ("rustic 0.9.4", None),
            ("restic", None),
            ("restic x.y.z", None),
            ("", None),
        ] {
            let expected = expected.map(|(major, minor, patch)| Version::new(major, minor, patch));
            assert_eq!(Version::parse(answer), expected, "{answer}");
        }
    }

    #[test]
    fn capabilities_come_with_their_versions() {
        let table = [(0, 14, 0), (0, 16, 0), (0, 17, 0), (0, 17, 1), (0, 18, 0), (0, 19, 0), (1, 0, 0)];
        let can = table.map(|(major, minor, patch)| {
            let c = Version::new(major, minor, patch).capabilities();
            [c.json_restore, c.codes_for_repository_and_lock, c.code_for_password, c.json_check]
                .iter()
                .filter(|can| **can)
                .count()
        });
        assert_eq!(can, [0, 1, 2, 3, 4, 4, 4]);
    }
}
