//! The server's log on its way to standard error. What says that a request was answered comes thousands of times a second:
//! such lines gather for a moment and are written together. Everything else is written at once, behind what came before.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::lines::says_answered;

/// So long a line may wait for others.
const GATHER: Duration = Duration::from_millis(100);
/// So many bytes are written without waiting for more.
const MANY: usize = 64 * 1024;

/// Where lines gather. The clones are of one log; with the last of them that is a [`Guard`] the lines are written.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Gathering>);

#[derive(Default)]
struct Gathering {
    lines: Mutex<Vec<u8>>,
    some: Condvar,
}

/// Writes what has gathered when it is dropped.
pub(super) struct Guard(Log);

impl Drop for Guard {
    fn drop(&mut self) {
        write_out(&mut self.0.lines());
    }
}

impl Log {
    /// Begins to write out what gathers.
    pub(super) fn start(&self) -> io::Result<Guard> {
        let log = self.clone();
        std::thread::Builder::new().name("coffre-log".to_owned()).spawn(move || log.keep_writing())?;
        Ok(Guard(self.clone()))
    }

    fn keep_writing(&self) {
        loop {
            let none = |lines: &mut Vec<u8>| lines.is_empty();
            drop(self.0.some.wait_while(self.lines(), none).unwrap_or_else(PoisonError::into_inner));
            std::thread::sleep(GATHER);
            write_out(&mut self.lines());
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log that cannot be written must not end the service.
fn write_out(lines: &mut Vec<u8>) {
    let _unwritable = io::stderr().lock().write_all(lines);
    lines.clear();
}

/// The way into the log for one event.
pub(super) struct Line<'l> {
    log: &'l Log,
    gathers: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.log.lines();
        let first = lines.is_empty();
        lines.extend_from_slice(bytes);
        if !self.gathers || lines.len() >= MANY {
            write_out(&mut lines);
        } else if first {
            self.log.0.some.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Log {
    type Writer = Line<'l>;

    fn make_writer(&'l self) -> Line<'l> {
        Line { log: self, gathers: false }
    }

    fn make_writer_for(&'l self, of: &Metadata<'_>) -> Line<'l> {
        Line { log: self, gathers: says_answered(of) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn lines_of_answers_gather_until_another_comes() {
        let log = Log::default();
        let mut answered = Line { log: &log, gathers: true };
        answered.write_all(b"{}\n").unwrap();
        answered.write_all(b"{}\n").unwrap();
        assert_eq!(log.lines().as_slice(), b"{}\n{}\n");
        log.make_writer().write_all(b"{}\n").unwrap();
        assert!(log.lines().is_empty(), "written, with those before it");
        answered.write_all(&vec![b'\n'; MANY]).unwrap();
        assert!(log.lines().is_empty(), "nobody waits with so many");
    }
}
