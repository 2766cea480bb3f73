//! The server's log on its way to standard error. Nobody waits for whoever reads it: lines gather, and a thread of their own writes
//! them out. What says that a request was answered comes thousands of times a second and waits a moment for others; everything else is
//! written at once, behind what came before.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coffre_store::clock::{Clock as _, SystemClock};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::lines::says_answered;

/// So long a line may wait for others.
const GATHER: Duration = Duration::from_millis(100);
/// So many bytes are written without waiting for more.
const MANY: usize = 64 * 1024;
/// So many bytes gather where nobody takes them: seconds of a busy vault. Lines beyond them are lost, and counted.
const MOST: usize = 4 * 1024 * 1024;
/// What says that a request was answered leaves so many of them to everything else.
const KEPT: usize = 1024 * 1024;

/// Where lines gather. The clones are of one log; with the last of them that is a [`Guard`] the lines are written.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Gathering>);

#[derive(Default)]
struct Gathering {
    gathered: Mutex<Gathered>,
    came: Condvar,
    /// Held while lines are written: they come out in their order.
    out: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    /// What is there is not to wait for more.
    at_once: bool,
    /// Lines for which there was no room.
    lost: u64,
}

impl Gathered {
    /// Takes a line in, if there is room; says whether whoever writes is to be woken.
    fn add(&mut self, line: &[u8], gathers: bool) -> bool {
        let most = if gathers { MOST - KEPT } else { MOST };
        if self.lines.len() + line.len() > most {
            self.lost += 1;
            return false;
        }
        let (first, before) = (self.lines.is_empty(), self.at_once);
        self.lines.extend_from_slice(line);
        self.at_once |= !gathers || self.lines.len() >= MANY;
        first || self.at_once != before
    }
}

/// Writes what has gathered when it is dropped.
pub(super) struct Guard(Log);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.write_out(&mut io::stderr());
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
            let came = self.0.came.wait_while(self.gathered(), |gathered| gathered.lines.is_empty());
            let came = came.unwrap_or_else(PoisonError::into_inner);
            drop(self.0.came.wait_timeout_while(came, GATHER, |gathered| !gathered.at_once));
            self.write_out(&mut io::stderr());
        }
    }

    /// A log that cannot be written must not end the service.
    fn write_out(&self, to: &mut impl Write) {
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = {
            let mut gathered = self.gathered();
            std::mem::swap(&mut gathered.lines, &mut *out);
            gathered.at_once = false;
            std::mem::take(&mut gathered.lost)
        };
        if lost > 0 {
            out.extend_from_slice(told(lost).as_bytes());
        }
        let _unwritable = to.write_all(&out);
        out.clear();
        out.shrink_to(2 * MANY);
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line that says so of others.
fn told(lost: u64) -> String {
    let mut time = [0; 27];
    let (time, target) = (SystemClock.now().text(&mut time).to_owned(), module_path!());
    let message = "lines of this log were lost: nobody took them from standard error in time";
    format!(
        "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"fields\":{{\"message\":\"{message}\",\"lines\":{lost}}},\"target\":\"{target}\"}}\n"
    )
}

/// The way into the log for one event.
pub(super) struct Line<'l> {
    log: &'l Log,
    gathers: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The lock is not held while a thread is woken for it.
        let wake = self.log.gathered().add(bytes, self.gathers);
        if wake {
            self.log.0.came.notify_one();
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
    use serde_json::json;

    use super::*;

    /// What would be written to standard error now.
    fn written(log: &Log) -> String {
        let mut written = Vec::new();
        log.write_out(&mut written);
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn lines_of_answers_gather_until_another_comes() {
        let log = Log::default();
        let mut answered = Line { log: &log, gathers: true };
        answered.write_all(b"1\n").unwrap();
        answered.write_all(b"2\n").unwrap();
        assert!(!log.gathered().at_once);
        log.make_writer().write_all(b"3\n").unwrap();
        assert!(log.gathered().at_once, "with those before it");
        assert_eq!(written(&log), "1\n2\n3\n");
        assert!(!log.gathered().at_once);
        assert_eq!(log.gathered().lines.len(), 0);
        answered.write_all(&vec![b'\n'; MANY]).unwrap();
        assert!(log.gathered().at_once, "so many wait for no more");
    }

    #[test]
    fn answered_requests_leave_room_to_what_says_that_something_is_wrong() {
        let log = Log::default();
        let stuck = log.0.out.lock().unwrap();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        let mut answered = Line { log: &log, gathers: true };
        for _ in 0..=MOST / line.len() {
            answered.write_all(&line).unwrap();
        }
        log.make_writer().write_all(b"sealed\n").unwrap();
        drop(stuck);
        assert!(written(&log).contains("sealed\n"));
    }

    /// Whoever reads standard error may stop doing so: requests go on.
    #[test]
    fn lines_that_nobody_takes_are_lost_and_counted() {
        let log = Log::default();
        let stuck = log.0.out.lock().unwrap();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        for _ in 0..MOST / line.len() + 3 {
            log.make_writer().write_all(&line).unwrap();
        }
        drop(stuck);
        let text = written(&log);
        assert_eq!(text.matches("x\n").count(), MOST / line.len());
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let (lines, level) = (last.pointer("/fields/lines"), last.get("level"));
        assert_eq!((lines, level), (Some(&json!(3)), Some(&json!("WARN"))));
        log.make_writer().write_all(b"{}\n").unwrap();
        assert_eq!(written(&log), "{}\n", "there is room again");
    }
}
