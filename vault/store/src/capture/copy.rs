//! Reading a database file through a descriptor that others use too: by position, to a known end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::watch::Watch;

/// The first bytes of a file, read by position.
pub(super) struct Positioned<'f> {
    file: &'f File,
    watch: &'f Watch,
    at: u64,
    end: u64,
}

impl<'f> Positioned<'f> {
    pub(super) const fn new(file: &'f File, end: u64, watch: &'f Watch) -> Self {
        Self { file, watch, at: 0, end }
    }
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_abandoned() {
            return Err(io::Error::other("the vault is being sealed"));
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.file.read_at(buffer.split_at_mut(length).0, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
