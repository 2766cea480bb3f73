//! What the writer tells the capture and what it hears back. The writer never waits here: it notes
//! where each write-ahead log ends after a group, and goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coffre_core::spool::{DocumentChanges, DocumentName, InventoryEntry};
use coffre_core::time::Timestamp;
use serde::Serialize;

use super::options::LONGEST_WAL;
use super::patience::Patience;
use super::{CaptureError, Captured};
use crate::error::Unavailable;

/// What groups did to the list of documents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) added: BTreeMap<DocumentName, InventoryEntry>,
    pub(crate) removed: BTreeSet<DocumentName>,
}

impl Changes {
    pub(crate) fn add(&mut self, entry: InventoryEntry) {
        self.added.insert(entry.name, entry);
    }

    pub(crate) fn remove(&mut self, name: DocumentName) {
        // One that came and went leaves nothing.
        if self.added.remove(&name).is_none() {
            self.removed.insert(name);
        }
    }

    fn then(&mut self, later: Self) {
        later.added.into_values().for_each(|entry| self.add(entry));
        later.removed.into_iter().for_each(|name| self.remove(name));
    }

    pub(super) fn listed(&self) -> DocumentChanges {
        DocumentChanges {
            added: self.added.values().copied().collect(),
            removed: self.removed.iter().copied().collect(),
        }
    }
}

/// A moment between two groups: everything up to it is committed in all three databases.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// Frames in the write-ahead logs of keyring, vault and audit, as the commit hooks reported them.
    pub(crate) frames: [u64; 3],
    pub(crate) time: Timestamp,
    pub(crate) head: String,
    pub(crate) documents: Changes,
}

impl Mark {
    /// Takes in a later one.
    pub(super) fn then(&mut self, later: Self) {
        let mut documents = std::mem::take(&mut self.documents);
        documents.then(later.documents);
        *self = Self { documents, ..later };
    }
}

/// Everything that was committed is in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaughtUp {
    /// The number of the base backup that it rests on.
    pub base: u64,
    /// Whether that was taken for this.
    pub taken: bool,
    /// The moment that the spool reaches.
    pub time: Timestamp,
}

/// Somebody who waits for the capture.
pub(super) enum Request {
    /// For a base backup.
    Base(Sender<Result<Captured, CaptureError>>),
    /// For everything that is committed by now.
    Now(Sender<Result<CaughtUp, CaptureError>>),
    /// For nothing: the thread that copies a base backup has come to its end.
    BaseEnded,
}

impl Request {
    pub(super) fn refuse(self, error: CaptureError) {
        let _gone = match self {
            Self::Base(answer) => answer.send(Err(error)).is_ok(),
            Self::Now(answer) => answer.send(Err(error)).is_ok(),
            Self::BaseEnded => true,
        };
    }
}

#[derive(Default)]
struct State {
    told: Option<Mark>,
    /// When the oldest group that is not captured was committed.
    behind_since: Option<Instant>,
    /// When the first group of `told` was committed.
    told_since: Option<Instant>,
    captured: [u64; 3],
    newest: Option<Timestamp>,
    requests: Vec<Request>,
    reopened: bool,
    hurry: bool,
    stop: bool,
    broken: Option<String>,
    trouble: Option<String>,
    without_base: Option<String>,
    begun_anew: Option<BegunAnew>,
    times_anew: u64,
    spool_bytes: u64,
    spool_limit: Option<u64>,
}

/// Why the chains could not be gone on with, and went on with a base backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BegunAnew {
    /// When that was found.
    pub time: Timestamp,
    /// Why.
    pub why: String,
}

/// How continuous capture does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureStatus {
    /// Whether it runs.
    pub on: bool,
    /// How long the oldest commit has waited that is not in the spool; zero when all are.
    pub lag: Duration,
    /// The newest commit that is in the spool, since this process began.
    pub newest: Option<Timestamp>,
    /// Why it cannot go on, or takes no base backup that is due, if that is so.
    pub trouble: Option<String>,
    /// The last time that the chains could not be gone on with, since this process began.
    pub begun_anew: Option<BegunAnew>,
    /// How often that was.
    pub times_anew: u64,
    /// Bytes in the spool.
    pub spool_bytes: u64,
    /// Bytes that it may take, if that is limited.
    pub spool_limit: Option<u64>,
}

impl CaptureStatus {
    /// Whether the spool has taken four fifths of what it may.
    pub fn spool_is_nearly_full(&self) -> bool {
        self.spool_limit.is_some_and(|limit| self.spool_bytes >= limit / 5 * 4)
    }
}

/// What the capture found when it woke.
pub(super) struct Woken {
    pub(super) told: Option<Mark>,
    pub(super) requests: Vec<Request>,
    pub(super) reopened: bool,
    pub(super) hurry: bool,
    pub(super) stop: bool,
    pub(super) broken: Option<String>,
}

/// Between the writer and the capture.
#[derive(Default)]
pub(crate) struct Watch {
    on: AtomicBool,
    /// Pages of a write-ahead log beyond which it is checkpointed uncaptured.
    limit: AtomicU64,
    /// Commits are refused, because they could not be captured.
    refusing: AtomicBool,
    /// Whatever is copied is let go of: the vault is being sealed.
    abandoned: AtomicBool,
    /// Whether checkpoints wait for a base backup.
    pub(crate) patience: Patience,
    state: Mutex<State>,
    changed: Condvar,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a few assignments that hold together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    pub(crate) fn set_on(&self, on: bool, limit: u64) {
        self.limit.store(limit, Ordering::SeqCst);
        self.on.store(on, Ordering::SeqCst);
        self.refusing.store(false, Ordering::SeqCst);
        *self.lock() = State::default();
    }

    /// Pages of a log that capture may be behind; beyond them it is checkpointed uncaptured.
    pub(crate) fn limit(&self) -> u64 {
        match self.limit.load(Ordering::SeqCst) {
            0 => LONGEST_WAL,
            limit => limit,
        }
    }

    /// How many frames of one of the logs are not captured, of so many in each.
    pub(crate) fn behind(&self, frames: [u64; 3]) -> u64 {
        let captured = self.lock().captured;
        let behind = frames.into_iter().zip(captured).map(|(frames, captured)| frames.saturating_sub(captured));
        behind.max().unwrap_or(0)
    }

    /// Refuses commits from now on, or no longer.
    pub(super) fn refuse(&self, refuse: bool) {
        if self.refusing.swap(refuse, Ordering::SeqCst) != refuse {
            tracing::warn!(refuse, "commits are refused while the spool is full");
        }
    }

    /// Why commits are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<Unavailable> {
        self.refusing.load(Ordering::SeqCst).then_some(Unavailable::SpoolFull)
    }

    /// How much of the spool is taken.
    pub(super) fn spool(&self, bytes: u64, limit: Option<u64>) {
        let mut state = self.lock();
        (state.spool_bytes, state.spool_limit) = (bytes, limit);
    }

    /// Breaks off what is being copied, and whoever goes through the vault a view at a time.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// A group is committed. Whoever waits is woken for the first one that they have not taken yet.
    pub(crate) fn tell(&self, mark: Mark) {
        let mut state = self.lock();
        state.behind_since.get_or_insert_with(Instant::now);
        if let Some(told) = &mut state.told {
            told.then(mark);
        } else {
            (state.told, state.told_since) = (Some(mark), Some(Instant::now()));
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Everything up to now is in a base backup that begins: the logs begin anew.
    pub(super) fn begin_anew(&self) {
        // Nor does it matter any more that the chains before it are broken.
        self.change(|state| (state.told, state.captured, state.hurry, state.broken) = (None, [0; 3], false, None));
    }

    /// The logs were checkpointed with everything in them captured.
    pub(super) fn checkpointed(&self) {
        self.change(|state| (state.captured, state.hurry) = ([0; 3], false));
    }

    /// Everything up to a moment is in the spool.
    pub(super) fn captured(&self, frames: [u64; 3], time: Timestamp) {
        self.change(|state| {
            (state.captured, state.newest, state.trouble) = (frames, Some(time), None);
            state.behind_since = state.told_since.filter(|_| state.told.is_some());
        });
    }

    /// The files were opened again after a failure: what was told before may not be all.
    pub(crate) fn reopened(&self) {
        self.change(|state| (state.told, state.reopened) = (None, true));
    }

    /// Whether the capture has to find its way first: the files were opened again, or the chains are broken.
    pub(crate) fn is_upset(&self) -> bool {
        let state = self.lock();
        state.reopened || state.broken.is_some()
    }

    /// The logs are long.
    pub(crate) fn hurry(&self) {
        if !self.lock().hurry {
            self.change(|state| state.hurry = true);
        }
    }

    /// The chain cannot be continued any more: a base backup is needed.
    pub(crate) fn broken(&self, why: &str) {
        // The logs begin anew.
        self.change(|state| (state.broken, state.captured) = (Some(why.to_owned()), [0; 3]));
    }

    pub(super) fn request(&self, request: Request) {
        let mut state = self.lock();
        if state.stop {
            request.refuse(CaptureError::Unavailable(Unavailable::Stopping));
        } else {
            state.requests.push(request);
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.change(|state| state.stop = true);
    }

    /// The thread that copies a base backup has come to its end.
    pub(super) fn base_ended(&self) {
        self.request(Request::BaseEnded);
    }

    pub(super) fn in_trouble(&self, trouble: String) {
        self.change(|state| {
            state.behind_since.get_or_insert_with(Instant::now);
            state.trouble = Some(trouble);
        });
    }

    /// Why a base backup that is due cannot be taken, while everything else is captured.
    pub(super) fn without_base(&self, cause: Option<String>) {
        self.change(|state| state.without_base = cause);
    }

    /// The chains go on with a base backup, and nothing else.
    pub(super) fn begun_anew(&self, time: Timestamp, why: &str) {
        self.change(|state| {
            state.begun_anew = Some(BegunAnew { time, why: why.to_owned() });
            state.times_anew += 1;
            state.captured = [0; 3];
        });
    }

    pub(super) fn status(&self) -> CaptureStatus {
        let state = self.lock();
        CaptureStatus {
            on: self.is_on(),
            lag: state.behind_since.map(|since| since.elapsed()).unwrap_or_default(),
            newest: state.newest,
            trouble: state.trouble.clone().or_else(|| state.without_base.clone()),
            begun_anew: state.begun_anew.clone(),
            times_anew: state.times_anew,
            spool_bytes: state.spool_bytes,
            spool_limit: state.spool_limit,
        }
    }

    /// What was told since the last time. Nothing while the capture has to find its way first: it would lack what was told
    /// before the files were opened again.
    pub(super) fn told(&self) -> Option<Mark> {
        let mut state = self.lock();
        if state.reopened { None } else { state.told.take() }
    }

    /// Waits until there is something to do, at most so long.
    pub(super) fn wait(&self, longest: Duration) -> Woken {
        let idle = |state: &mut State| {
            let nothing = state.told.is_none() && state.requests.is_empty() && state.broken.is_none();
            nothing && !state.reopened && !state.hurry && !state.stop
        };
        let waited = self.changed.wait_timeout_while(self.lock(), longest, idle);
        Self::woken(&mut waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Lets commits gather for a while, unless something else is to be done.
    pub(super) fn gather(&self, longest: Duration) {
        let calm =
            |state: &mut State| state.requests.is_empty() && state.broken.is_none() && !state.reopened && !state.stop;
        drop(self.changed.wait_timeout_while(self.lock(), longest, calm));
    }

    fn woken(state: &mut State) -> Woken {
        Woken {
            told: state.told.take(),
            requests: std::mem::take(&mut state.requests),
            reopened: std::mem::take(&mut state.reopened),
            hurry: std::mem::take(&mut state.hurry),
            stop: state.stop,
            broken: state.broken.take(),
        }
    }
}

#[cfg(test)]
mod tests;
