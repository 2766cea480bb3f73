//! Reading objects while their hashes are computed, with a watch on how far it is. An object whose
//! bytes are not the expected ones ends in an error, so that no copy of it is ever completed.

use std::io::{self, Read};

use coffre_core::spool::{ContentHash, ContentHasher, InventoryEntry, Needed};
use thiserror::Error;

use crate::observer::{self, Cancelled, Observer, Progress, Stage};

/// Why the bytes of an object were not taken. Travels inside an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ContentError {
    /// Fewer bytes than expected, or more.
    #[error("it has {found} bytes or more instead of {expected}")]
    Size { expected: u64, found: u64 },
    /// Other bytes than expected.
    #[error("its SHA-256 is {found} instead of {expected}")]
    Hash { expected: ContentHash, found: ContentHash },
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ContentError {
    /// The reason inside an error that a reader gave, if it is one of these.
    pub(crate) fn within(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

/// Counts the bytes of one stage of a job and tells its observer.
pub(crate) struct Meter<'a> {
    observer: &'a mut dyn Observer,
    progress: Progress,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(observer: &'a mut dyn Observer, stage: Stage, total: u64) -> Self {
        let progress = Progress { stage, done: 0, total };
        observer.progress(progress);
        Self { observer, progress }
    }

    pub(crate) fn add(&mut self, bytes: u64) -> Result<(), Cancelled> {
        self.progress.done += bytes;
        self.observer.progress(self.progress);
        observer::check(self.observer)
    }

    pub(crate) fn done(&self) -> u64 {
        self.progress.done
    }

    pub(crate) fn set_done(&mut self, done: u64) {
        self.progress.done = done;
    }

    /// More turned out to be needed.
    pub(crate) fn expect_more(&mut self, bytes: u64) {
        self.progress.total += bytes;
    }
}

/// The bytes an object must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) size: u64,
    pub(crate) sha256: ContentHash,
}

impl From<&Needed> for Expected {
    fn from(object: &Needed) -> Self {
        Self { size: object.size, sha256: object.sha256 }
    }
}

impl From<&InventoryEntry> for Expected {
    fn from(document: &InventoryEntry) -> Self {
        Self { size: document.size, sha256: document.sha256 }
    }
}

/// Reads an object to its end, which is an error if the bytes were not the expected ones.
pub(crate) struct Checked<'a, 'm, 'o> {
    inner: Box<dyn Read + 'a>,
    expected: Expected,
    hasher: ContentHasher,
    meter: &'m mut Meter<'o>,
}

impl<'a, 'm, 'o> Checked<'a, 'm, 'o> {
    pub(crate) fn new(inner: Box<dyn Read + 'a>, expected: Expected, meter: &'m mut Meter<'o>) -> Self {
        Self { inner, expected, hasher: ContentHasher::default(), meter }
    }

    fn at_end(&self) -> Result<(), ContentError> {
        let Expected { size, sha256 } = self.expected;
        let found = self.hasher.length();
        if found != size {
            return Err(ContentError::Size { expected: size, found });
        }
        let found = self.hasher.clone().finish();
        if found == sha256 { Ok(()) } else { Err(ContentError::Hash { expected: sha256, found }) }
    }
}

impl Read for Checked<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        if read == 0 {
            self.at_end().map_err(io::Error::other)?;
            return Ok(0);
        }
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.meter.add(read as u64).map_err(|cancelled| io::Error::other(ContentError::from(cancelled)))?;
        let (found, expected) = (self.hasher.length(), self.expected.size);
        if found > expected {
            return Err(io::Error::other(ContentError::Size { expected, found }));
        }
        Ok(read)
    }
}

/// Reads an object to its end and says whether its bytes are the expected ones.
pub(crate) fn check(inner: Box<dyn Read + '_>, expected: Expected, meter: &mut Meter<'_>) -> io::Result<()> {
    let mut reader = io::BufReader::with_capacity(256 * 1024, Checked::new(inner, expected, meter));
    io::copy(&mut reader, &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(bytes: &'static [u8], expected: &[u8], size: u64) -> Option<ContentError> {
        let expected = Expected { size, sha256: ContentHash::of(expected) };
        let mut nobody = ();
        let mut meter = Meter::new(&mut nobody, Stage::Verifying, 0);
        check(Box::new(bytes), expected, &mut meter).err().map(|error| ContentError::within(&error).unwrap())
    }

    #[test]
    fn only_the_expected_bytes_reach_an_end() {
        assert_eq!(read(b"abc", b"abc", 3), None);
        assert_eq!(read(b"", b"", 0), None);
        assert_eq!(read(b"ab", b"abc", 3), Some(ContentError::Size { expected: 3, found: 2 }));
        assert_eq!(read(b"abcd", b"abc", 3), Some(ContentError::Size { expected: 3, found: 4 }));
        assert!(matches!(read(b"abd", b"abc", 3), Some(ContentError::Hash { .. })));
    }

    #[test]
    fn a_request_to_stop_ends_the_reading() {
        struct Stop;
        impl Observer for Stop {
            fn cancelled(&self) -> bool {
                true
            }
        }
        let mut stop = Stop;
        let mut meter = Meter::new(&mut stop, Stage::Copying, 0);
        let expected = Expected { size: 3, sha256: ContentHash::of(b"abc") };
        let error = check(Box::new(&b"abc"[..]), expected, &mut meter).unwrap_err();
        assert_eq!(ContentError::within(&error), Some(ContentError::Cancelled(Cancelled)));
    }
}
