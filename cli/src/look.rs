//! Looking at a place on a thread of its own, which may outlast the wait for it: a mount may hang, and whoever keeps a place
//! could list names without an end. Once nobody waits any more it is asked to stop where it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use coffre_backup::{Cancelled, Observer};

/// How often whoever waits is asked whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// A look under way, for as long as somebody waits for what it finds.
pub(crate) struct Look<T> {
    told: Receiver<T>,
    over: Arc<AtomicBool>,
}

/// By this a look learns that nobody waits for it.
struct Awaited(Arc<AtomicBool>);

impl Observer for Awaited {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl<T: Send + 'static> Look<T> {
    /// Begins.
    pub(crate) fn begin(find: impl FnOnce(&mut dyn Observer) -> T + Send + 'static) -> Self {
        let (sender, told) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let mut awaited = Awaited(Arc::clone(&over));
        let look = move || {
            let _too_late = sender.send(find(&mut awaited));
        };
        // Where there is no thread to be had, nothing is sent, and that is told.
        let _not_begun = thread::Builder::new().name("coffre-look".to_owned()).spawn(look);
        Self { told, over }
    }

    /// What was found; none where that took too long. An error where whoever waits is asked to stop meanwhile.
    pub(crate) fn ended(&self, until: Instant, observer: &dyn Observer) -> Result<Option<T>, Cancelled> {
        loop {
            if observer.cancelled() {
                return Err(Cancelled);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left.min(TICK)) {
                Ok(found) => return Ok(Some(found)),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                Err(_) => return Ok(None),
            }
        }
    }
}

impl<T> Drop for Look<T> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(duration: Duration) -> Instant {
        Instant::now() + duration
    }

    #[test]
    fn what_is_there_by_then_counts_however_late_it_is_asked_for() {
        let (sender, told) = mpsc::channel();
        let look = Look { told, over: Arc::default() };
        assert_eq!(look.ended(within(Duration::from_millis(5)), &()), Ok(None));
        assert_eq!(look.ended(within(Duration::from_mins(5)), &Awaited(Arc::new(true.into()))), Err(Cancelled));
        assert!(sender.send(7).is_ok());
        assert_eq!(look.ended(Instant::now(), &()), Ok(Some(7)));
        drop(sender);
        assert_eq!(look.ended(within(Duration::from_mins(5)), &()), Ok(None), "nobody sends any more");
    }

    #[test]
    fn a_look_that_nobody_waits_for_is_asked_to_stop() {
        let (stopped, heard) = mpsc::channel();
        let look = Look::begin(move |observer| {
            while !observer.cancelled() {
                thread::yield_now();
            }
            let _gone = stopped.send(());
        });
        assert_eq!(look.ended(within(Duration::from_millis(5)), &()), Ok(None));
        drop(look);
        assert!(heard.recv_timeout(Duration::from_mins(1)).is_ok());
    }
}
