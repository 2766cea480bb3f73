//! The newest tree head that a witness cosigned, as a note, in the file `cosigned-head`. Whoever reads it verifies it:
//! the signatures are in it.

use std::fs;
use std::io;

use crate::durable;
use crate::store::Store;

impl Store {
    /// The note that was kept last, if one was.
    pub fn cosigned_head(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.shared().layout.cosigned_head()) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a note instead of the one before it; durable when this returns.
    pub fn keep_cosigned_head(&self, note: &str) -> io::Result<()> {
        durable::write_private(&self.shared().layout.cosigned_head(), note.as_bytes())
    }
}
