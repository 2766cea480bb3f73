//! Reads a document a second time and makes sure that it still is what was examined.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::hexadecimal;

/// Bytes that end in an error unless they have the expected hash.
pub(crate) struct Verified<R> {
    bytes: R,
    hash: Sha256,
    expected: String,
}

impl<R: Read> Verified<R> {
    pub(crate) fn new(bytes: R, expected: &str) -> Self {
        Self { bytes, hash: Sha256::new(), expected: expected.to_owned() }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() && hexadecimal(&self.hash.clone().finalize()) != self.expected {
            let changed = "a document of the source changed while it was imported: run the import again";
            return Err(io::Error::new(io::ErrorKind::InvalidData, changed));
        }
        Ok(read)
    }
}
