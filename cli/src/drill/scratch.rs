//! Where a drill restores to: a folder of ours alone (0700) that goes away with the drill, however it ends. One that a
//! killed process left is removed when the vault is served again.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use coffre_backup::Disk;
use coffre_store::Layout;

use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::figures;

/// What stays free on the disk that the vault itself needs: this part of it, and no more than that.
const KEPT_FREE: u64 = 20;
const KEPT_FREE_AT_MOST: u64 = 1 << 30;

/// The place of scratch folders. The vault's owner lock makes sure that no other process uses it.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    vault: PathBuf,
    folder: PathBuf,
}

/// A scratch folder in use.
#[derive(Debug)]
pub(super) struct Claimed {
    folder: PathBuf,
    inside: PathBuf,
}

impl Scratch {
    /// In the vault's directory, or in a folder that is configured, under a name of this vault's own.
    pub(super) fn of(vault: &Path, configured: Option<&Path>, id: &str) -> Self {
        let own = |parent: &Path| parent.join(format!("coffre-drill-{id}"));
        let folder = configured.map_or_else(|| Layout::new(vault).scratch(), own);
        Self { vault: vault.to_owned(), folder }
    }

    /// Removes what a killed drill left.
    pub(super) fn sweep(&self) -> Result<(), Complaint> {
        remove(&self.folder).map_err(|error| unusable(&self.folder, &error))
    }

    /// Makes the folder.
    pub(super) fn claim(&self) -> Result<Claimed, Complaint> {
        self.sweep()?;
        let failed = |error: io::Error| unusable(&self.folder, &error);
        DirBuilder::new().mode(0o700).create(&self.folder).map_err(failed)?;
        Ok(Claimed { folder: self.folder.clone(), inside: self.folder.join("vault") })
    }

    /// Bytes that must stay free where the folder is, which was claimed: some of a disk that the vault itself needs.
    pub(super) fn kept_free(&self) -> Result<u64, Complaint> {
        let failed = |error: io::Error| unusable(&self.folder, &error);
        let disk = Disk::of(&self.folder).map_err(failed)?;
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
        let shared = device(&self.folder).map_err(failed)? == device(&self.vault).map_err(failed)?;
        let reserve = (disk.size / KEPT_FREE).min(KEPT_FREE_AT_MOST);
        Ok(if shared { reserve } else { 0 })
    }

    /// Whether there is room for so many bytes in the folder, which was claimed.
    pub(super) fn has_room(&self, bytes: u64) -> Result<(), Complaint> {
        let disk = Disk::of(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
        let needed = bytes.saturating_add(self.kept_free()?);
        if disk.free < needed {
            let (folder, needed) = (self.folder.display(), figures::bytes(needed));
            let cause = format!("{folder} has no room for a drill, which needs {needed} free");
            return Err(Complaint::new(
                Exit::Temporary,
                cause,
                "make room, or set `scratch` in [backup.drill] to another disk",
            ));
        }
        Ok(())
    }
}

impl Claimed {
    /// The folder itself, for what is fetched on the way.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The directory to restore into, which is not there yet.
    pub(super) fn vault(&self) -> &Path {
        &self.inside
    }

    /// Removes it, and says when that failed.
    pub(super) fn remove(self) -> Result<(), Complaint> {
        remove(&self.folder).map_err(|error| unusable(&self.folder, &error))
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::error!(folder = %self.folder.display(), %error, "what a drill restored could not be removed");
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unusable(folder: &Path, error: &io::Error) -> Complaint {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let cause = format!("the scratch space of drills, {}, cannot be used ({error})", folder.display());
    let remedy = "check the disk and its permissions, or set `scratch` in [backup.drill]";
    Complaint::new(if full { Exit::Temporary } else { Exit::Failure }, cause, remedy)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_claimed_folder_is_ours_alone_and_goes_away_with_its_content() {
        let vault = tempfile::tempdir().unwrap();
        let scratch = Scratch::of(vault.path(), None, "id");
        fs::create_dir_all(vault.path().join("drill-scratch/vault/documents")).unwrap();
        let claimed = scratch.claim().unwrap();
        scratch.has_room(1).unwrap();
        assert_eq!(fs::metadata(&claimed.folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!claimed.vault().exists(), "what a killed drill left is gone");
        fs::create_dir(claimed.vault()).unwrap();
        drop(claimed);
        assert_eq!(fs::read_dir(vault.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_drill_that_would_fill_the_disk_does_not_begin() {
        let (vault, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let scratch = Scratch::of(vault.path(), Some(elsewhere.path()), "id");
        let claimed = scratch.claim().unwrap();
        let refused = scratch.has_room(u64::MAX / 2).unwrap_err();
        drop(claimed);
        assert_eq!(refused.exit(), Exit::Temporary);
        assert!(refused.to_string().contains("coffre-drill-id has no room for a drill"), "{refused}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
