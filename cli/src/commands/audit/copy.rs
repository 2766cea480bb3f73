//! Files that somebody else made: a static copy of the log in a folder, of which what the verification calls for is read and
//! nothing else, and single files. None is believed to be as short as it should be.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use coffre_core::tlog::{CopySource, LONGEST_FILE};

/// The folder that the copy is in.
pub(super) struct Folder<'a>(pub(super) &'a Path);

impl CopySource for Folder<'_> {
    type Error = io::Error;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, io::Error> {
        let path = self.0.join(path);
        match fs::metadata(&path) {
            // A pipe would be waited for without end.
            Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
            Ok(_) => read(&path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads a file as far as any file of a log can reach.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_any_file_of_a_log_is_not_read_to_its_end_and_what_is_no_file_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let copy = Folder(folder.path());
        assert!(copy.read("checkpoint").unwrap().is_none());
        fs::write(folder.path().join("short"), "head").unwrap();
        assert_eq!(copy.read("short").unwrap().unwrap(), b"head");
        File::create(folder.path().join("endless")).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(copy.read("endless").unwrap().unwrap().len() as u64, LONGEST_FILE + 1);
        fs::create_dir(folder.path().join("tile")).unwrap();
        assert!(copy.read("tile").is_err());
    }
}
