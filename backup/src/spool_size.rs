//! How much a spool holds, held against what it may.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use coffre_core::spool::Side;
use coffre_core::time::Timestamp;

/// How much of its declared size a spool has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolUse {
    /// Bytes of its objects.
    pub bytes: u64,
    /// Bytes that it may take, if that is limited.
    pub limit: Option<u64>,
}

impl SpoolUse {
    /// Counts a spool.
    pub fn of(spool: &Path, limit: Option<u64>) -> io::Result<Self> {
        let sides = Side::ALL.map(|side| spool.join(side.folder()));
        let bytes = sides.iter().map(|side| bytes_below(side)).sum::<io::Result<u64>>()?;
        Ok(Self { bytes, limit })
    }

    /// Whether four fifths are taken.
    pub fn is_nearly_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.bytes >= limit / 5 * 4)
    }
}

/// Bytes of the objects that came into a spool after a moment: what a destination lacks that holds everything up to it.
pub fn bytes_since(spool: &Path, moment: Timestamp) -> io::Result<u64> {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(moment.as_micros()).unwrap_or(0));
    let is_newer = |metadata: &fs::Metadata| metadata.modified().is_ok_and(|written| written > moment);
    Side::ALL.iter().map(|side| bytes_of(&spool.join(side.folder()), &is_newer)).sum()
}

/// Bytes of all files below a folder, if it is there. What goes meanwhile is not counted.
fn bytes_below(folder: &Path) -> io::Result<u64> {
    bytes_of(folder, &|_| true)
}

fn bytes_of(folder: &Path, counts: &dyn Fn(&fs::Metadata) -> bool) -> io::Result<u64> {
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(folder) {
        Err(error) if absent(&error) => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path(), counts)?,
            Ok(metadata) if counts(&metadata) => metadata.len(),
            Ok(_) => 0,
            Err(error) if absent(&error) => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn objects_count_and_four_fifths_are_nearly_full() {
        let spool = tempfile::tempdir().unwrap();
        assert_eq!(SpoolUse::of(spool.path(), None).unwrap().bytes, 0);
        for (file, bytes) in [("main/a/b/one", 500), ("keyring/two", 299), ("temporary/no", 9_999), ("state.json", 70)]
        {
            let path = spool.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        let used = SpoolUse::of(spool.path(), Some(1_000)).unwrap();
        assert_eq!((used.bytes, used.is_nearly_full()), (799, false));
        fs::write(spool.path().join("main/three"), "x").unwrap();
        assert!(SpoolUse::of(spool.path(), Some(1_000)).unwrap().is_nearly_full());
        assert!(!SpoolUse::of(spool.path(), None).unwrap().is_nearly_full());
        let since = |text: &str| bytes_since(spool.path(), text.parse().unwrap()).unwrap();
        assert_eq!((since("2001-01-01T00:00:00Z"), since("2200-01-01T00:00:00Z")), (800, 0));
    }
}
