//! A static copy of the log in a folder. Reads what the verification calls for and nothing else.

use std::fs;
use std::io;
use std::path::Path;

use coffre_core::tlog::CopySource;

/// The folder that the copy is in.
pub(super) struct Folder<'a>(pub(super) &'a Path);

impl CopySource for Folder<'_> {
    type Error = io::Error;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, io::Error> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
