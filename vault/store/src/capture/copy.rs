//! Reading a database file through a descriptor that others use too: by position, from page to page.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use coffre_pages::{PAGE, Pages};

use super::watch::Watch;

/// Whole pages of a file, read by position.
pub(super) struct Positioned<'f> {
    file: &'f File,
    watch: &'f Watch,
    at: u64,
    end: u64,
    pages: &'f Pages,
    /// The beginning of a page whose end is not read yet.
    begun: Vec<u8>,
    /// The first page that is not the one that it should be, from 1 on.
    wrong: Option<u64>,
}

impl<'f> Positioned<'f> {
    pub(super) const fn new(file: &'f File, range: Range<u64>, watch: &'f Watch, pages: &'f Pages) -> Self {
        Self { file, watch, at: range.start, end: range.end, pages, begun: Vec::new(), wrong: None }
    }

    /// The first page that was read and is not the one that was written, from 1 on.
    pub(super) const fn wrong(&self) -> Option<u64> {
        self.wrong
    }

    fn compare(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun.extend_from_slice(bytes);
        let from = usize::try_from(self.at).unwrap_or_default() + bytes.len() - self.begun.len();
        let whole = self.begun.len() / PAGE * PAGE;
        let (pages, _) = self.begun.split_at(whole);
        for (number, page) in (from / PAGE..).zip(pages.chunks_exact(PAGE)) {
            if !self.pages.holds(number, page)? {
                self.wrong.get_or_insert(number as u64 + 1);
            }
        }
        self.begun.drain(..whole);
        Ok(())
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
        // After it was read: the file stood still until then.
        if self.watch.patience.is_given_up() {
            return Err(io::Error::other("the base backup was given up"));
        }
        self.compare(buffer.split_at(read).0)?;
        if self.wrong.is_some() {
            return Err(io::Error::other("a page is not the one that was written"));
        }
        self.at += read as u64;
        Ok(read)
    }
}
