//! The thread that takes the steps of a rotation of the data: how fast, and when it rather waits.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coffre_store::{CaptureStatus, Done, Pass, PassError, Rotation, Step, Store, Waits};
use serde::Serialize;
use tokio::sync::{MutexGuard, watch};

/// Records or documents that are encrypted anew in one step: what others wait for at most.
const MOST: u32 = 16;
/// Steps a second, where a rate makes them small.
const STEPS_A_SECOND: u32 = 8;
/// How long it waits for something to pass.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits before what does not open is tried again.
const DAMAGED: Duration = Duration::from_mins(10);
/// A capture that is further behind is not given more to do.
const BEHIND: Duration = Duration::from_secs(10);

/// What this process does about a rotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// There was none since it began.
    #[default]
    Idle,
    /// It goes on.
    UnderWay,
    /// It was ended before its time; the next start goes on.
    Stopped,
    /// It came to its end.
    Finished,
}

/// How a rotation goes in this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// How much of the vault was looked at, in hundredths.
    pub(crate) percent: u32,
    /// Records that were encrypted anew, by this process.
    pub(crate) records: u64,
    /// Versions of documents.
    pub(crate) documents: u64,
    /// Bytes of those.
    pub(crate) document_bytes: u64,
    /// Reasons beside entries of the log.
    pub(crate) reasons: u64,
    /// What it waits for, if it does.
    pub(crate) waits: Option<String>,
}

/// The rotation of a vault's data, as far as this process goes about it.
#[derive(Debug, Default)]
pub(crate) struct Rotating {
    beginning: tokio::sync::Mutex<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
    told: Arc<Told>,
    standing: watch::Sender<Standing>,
}

/// What the thread is told.
#[derive(Debug, Default)]
struct Told {
    stop: AtomicBool,
    /// Records and documents a second; 0 for as many as there is time for.
    rate: AtomicU32,
}

impl Rotating {
    /// Held while a rotation is begun.
    pub(crate) async fn beginning(&self) -> MutexGuard<'_, ()> {
        self.beginning.lock().await
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Goes on with a rotation at its rate, with a thread where there is none.
    pub(crate) fn run(&self, store: &Store, rotation: &Rotation) {
        self.told.rate.store(rotation.rate.map_or(0, NonZeroU32::get), Ordering::SeqCst);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.told.stop.load(Ordering::SeqCst) || thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        self.standing.send_replace(Standing { state: State::UnderWay, ..Standing::default() });
        let runner = Runner { store: store.clone(), told: Arc::clone(&self.told), standing: self.standing.clone() };
        match std::thread::Builder::new().name("coffre-rotation".to_owned()).spawn(move || runner.run()) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => {
                tracing::error!(%error, "the rotation of the data does not go on before the next start");
                self.standing.send_modify(|standing| standing.state = State::Stopped);
            }
        }
    }

    /// Ends the thread at the next moment that loses nothing.
    pub(crate) fn end(&self) {
        self.told.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            thread.thread().unpark();
        }
    }
}

struct Runner {
    store: Store,
    told: Arc<Told>,
    standing: watch::Sender<Standing>,
}

impl Runner {
    fn run(self) {
        let state = match self.passes() {
            Ok(()) => State::Finished,
            Err(PassError::Stopped) => State::Stopped,
            Err(error) => {
                tracing::error!(%error, "the rotation of the data does not go on before the next start");
                State::Stopped
            }
        };
        self.standing.send_modify(|standing| {
            standing.state = state;
            if state == State::Finished {
                (standing.percent, standing.waits) = (100, None);
            }
        });
    }

    /// Passes over the vault until one finds nothing.
    fn passes(&self) -> Result<(), PassError> {
        loop {
            let begun = match Pass::begin(&self.store) {
                Err(error) => {
                    self.fails(&error)?;
                    continue;
                }
                begun => begun?,
            };
            let Some(mut pass) = begun else { return Ok(()) };
            if self.is_through(&mut pass)? {
                tracing::info!(epoch = pass.rotation().epoch, "the data are rotated");
                return Ok(());
            }
        }
    }

    /// Takes the steps of one pass; says whether nothing was left, or it is to be begun again.
    fn is_through(&self, pass: &mut Pass) -> Result<bool, PassError> {
        let is_stopped = || self.told.stop.load(Ordering::SeqCst);
        loop {
            if let Some(why) = waits_for(&self.store.capture_status()) {
                self.waits(why.to_owned());
                self.rest(PATIENCE)?;
                continue;
            }
            let began = Instant::now();
            let rate = self.told.rate.load(Ordering::SeqCst);
            match pass.step(&self.store, most(rate), &is_stopped) {
                Ok(Step::Went(done)) => {
                    self.went(pass, done);
                    self.rest(pause(rate, done.units(), began.elapsed()))?;
                }
                Ok(Step::Waits(Waits::Damaged(count))) => {
                    tracing::error!(count, "what does not open keeps the rotation of the data from its end");
                    self.waits(format!("{count} records, documents or reasons do not open: see the server's log"));
                    self.rest(DAMAGED)?;
                    return Ok(false);
                }
                Ok(Step::Waits(Waits::Uploads)) => {
                    self.waits("documents whose upload began before it".to_owned());
                    self.rest(PATIENCE)?;
                }
                Ok(Step::Waits(Waits::BaseBackup)) => {
                    self.waits("a base backup".to_owned());
                    self.rest(PATIENCE)?;
                }
                Ok(Step::Finished) => return Ok(true),
                Err(error) => self.fails(&error)?,
            }
        }
    }

    fn went(&self, pass: &Pass, done: Done) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 99")]
        let percent = (pass.fraction() * 99.0) as u32;
        self.standing.send_modify(|standing| {
            standing.percent = percent;
            standing.records += done.records;
            standing.documents += done.documents;
            standing.document_bytes += done.document_bytes;
            standing.reasons += done.reasons;
            standing.waits = None;
        });
    }

    fn waits(&self, why: String) {
        self.standing.send_if_modified(|standing| {
            let is_new = standing.waits.as_ref() != Some(&why);
            standing.waits = Some(why);
            is_new
        });
    }

    /// Waits for what failed to pass, unless it is the end.
    fn fails(&self, error: &PassError) -> Result<(), PassError> {
        if self.told.stop.load(Ordering::SeqCst) {
            return Err(PassError::Stopped);
        }
        tracing::warn!(%error, "the rotation of the data waits");
        self.waits(error.to_string());
        self.rest(PATIENCE)
    }

    /// Rests, for less if it is told to stop.
    fn rest(&self, pause: Duration) -> Result<(), PassError> {
        let until = Instant::now() + pause;
        loop {
            if self.told.stop.load(Ordering::SeqCst) {
                return Err(PassError::Stopped);
            }
            match until.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => std::thread::park_timeout(left),
                _ => return Ok(()),
            }
        }
    }
}

/// Why the capture is not given more to do, if it should not be.
fn waits_for(capture: &CaptureStatus) -> Option<&'static str> {
    if !capture.on {
        None
    } else if capture.spool_is_nearly_full() {
        Some("the spool, which is nearly full")
    } else if capture.lag > BEHIND {
        Some("the capture, which is behind")
    } else {
        None
    }
}

/// How much one step may take on.
fn most(rate: u32) -> usize {
    let most = if rate == 0 { MOST } else { (rate / STEPS_A_SECOND).clamp(1, MOST) };
    usize::try_from(most).unwrap_or(1)
}

/// How long to rest after a step: as long as it took, so that others have at least half of the time, and long enough for the rate.
fn pause(rate: u32, units: u64, took: Duration) -> Duration {
    let wanted = if rate == 0 {
        Duration::ZERO
    } else {
        Duration::from_secs(1) / rate * u32::try_from(units).unwrap_or(u32::MAX)
    };
    took.max(wanted.saturating_sub(took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_half_of_the_time_is_left_to_others() {
        let (short, long) = (Duration::from_millis(2), Duration::from_secs(3));
        assert_eq!(pause(0, 16, short), short);
        assert_eq!(pause(100, 16, short), Duration::from_millis(158));
        assert_eq!(pause(100, 16, long), long, "later than the rate asks: others waited for it");
        assert_eq!(pause(100, 0, short), short, "nothing was done");
        assert_eq!([0, 1, 7, 80, 4_000].map(most), [16, 1, 1, 10, 16]);
    }

    #[test]
    fn a_capture_that_is_behind_or_nearly_full_is_waited_for() {
        let well = CaptureStatus { on: true, ..CaptureStatus::default() };
        assert_eq!(waits_for(&well), None);
        assert!(waits_for(&CaptureStatus { lag: Duration::from_secs(11), ..well.clone() }).is_some());
        let full = CaptureStatus { spool_bytes: 80, spool_limit: Some(100), ..well };
        assert!(waits_for(&full).is_some());
        assert_eq!(waits_for(&CaptureStatus { on: false, ..full }), None);
    }
}
