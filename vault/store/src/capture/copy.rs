//! Reading a database file through a descriptor that others use too: by position, to a known end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// The first bytes of a file, read by position.
pub(super) struct Positioned<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl<'f> Positioned<'f> {
    pub(super) const fn new(file: &'f File, end: u64) -> Self {
        Self { file, at: 0, end }
    }
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.file.read_at(buffer.split_at_mut(length).0, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
