//! Continuous capture: a thread that turns commits into segments, about twice a second, and takes base
//! backups when one is due or asked for, or when the chains cannot be gone on with.
//!
//! It never keeps the writer waiting, with one exception that lasts milliseconds: when the write-ahead
//! logs have become long, the last frames are captured on the writer's thread and then checkpointed.
//! If capture is behind for long (the spool is full), the logs grow up to a limit; beyond it they are
//! checkpointed all the same, so that the vault does not stop for its backups, and the chains go on with
//! a base backup as soon as the spool can take one. What can be restored then ends where it ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coffre_core::spool::{MainManifest, Manifest as _};

use super::CaptureError;
use super::base::{room_for_base, take_base};
use super::door::Door;
use super::ends::Ends;
use super::frames::Logs;
use super::landmark::Landmark;
use super::links::Links;
use super::options::{CaptureOptions, WhenFull};
use super::resume::resume;
use super::retention::Keeping;
use super::spool::Spool;
use super::step::{StepError, Stepper};
use super::watch::{CaughtUp, Changes, Mark, Request, Woken};
use crate::error::Unavailable;
use crate::store::Store;
use crate::writer::{Leave, checkpoint_all};

/// Segments of so many bytes are little, however small the base is.
const SMALL: u64 = 64 << 20;
/// After a failure it is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Without anything to do it looks whether a base backup is due.
const IDLE: Duration = Duration::from_secs(30);
/// How often a step begins again because a document was erased meanwhile, and after how long.
const ERASED_MEANWHILE: u32 = 10;
const SOON: Duration = Duration::from_millis(20);
/// More document bytes than this are never copied on the writer's thread.
const LITTLE: u64 = 32 << 20;

/// The thread, while it runs.
pub(crate) struct Following(JoinHandle<()>);

impl Following {
    /// Ends it, with everything captured if that can be.
    pub(crate) fn end(self, door: &Door) {
        door.shared.watch.stop();
        if self.0.join().is_err() {
            tracing::error!("capture ended by a panic");
        }
    }
}

impl Store {
    /// Begins to capture continuously. What was committed before is captured too; a base backup is
    /// taken when there is none to go on from.
    pub fn follow(&self, options: CaptureOptions) -> Result<(), CaptureError> {
        let door = self.door();
        if door.shared.watch.is_on() {
            return Err(CaptureError::Busy);
        }
        let mut spool = Spool::open(&options.spool, &door.shared.scope)?;
        spool.limit_to(options.spool_limit).map_err(CaptureError::Spool)?;
        door.shared.watch.set_on(true, options.longest_wal);
        let chains = Chains {
            links: Links::open(&door.shared),
            logs: Logs::new(&door.shared.layout),
            spool,
            ends: None,
            pending: None,
            unsure: false,
        };
        let follower = Follower {
            door,
            options,
            chains: Arc::new(Mutex::new(chains)),
            retry_base: Instant::now(),
            failures: 0,
            failed: None,
            warned: false,
        };
        let thread = std::thread::Builder::new().name("coffre-capture".to_owned());
        let handle = thread.spawn(move || follower.run()).map_err(CaptureError::Read)?;
        self.keep_following(Following(handle));
        Ok(())
    }
}

/// The chains in the spool and how far they are. Used by one thread at a time.
struct Chains {
    spool: Spool,
    links: Links,
    logs: Logs,
    /// None when they cannot be gone on with.
    ends: Option<Ends>,
    /// Committed and not captured yet.
    pending: Option<Mark>,
    /// Whether the ends may lie further than they are known to: a segment that failed may be there all the same.
    unsure: bool,
}

impl Chains {
    fn take_in(&mut self, told: Option<Mark>) {
        match (&mut self.pending, told) {
            (Some(pending), Some(told)) => pending.then(told),
            (pending @ None, told) => *pending = told,
            (Some(_), None) => {}
        }
    }

    /// Captures what is pending.
    fn step(&mut self, door: &Door) -> Result<(), StepError> {
        let (Some(ends), Some(mark), false) = (&mut self.ends, &self.pending, self.unsure) else { return Ok(()) };
        self.spool.has_room()?;
        let stepped = Stepper { door, spool: &self.spool, logs: &mut self.logs, mark }.run(ends);
        self.unsure = self.spool.take_unsure();
        stepped?;
        door.shared.watch.captured(mark.frames, ends.newest);
        self.pending = None;
        Ok(())
    }
}

struct Follower {
    door: Door,
    options: CaptureOptions,
    chains: Arc<Mutex<Chains>>,
    /// When a base backup is tried again after a failure, and how many have failed.
    retry_base: Instant,
    failures: u32,
    /// What the last attempt failed of, for whoever waits for it.
    failed: Option<CaptureError>,
    /// Whether it was said that the spool is nearly full.
    warned: bool,
}

impl Follower {
    fn run(mut self) {
        self.resume();
        let mut stop = false;
        while !stop {
            let waits = self.is_behind() || self.door.shared.watch.refusal().is_some();
            let longest = if waits { RETRY } else { IDLE };
            let woken = self.door.shared.watch.wait(longest);
            let started = Instant::now();
            stop = woken.stop;
            self.serve(woken);
            if !stop {
                let gathered = self.options.interval.saturating_sub(started.elapsed());
                self.door.shared.watch.gather(gathered);
            }
        }
        // Nobody counts on the capture from here on: the writer leaves the logs as they are.
        self.checkpoint(Leave::Nothing);
        for request in self.door.shared.watch.wait(Duration::ZERO).requests {
            request.refuse(CaptureError::Unavailable(Unavailable::Stopping));
        }
    }

    fn chains(&self) -> std::sync::MutexGuard<'_, Chains> {
        // One that panicked left its ends behind what is in the spool; they are found again at the next start.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_behind(&self) -> bool {
        let chains = self.chains();
        chains.ends.is_none() || chains.pending.is_some()
    }

    fn serve(&mut self, woken: Woken) {
        if woken.reopened {
            self.chains().pending = None;
            self.resume();
        }
        self.chains().take_in(woken.told);
        if let Some(why) = woken.broken {
            self.lose(&why);
        }
        let before = self.chains().ends.map(|ends| ends.number);
        self.failed = None;
        let mut waiting = Vec::new();
        for request in woken.requests {
            match request {
                Request::Base(answer) => drop(answer.send(self.base())),
                Request::Now(answer) => waiting.push(answer),
            }
        }
        self.step();
        if woken.hurry && !self.is_behind() {
            self.checkpoint(Leave::Space);
        }
        if !waiting.is_empty() {
            self.retry_base = Instant::now();
        }
        self.base_if_due();
        self.tell_spool();
        for answer in waiting {
            let _gone = answer.send(self.caught_up(before));
        }
    }

    /// How much of the spool is taken, with a warning well before it is full; and whether the vault is to refuse.
    fn tell_spool(&mut self) {
        let watch = &self.door.shared.watch;
        let (bytes, has_room, lost) = {
            let chains = self.chains();
            let has_room = chains.spool.has_room().is_ok();
            (chains.spool.bytes(), has_room, chains.ends.is_none())
        };
        watch.spool(bytes, self.options.spool_limit);
        let failed = self.failed.as_ref().is_some_and(CaptureError::is_full_spool);
        // Between two tries of a base backup nothing is known that was not known before.
        let waits = lost && self.failures > 0 && watch.refusal().is_some();
        watch.refuse(self.options.when_full == WhenFull::Refuse && (!has_room || failed || waits));
        let status = watch.status();
        let nearly = status.spool_is_nearly_full();
        if nearly && !self.warned {
            let (bytes, limit) = (status.spool_bytes, status.spool_limit);
            tracing::warn!(bytes, limit, "the spool has taken four fifths of its declared size");
        }
        self.warned = nearly;
    }

    /// Whether everything that was told is in the spool.
    fn caught_up(&mut self, before: Option<u64>) -> Result<CaughtUp, CaptureError> {
        let reached = {
            let chains = self.chains();
            chains.ends.filter(|_| chains.pending.is_none())
        };
        if let Some(ends) = reached {
            return Ok(CaughtUp { base: ends.number, taken: before != Some(ends.number), time: ends.newest });
        }
        // The first who waits learns the error itself, with what it means for the caller.
        let cause = || self.door.shared.watch.status().trouble.unwrap_or_default();
        Err(self.failed.take().unwrap_or_else(|| CaptureError::Behind { cause: cause() }))
    }

    /// Goes on from what is in the spool, if that can be.
    fn resume(&mut self) {
        let resumed = {
            let mut chains = self.chains();
            let Chains { spool, links, logs, .. } = &mut *chains;
            resume(&self.door, spool, links, logs)
        };
        match resumed {
            Ok((ends, mark)) => {
                let mut chains = self.chains();
                // What was told meanwhile is later than the mark.
                let told = self.door.shared.watch.told();
                (chains.ends, chains.pending, chains.unsure) = (Some(ends), Some(mark), false);
                chains.take_in(told);
            }
            Err(why) => self.lose(&chain_of(&why)),
        }
    }

    fn lose(&self, why: &str) {
        tracing::warn!(why, "the chains of the backup cannot be continued: a base backup is taken");
        let mut chains = self.chains();
        (chains.ends, chains.pending, chains.unsure) = (None, None, false);
    }

    fn step(&mut self) {
        if self.chains().unsure {
            // Whoever ships may have seen it: it is gone on from, never replaced by another.
            self.chains().pending = None;
            self.resume();
        }
        match self.step_past_erasures() {
            Ok(()) => {}
            Err(StepError::Frames(error)) => {
                self.door.shared.watch.in_trouble(chain_of(&error));
                self.lose(&chain_of(&error));
            }
            Err(error) => {
                self.trouble(&error);
                if let StepError::Capture(error) = error {
                    self.failed = Some(error.naming_a_full_disk());
                }
            }
        }
    }

    /// A document that was erased since the mark is not there any more: with what was told meanwhile it is not asked for.
    fn step_past_erasures(&self) -> Result<(), StepError> {
        let mut tries = 0;
        loop {
            let stepped = self.chains().step(&self.door);
            match stepped {
                Err(StepError::Capture(error)) if error.is_of_something_gone() && tries < ERASED_MEANWHILE => {
                    tries += 1;
                    // The erasure is told once its group is finished.
                    std::thread::sleep(SOON);
                    self.chains().take_in(self.door.shared.watch.told());
                }
                stepped => return stepped,
            }
        }
    }

    fn trouble(&self, error: &dyn std::error::Error) {
        let cause = chain_of(error);
        if self.door.shared.watch.status().trouble.as_ref() != Some(&cause) {
            tracing::error!(cause, "what was committed could not be captured; it is tried again");
        }
        self.door.shared.watch.in_trouble(cause);
    }

    /// Captures the last frames and takes the logs into the database files.
    fn checkpoint(&self, leave: Leave) {
        let (chains, door) = (Arc::clone(&self.chains), self.door.clone());
        let done = self.door.exclusively(move |shared, files, tail| {
            let mut chains = chains.lock().unwrap_or_else(PoisonError::into_inner);
            chains.take_in(shared.watch.told());
            chains.take_in(Some(files.mark(tail, Changes::default())));
            let documents = chains.pending.iter().flat_map(|mark| mark.documents.added.values());
            let little = documents.map(|entry| entry.size).sum::<u64>() <= LITTLE;
            if !little
                || chains.ends.is_none()
                || chains.unsure
                || shared.capturing.load(std::sync::atomic::Ordering::SeqCst)
            {
                return Ok(());
            }
            chains.step(&door)?;
            checkpoint_all(shared, files, leave).map_err(CaptureError::Database)?;
            shared.watch.checkpointed();
            if let Some(ends) = &mut chains.ends {
                ends.all_mut().into_iter().for_each(|(_, end)| end.wal = None);
                Landmark::write(&shared.layout, door.generation, ends.last()).map_err(CaptureError::Read)?;
            }
            Ok(())
        });
        let failed: Result<(), StepError> = done.map_err(|error| CaptureError::from(error).into()).flatten();
        if let Err(error) = failed {
            self.trouble(&error);
        }
    }

    fn base_if_due(&mut self) {
        let now = self.door.shared.now();
        let due = self.chains().ends.is_none_or(|ends| {
            let chains = [ends.keyring, ends.vault, ends.audit];
            let segments: u64 = chains.iter().map(|end| end.segments).sum();
            let base: u64 = chains.iter().map(|end| end.base).sum();
            let age = now.as_micros().saturating_sub(ends.base.as_micros());
            let every = i64::try_from(self.options.base_every.as_micros()).unwrap_or(i64::MAX);
            age >= every || segments > base.max(SMALL)
        });
        let due = due || self.would_make_room().unwrap_or(false);
        if due && self.retry_base <= Instant::now() {
            self.door.note_base();
            self.failures = match self.base() {
                Ok(_) => 0,
                Err(error) => {
                    // Each attempt leaves an entry in the log: less and less often, at last every ten minutes.
                    self.retry_base = Instant::now() + RETRY * 10 * 2_u32.pow(self.failures.min(6));
                    self.trouble(&error);
                    self.failed = Some(error);
                    self.failures + 1
                }
            };
        }
    }

    /// Whether the spool is full, and holds base backups that need not stay any longer.
    fn would_make_room(&self) -> Result<bool, CaptureError> {
        let chains = self.chains();
        if chains.spool.has_room().is_ok() {
            return Ok(false);
        }
        let keeping = Keeping::now(&self.door, &chains.spool, self.options.keep)?;
        let last = chains.links.last::<MainManifest>(&chains.spool, self.door.generation)?;
        let heading = last.as_ref().map(|last| last.manifest.heading());
        Ok(heading.is_some_and(|heading| keeping.makes_room(heading.number.next(), heading.retained_from)))
    }

    fn base(&self) -> Result<super::Captured, CaptureError> {
        let mut chains = self.chains();
        let CaptureOptions { keep, software, .. } = &self.options;
        let keeping = room_for_base(&self.door, &chains.spool, &chains.links, *keep)?;
        // From here on the logs are checkpointed: only a whole base backup says what is in them.
        (chains.ends, chains.pending, chains.unsure) = (None, None, false);
        let (captured, ends) = take_base(&self.door, &chains.spool, &chains.links, keeping, software)?;
        chains.ends = Some(ends);
        self.door.shared.watch.captured([0; 3], captured.time);
        tracing::info!(number = captured.number, "a base backup was taken");
        Ok(captured)
    }
}

/// An error and its causes on one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
