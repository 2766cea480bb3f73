//! How much room the disk of a folder has.

use std::io;
use std::path::Path;

/// The room of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that an account like ours may still write.
    pub free: u64,
    /// Bytes that it has in all.
    pub size: u64,
}

impl Disk {
    /// The disk that a folder is on.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let told = rustix::fs::statvfs(folder)?;
        // Servers of network file systems may tell anything.
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok(Self { free: bytes(told.f_bavail), size: bytes(told.f_blocks) })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_disk_of_a_folder_tells_its_room() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path()).unwrap();
        assert!(disk.size > 0 && disk.free <= disk.size, "{disk:?}");
        assert_eq!(Disk::of(&folder.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
