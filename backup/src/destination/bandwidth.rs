//! A destination that is written to no faster than it is allowed: the line is shared with people who work. Reading is
//! not held back: a restore is in a hurry.

use std::io::{self, Read};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Contents, Destination, PutError, Source, SourceError};
use crate::observer::Observer;

/// Bytes may come at once that half a second would bring.
const BURST: Duration = Duration::from_millis(500);
/// The most that is read before the line is asked.
const PIECE: usize = 64 * 1024;

/// How fast bytes may go. Pure: told the time, tells how long to wait.
#[derive(Debug)]
struct Line {
    a_second: NonZeroU64,
    /// When everything sent so far has had its time.
    free: Option<Instant>,
}

impl Line {
    /// Takes so many bytes; says how long to wait before more.
    fn take(&mut self, bytes: u64, now: Instant) -> Duration {
        let micros = bytes.saturating_mul(1_000_000) / self.a_second.get();
        let begin = self.free.map_or(now, |free| free.max(now));
        let free = begin + Duration::from_micros(micros);
        self.free = Some(free);
        free.saturating_duration_since(now).saturating_sub(BURST)
    }
}

/// A destination with a limit, over all that is written to it.
pub struct Limited<D> {
    inner: D,
    line: Mutex<Line>,
}

impl<D> Limited<D> {
    /// Writes to a destination at most so many bytes a second.
    pub fn new(inner: D, a_second: NonZeroU64) -> Self {
        Self { inner, line: Mutex::new(Line { a_second, free: None }) }
    }

    fn paced<'r>(&'r self, content: &'r mut dyn Read) -> Paced<'r> {
        Paced { content, line: &self.line }
    }
}

struct Paced<'r> {
    content: &'r mut dyn Read,
    line: &'r Mutex<Line>,
}

impl Read for Paced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(PIECE);
        let read = self.content.read(buffer.split_at_mut(length).0)?;
        wait_for(self.line, read as u64);
        Ok(read)
    }
}

/// Waits until so many bytes may go.
fn wait_for(line: &Mutex<Line>, bytes: u64) {
    let wait = line.lock().unwrap_or_else(PoisonError::into_inner).take(bytes, Instant::now());
    thread::sleep(wait);
}

impl<D: Source> Source for Limited<D> {
    fn label(&self) -> String {
        self.inner.label()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        self.inner.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.inner.list(folder)
    }

    fn prepare(&self, paths: &[String], observer: &mut dyn Observer) -> Result<(), SourceError> {
        self.inner.prepare(paths, observer)
    }

    fn staged(&self, path: &str) -> Option<PathBuf> {
        self.inner.staged(path)
    }
}

impl<D: Destination> Destination for Limited<D> {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.inner.put(path, &mut self.paced(content))
    }

    fn put_in_order(&self, objects: &[(String, Vec<u8>)]) -> Result<(), PutError> {
        wait_for(&self.line, objects.iter().map(|(_, content)| content.len() as u64).sum());
        self.inner.put_in_order(objects)
    }

    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.inner.enqueue(path, &mut self.paced(content))
    }

    fn flush(&self) -> Result<(), PutError> {
        self.inner.flush()
    }

    fn largest(&self) -> Option<u64> {
        self.inner.largest()
    }

    fn tidy(&self) -> Result<(), PutError> {
        self.inner.tidy()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::destination::Memory;

    #[test]
    fn bytes_take_their_time_after_the_first_half_second() {
        let mut line = Line { a_second: NonZeroU64::new(1_000_000).unwrap(), free: None };
        let now = Instant::now();
        let millis = |line: &mut Line, bytes, after| line.take(bytes, now + Duration::from_millis(after)).as_millis();
        assert_eq!(millis(&mut line, 500_000, 0), 0);
        assert_eq!(millis(&mut line, 250_000, 0), 250);
        assert_eq!(millis(&mut line, 250_000, 250), 250);
        // A pause is not saved up.
        assert_eq!(millis(&mut line, 500_000, 10_000), 0);
        assert_eq!(millis(&mut line, 1_000_000, 10_000), 1_000);
    }

    #[test]
    fn segments_wait_for_a_piece_of_a_base_at_most() {
        let mut line = Line { a_second: NonZeroU64::new(1_000_000).unwrap(), free: None };
        let now = Instant::now();
        // A base goes on as soon as it may.
        while line.take(PIECE as u64, now).is_zero() {}
        let piece = Duration::from_micros(PIECE as u64);
        let alone = Duration::from_millis(200);
        let waits = line.take(200_000, now);
        assert!(waits >= alone && waits <= alone + 2 * piece, "{waits:?}");
    }

    #[test]
    fn what_is_written_is_what_was_read_and_not_sooner_than_allowed() {
        let limited = Limited::new(Memory::default(), NonZeroU64::new(2_000_000).unwrap());
        let (begun, content) = (Instant::now(), vec![7; 1_600_000]);
        limited.put("a/object", &mut content.as_slice()).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
        let mut found = Vec::new();
        limited.open("a/object", None).unwrap().read_to_end(&mut found).unwrap();
        assert!(found == content);
    }
}
