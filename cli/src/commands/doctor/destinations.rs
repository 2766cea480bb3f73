//! The places that copies go to: whether each can be reached, and is a place of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::finding::Finding;
use super::permissions;
use crate::configuration::{self, Backup, Destination};

/// As whoever writes to them: each folder must be writable, and lie elsewhere than the others and what it is a copy of.
pub(super) fn to_write(backup: &Backup) -> Vec<Finding> {
    let places: Vec<String> = backup.destinations.iter().map(|destination| destination.printed().place).collect();
    let mut findings = Vec::new();
    for (index, destination) in backup.destinations.iter().enumerate() {
        findings.extend(examine(destination, permissions::writable_directory));
        let before = places.iter().take(index).position(|place| places.get(index) == Some(place));
        let same = before.and_then(|before| backup.destinations.get(before));
        findings.extend(same.map(|other| one_place(destination, other)));
        let path = destination.path.as_deref().zip(backup.spool().ok());
        findings.extend(path.filter(|(path, spool)| on_one_disk(path, spool)).map(|_| one_disk(destination)));
    }
    findings
}

/// As whoever only reads them.
pub(super) fn to_read(backup: &Backup) -> Vec<Finding> {
    backup.destinations.iter().flat_map(|from| examine(from, permissions::readable_directory)).collect()
}

/// A folder is looked at, in the way given; a server is asked for a listing.
fn examine(destination: &Destination, folder: fn(&str, &Path) -> Finding) -> Vec<Finding> {
    let subject = subject(destination);
    if let Some(path) = &destination.path {
        return vec![folder(&subject, path)];
    }
    if destination.is_opened_by_credential() && configuration::has_no_credentials() {
        return vec![Finding::of_the_service(&subject)];
    }
    let secret = destination.sftp.as_ref().map(|sftp| &sftp.private_key);
    let secret = secret.or_else(|| destination.s3.as_ref()?.credentials_file.as_ref());
    let mut findings: Vec<Finding> =
        secret.map(|file| permissions::secret_file(&format!("key of {subject}"), file)).into_iter().collect();
    findings.push(match destination.open() {
        Ok(place) => match place.list("") {
            Ok(_) => Finding::good(&subject, place.label()),
            Err(error) => Finding::of_error(&subject, &error),
        },
        Err(error) => Finding::of_error(&subject, error.as_ref()),
    });
    findings
}

fn subject(destination: &Destination) -> String {
    format!("destination {}", destination.name)
}

fn one_place(destination: &Destination, other: &Destination) -> Finding {
    let detail = format!("it is the same place as {}, so one copy where two are counted", other.name);
    Finding::bad(subject(destination), detail, "name another place, or remove one of the two")
}

/// A mount point whose disk is not there lies on the disk below it.
fn on_one_disk(path: &Path, spool: &Path) -> bool {
    let disk = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    disk(path).is_some_and(|of_path| disk(spool) == Some(of_path))
}

fn one_disk(destination: &Destination) -> Finding {
    let detail = "it is on the disk of the spool, and lost with that";
    let remedy = "name a folder on another disk or machine; look whether that disk is mounted, and name a folder in it";
    Finding::warning(subject(destination), detail, remedy)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn copies_that_lie_together_are_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["spool", "a", "b"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let of = |second: &str| {
            let path = |name: &str| folder.path().join(name).display().to_string();
            let (spool, a, b) = (path("spool"), path("a"), path(second));
            let text = format!(
                "spool = \"{spool}\"\n[[destination]]\nname = \"one\"\npath = \"{a}\"\n\
                 [[destination]]\nname = \"two\"\npath = \"{b}\"\n"
            );
            let found = to_write(&toml::from_str(&text).unwrap());
            found.into_iter().map(|finding| (finding.subject, finding.state)).collect::<Vec<_>>()
        };
        let (one, two) = ("destination one".to_owned(), "destination two".to_owned());
        let apart = [
            (one.clone(), State::Good),
            (one, State::Warning),
            (two.clone(), State::Good),
            (two.clone(), State::Warning),
        ];
        assert_eq!(of("b"), apart, "all are on one disk");
        let together = of("a");
        assert!(together.contains(&(two, State::Bad)) && together.len() == 5, "{together:?}");
    }
}
