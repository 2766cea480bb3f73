//! Continuous capture: a thread that turns commits into segments, about twice a second, and takes base
//! backups when one is due or asked for, or when the chains cannot be gone on with.
//!
//! It never keeps the writer waiting, with one exception that lasts milliseconds: when the write-ahead logs have become long, most
//! of them is taken into the database files beside it; then the last frames are captured on the writer's thread and what is left is checkpointed.
//! If capture is behind for long (the spool is full), the logs grow up to a limit; beyond it they are
//! checkpointed all the same, so that the vault does not stop for its backups, and the chains go on with
//! a base backup as soon as the spool can take one. What can be restored then ends where it ended.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::CaptureError;
use super::bases::Aside;
use super::chains::Chains;
use super::door::Door;
use super::ends::Lost;
use super::frames::Logs;
use super::landmark::Landmark;
use super::links::Links;
use super::options::{CaptureOptions, WhenFull};
use super::resume::resume;
use super::spool::Spool;
use super::standing::Hold;
use super::step::StepError;
use super::watch::{CaughtUp, Request, Woken};
use crate::error::Unavailable;
use crate::store::Store;
use crate::writer::{Ahead, Leave};

/// After a failure it is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Without anything to do it looks whether a base backup is due.
const IDLE: Duration = Duration::from_secs(30);
/// How often a step begins again because a document was erased meanwhile, and after how long.
const ERASED_MEANWHILE: u32 = 10;
const SOON: Duration = Duration::from_millis(20);
/// How long a base backup under way may keep a vault from being closed, and after it was broken off whatever hangs.
const LAST: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });
/// Logs are taken in ahead of a checkpoint until no more than these frames are left to it, and this often at most.
const FEW: u64 = 512;
const ROUNDS: u32 = 4;

/// The thread, while it runs.
pub(crate) struct Following {
    thread: JoinHandle<()>,
    /// Nothing comes of it: it is closed when the thread ends.
    ended: Receiver<Infallible>,
}

impl Following {
    /// Ends it, with everything captured if that can be. A base backup that takes long is broken off, and taken when the vault
    /// is opened again: to copy tens of gigabytes takes longer than a service is given to stop in. What hangs in the system ends with the process.
    pub(crate) fn end(self, door: &Door) {
        door.shared.watch.stop();
        if !self.ends_soon() {
            door.shared.watch.abandon();
        }
        if !self.ends_soon() {
            return tracing::error!("capture hangs, as on a spool that does not answer: nobody waits for it");
        }
        if self.thread.join().is_err() {
            tracing::error!("capture ended by a panic");
        }
    }

    fn ends_soon(&self) -> bool {
        self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Disconnected)
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
        spool.limit_to(options.spool_limit);
        door.shared.watch.set_on(true, options.longest_wal);
        let follower = Follower::new(door, options, spool);
        let thread = std::thread::Builder::new().name("coffre-capture".to_owned());
        let (running, ended) = channel();
        let run = move || {
            let _until_it_ends = running;
            follower.run();
        };
        let thread = thread.spawn(run).map_err(CaptureError::Read)?;
        self.keep_following(Following { thread, ended });
        Ok(())
    }
}

pub(super) struct Follower {
    pub(super) door: Door,
    pub(super) options: CaptureOptions,
    pub(super) chains: Arc<Mutex<Chains>>,
    /// When a base backup was taken last, or this began; when it is tried again after a failure, how many failed, and whether one was given up.
    pub(super) taken: Instant,
    pub(super) retry_base: Instant,
    pub(super) failures: u32,
    pub(super) given_up: bool,
    /// What the last attempt failed of, for whoever waits for it.
    pub(super) failed: Option<CaptureError>,
    /// Whether it was said that the spool is nearly full.
    warned: bool,
    /// Those who want a base backup that is not begun yet, and the one that is being copied.
    pub(super) wanted: Vec<Sender<Result<super::Captured, CaptureError>>>,
    pub(super) aside: Option<Aside>,
}

impl Follower {
    fn new(door: Door, options: CaptureOptions, spool: Spool) -> Self {
        let chains = Chains {
            links: Links::open(&door.shared),
            logs: Logs::new(&door.shared.layout),
            spool,
            ends: None,
            pending: None,
            unsure: false,
        };
        Self {
            door,
            options,
            chains: Arc::new(Mutex::new(chains)),
            retry_base: Instant::now(),
            failures: 0,
            given_up: false,
            taken: Instant::now(),
            failed: None,
            warned: false,
            wanted: Vec::new(),
            aside: None,
        }
    }

    fn run(mut self) {
        // A start waits for neither.
        let counted = self.chains().spool.count();
        if let Err(error) = counted {
            self.trouble(&CaptureError::Spool(error));
        }
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
        self.finish_base();
        // Nobody counts on the capture from here on: the writer leaves the logs as they are.
        self.checkpoint(Leave::Nothing, None);
        let wanted = std::mem::take(&mut self.wanted).into_iter().map(Request::Base);
        for request in wanted.chain(self.door.shared.watch.wait(Duration::ZERO).requests) {
            request.refuse(CaptureError::Unavailable(Unavailable::Stopping));
        }
    }

    pub(super) fn chains(&self) -> std::sync::MutexGuard<'_, Chains> {
        // One that panicked left its ends behind what is in the spool; they are found again at the next start.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_behind(&self) -> bool {
        let chains = self.chains();
        chains.ends.is_none() || chains.pending.is_some()
    }

    fn serve(&mut self, woken: Woken) {
        if woken.reopened {
            // What was told since is older than what is found now: taken in after that, it would set the mark back.
            self.chains().pending = None;
            self.resume();
        } else {
            self.chains().take_in(woken.told);
        }
        if let Some(why) = woken.broken {
            self.lose(&why);
        }
        let before = self.chains().ends.map(|ends| ends.number);
        self.failed = None;
        let mut waiting = Vec::new();
        for request in woken.requests {
            match request {
                Request::Base(answer) => self.wanted.push(answer),
                Request::Now(answer) => waiting.push(answer),
                Request::BaseEnded => self.finish_base(),
            }
        }
        self.step();
        if woken.hurry && !self.is_behind() {
            if !self.door.shared.checkpoints_wait() {
                self.take_in_most();
            }
            self.checkpoint(Leave::Space, None);
        }
        if !waiting.is_empty() {
            self.retry_base = Instant::now();
        }
        let begun = !woken.stop && self.bases();
        self.tell_spool();
        match &mut self.aside {
            // It is due, or asked for: whoever asks for everything gets it with that.
            Some(aside) if begun => aside.waiting.extend(waiting.into_iter().map(|answer| (answer, before))),
            _ => waiting.into_iter().for_each(|answer| drop(answer.send(self.caught_up(before)))),
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
    pub(super) fn caught_up(&mut self, before: Option<u64>) -> Result<CaughtUp, CaptureError> {
        let reached = {
            let chains = self.chains();
            chains.ends.filter(|_| chains.pending.is_none())
        };
        // A base backup that was due and could not be taken is told, too.
        if let Some(ends) = reached.filter(|_| self.failed.is_none()) {
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
                // What was told since the mark.
                let told = self.door.shared.watch.told();
                (chains.ends, chains.pending, chains.unsure) = (Some(ends), Some(mark), false);
                chains.take_in(told);
            }
            // A generation's first base goes on from nothing.
            Err(Lost::NoBase) => self.chains().forget(),
            Err(why) => self.lose(&chain_of(&why)),
        }
    }

    /// The chains cannot be gone on with: a base backup is taken, and it is told why. Never guessed: ADR 44.
    fn lose(&self, why: &str) {
        tracing::warn!(why, "the chains of the backup cannot be continued: a base backup is taken");
        self.door.shared.watch.begun_anew(self.door.shared.now(), why);
        self.chains().forget();
    }

    pub(super) fn step(&mut self) {
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
    pub(super) fn step_past_erasures(&self) -> Result<(), StepError> {
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

    pub(super) fn trouble(&self, error: &dyn std::error::Error) {
        let cause = chain_of(error);
        if self.door.shared.watch.status().trouble.as_ref() != Some(&cause) {
            tracing::error!(cause, "what was committed could not be captured; it is tried again");
        }
        self.door.shared.watch.in_trouble(cause);
    }

    /// Takes most of the logs into the database files while commits go on, and captures what came meanwhile, so that a checkpoint has little
    /// left to do.
    pub(super) fn take_in_most(&mut self) {
        for _ in 0..ROUNDS {
            let taken = self.try_to_take_in();
            let told = self.door.shared.watch.told();
            self.chains().take_in(told);
            self.step();
            match taken {
                Ok(left) if left > FEW => {}
                Ok(_) => return,
                Err(error) => {
                    let cause = chain_of(&error);
                    return tracing::warn!(cause, "the logs are not taken in ahead of a checkpoint");
                }
            }
        }
    }

    /// Only logs of which something is captured: where that ends is found in the log then, whatever the file is. Gives the
    /// frames that came meanwhile.
    fn try_to_take_in(&self) -> Result<u64, CaptureError> {
        let (shared, ends) = (&self.door.shared, self.chains().ends);
        let Some(which) = ends.map(|ends| [ends.keyring, ends.vault, ends.audit].map(|end| end.wal.is_some())) else {
            return Ok(0);
        };
        let ahead = Ahead::open(shared, which).map_err(CaptureError::Database)?;
        let begun = self.door.exclusively(|shared, files, _| ahead.begin(shared, files))?;
        let ahead = begun.map_err(CaptureError::Database)?;
        Landmark::leave_out(&shared.layout, which).map_err(CaptureError::Read)?;
        ahead.finish(shared).map_err(CaptureError::Database)
    }

    /// Captures the last frames and takes the logs into the database files, unless these have to stand still for somebody
    /// else. Whoever held them lets go with that.
    pub(super) fn checkpoint(&self, leave: Leave, hold: Option<Hold>) {
        let (chains, door) = (Arc::clone(&self.chains), self.door.clone());
        let done = self.door.exclusively(move |shared, files, tail| {
            let mut chains = chains.lock().unwrap_or_else(PoisonError::into_inner);
            let others_hold = hold.is_none() && shared.checkpoints_wait();
            // What was committed before the files were opened again is not told: it is found first.
            if others_hold || shared.watch.is_upset() {
                return Ok(());
            }
            let taken = chains.take_everything(&door, files, tail, leave);
            drop(hold);
            taken.map(drop)
        });
        let failed: Result<(), StepError> = done.map_err(|error| CaptureError::from(error).into()).flatten();
        if let Err(error) = failed {
            self.trouble(&error);
        }
    }
}

/// An error and its causes on one line.
pub(super) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
