//! The temporary place that the story happens in. It is removed with everything in it, unless it is kept.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Folders as they would lie on several machines: whoever loses one still has the others.
pub(crate) struct Place {
    root: PathBuf,
    /// Removes the root when it is dropped.
    temporary: Option<TempDir>,
}

impl Place {
    /// Makes it, readable by its owner only.
    pub(crate) fn new() -> io::Result<Self> {
        let temporary =
            tempfile::Builder::new().prefix("coffre-demo-").permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        let place = Self { root: temporary.path().canonicalize()?, temporary: Some(temporary) };
        for folder in [place.office(), place.server(), place.account(), place.elsewhere(), place.safe()] {
            fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        Ok(place)
    }

    /// Leaves it where it is, and says where.
    pub(crate) fn keep(mut self) -> PathBuf {
        if let Some(temporary) = self.temporary.take() {
            drop(temporary.keep());
        }
        std::mem::take(&mut self.root)
    }

    /// Everything.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Legal's old server, with the COBOL application's database.
    pub(crate) fn office(&self) -> PathBuf {
        self.root.join("office")
    }

    /// The machine that is lost: the vault and the spool of its backups.
    pub(crate) fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    /// What the backup account keeps for itself: restic's password, cache and records of runs.
    pub(crate) fn account(&self) -> PathBuf {
        self.root.join("backup-account")
    }

    /// Another building: a destination and restic's repository.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.root.join("elsewhere")
    }

    /// The officers' safe: the recovery identity.
    pub(crate) fn safe(&self) -> PathBuf {
        self.root.join("safe")
    }

    /// The COBOL application's database.
    pub(crate) fn legacy(&self) -> PathBuf {
        self.office().join("legal.sqlite")
    }

    /// The production vault.
    pub(crate) fn vault(&self) -> PathBuf {
        self.server().join("vault")
    }

    /// The queue between capture and shipping.
    pub(crate) fn spool(&self) -> PathBuf {
        self.server().join("spool")
    }

    /// The copy in the other building.
    pub(crate) fn destination(&self) -> PathBuf {
        self.elsewhere().join("building-b")
    }

    /// restic's repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.elsewhere().join("restic")
    }

    /// What opens restic's repository.
    pub(crate) fn restic_password(&self) -> PathBuf {
        self.account().join("restic-password")
    }

    /// restic's cache, kept out of the user's own.
    pub(crate) fn restic_cache(&self) -> PathBuf {
        self.account().join("restic-cache")
    }

    /// What pins the vault and says where its backups go: the backup account's copy.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.account().join("coffre.toml")
    }

    /// What opens every backup.
    pub(crate) fn recovery_identity(&self) -> PathBuf {
        self.safe().join("recovery-identity")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_and_goes_away_unless_it_is_kept() {
        let place = Place::new().unwrap();
        let root = place.root().to_owned();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        drop(place);
        assert!(!root.exists());

        let kept = Place::new().unwrap().keep();
        assert!(kept.join("safe").is_dir());
        fs::remove_dir_all(kept).unwrap();
    }
}
