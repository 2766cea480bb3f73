//! When a base backup is taken, and how: beside the chains, copied on a thread of its own while capture goes on, wherever
//! they can be gone on with; in the chains otherwise, which begin anew with it.
//!
//! It can only stand beside where whatever is written after it can be read with what is before it: the chains are whole in
//! the spool, and the key files are those of the base before.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coffre_core::spool::{ContentHash, MainManifest, Manifest};

use super::base::{Making, room_for_base, take_base};
use super::ends::Ends;
use super::follow::Follower;
use super::links::Links;
use super::retention::Keeping;
use super::standing::{Frozen, Hold, Listing, rebuild_keyring};
use super::step::StepError;
use super::watch::{CaughtUp, Changes};
use super::{CaptureError, CaptureOptions, Captured};
use crate::key_files::RightKeyFiles;
use crate::writer::{Leave, Shared};

/// After a failure a base backup is tried again after this, and less and less often.
const RETRY: Duration = Duration::from_secs(10);
/// How often files are tried to be brought to a standstill beside the chains before it is done in them.
const TRIES: u32 = 10;

/// Somebody who waits for a base backup, and somebody who waits for everything committed, with what was the newest before.
type ForBase = Sender<Result<Captured, CaptureError>>;
type ForAll = (Sender<Result<CaughtUp, CaptureError>>, Option<u64>);

/// A base backup that is copied beside the chains.
pub(super) struct Aside {
    copying: JoinHandle<Result<(Captured, Ends), CaptureError>>,
    hold: Hold,
    /// Where the chains were when the files stood still.
    begun: Ends,
    answers: Vec<ForBase>,
    pub(super) waiting: Vec<ForAll>,
}

impl Follower {
    /// Takes what was asked for or is due, one at a time; whether one was begun that is copied from here on.
    pub(super) fn bases(&mut self) -> bool {
        if self.aside.is_some() {
            return false;
        }
        let answers = std::mem::take(&mut self.wanted);
        if answers.is_empty() {
            if !self.is_due() || self.retry_base > Instant::now() {
                return false;
            }
            self.door.note_base();
        }
        match self.begin(!answers.is_empty()) {
            Ok(Begun::Aside(aside)) => {
                self.aside = Some(Aside { answers, ..*aside });
                true
            }
            Ok(Begun::Taken(captured)) => {
                self.base_taken(&captured, answers);
                false
            }
            Err(error) => {
                self.base_failed(error, answers);
                false
            }
        }
    }

    /// Takes up what the thread that copies came to.
    pub(super) fn finish_base(&mut self) {
        let Some(Aside { copying, hold, begun, answers, waiting }) = self.aside.take() else { return };
        let died = |_| Err(CaptureError::Read(io::Error::other("the copy ended by itself")));
        let copied = copying.join().unwrap_or_else(died);
        // The logs grew meanwhile, and all of it is captured.
        self.take_in_most();
        self.checkpoint(Leave::Nothing, Some(hold));
        match copied {
            Ok((captured, ends)) => {
                if let Some(now) = &mut self.chains().ends {
                    now.rest_on(ends, begun);
                }
                tracing::info!(number = captured.number, "a base backup was taken");
                self.base_taken(&captured, answers);
            }
            Err(error) => self.base_failed(error, answers),
        }
        for (answer, before) in waiting {
            let _gone = answer.send(self.caught_up(before));
        }
    }

    /// Whoever asked for it is told. One that was due, or given up, is tried again: each attempt leaves an entry in the log, so less and less
    /// often, at last every ten minutes.
    fn base_failed(&mut self, error: CaptureError, answers: Vec<ForBase>) {
        let error = error.naming_a_full_disk();
        let cause = error.to_string();
        let behind = || CaptureError::Behind { cause: cause.clone() };
        self.given_up |= matches!(error, CaptureError::GivenUp);
        let is_tried_again = answers.is_empty() || self.given_up;
        let mut answers = answers.into_iter();
        let error = match answers.next() {
            Some(first) => {
                let _gone = first.send(Err(error));
                behind()
            }
            None => error,
        };
        for other in answers {
            let _gone = other.send(Err(behind()));
        }
        if !is_tried_again {
            return;
        }
        if self.door.shared.watch.is_abandoned() {
            tracing::info!("a base backup was broken off; it is taken when the vault is opened again");
            return;
        }
        self.retry_base = Instant::now() + RETRY * 2_u32.pow(self.failures.min(6));
        self.failures += 1;
        let lost = self.chains().ends.is_none();
        if lost {
            self.trouble(&error);
        } else {
            // What is committed is captured all the same, and waits for nothing.
            tracing::error!(cause, "a base backup could not be taken; it is tried again");
            self.door.shared.watch.without_base(Some(cause));
        }
        self.failed = Some(error);
    }

    fn base_taken(&mut self, captured: &Captured, answers: Vec<ForBase>) {
        (self.failures, self.given_up, self.taken) = (0, false, Instant::now());
        self.door.shared.watch.without_base(None);
        for answer in answers {
            let _gone = answer.send(Ok(captured.clone()));
        }
    }

    pub(super) fn is_due(&self) -> bool {
        let now = self.door.shared.now();
        let due = self.chains().ends.is_none_or(|ends| {
            let chains = [ends.keyring, ends.vault, ends.audit];
            let segments: u64 = chains.iter().map(|end| end.segments).sum();
            let base: u64 = chains.iter().map(|end| end.base).sum();
            let age = now.as_micros().saturating_sub(ends.base.as_micros());
            let every = i64::try_from(self.options.base_every.as_micros()).unwrap_or(i64::MAX);
            age >= every || segments > base.max(self.options.little)
        });
        // The log's time stands still for as long as a clock was ahead.
        let long_ago = self.taken.elapsed() >= self.options.base_every;
        due || long_ago || self.given_up || self.would_make_room().unwrap_or(false)
    }

    /// Whether the spool is full, and holds base backups that need not stay any longer.
    fn would_make_room(&self) -> Result<bool, CaptureError> {
        let chains = self.chains();
        if chains.spool.has_room().is_ok() {
            return Ok(false);
        }
        let last = chains.links.last::<MainManifest>(&chains.spool, self.door.generation)?.map(|last| last.manifest);
        let keeping = Keeping::now(&self.door, &chains.spool, last.as_ref(), self.options.keep)?;
        let heading = last.as_ref().map(Manifest::heading);
        Ok(heading.is_some_and(|heading| keeping.makes_room(heading.number.next(), heading.retained_from)))
    }

    fn begin(&mut self, is_asked_for: bool) -> Result<Begun, CaptureError> {
        match self.beside(is_asked_for)? {
            Some(aside) => Ok(Begun::Aside(Box::new(aside))),
            None => self.within().map(Begun::Taken),
        }
    }

    /// In the chains: nothing is captured until it is copied.
    fn within(&mut self) -> Result<Captured, CaptureError> {
        let (captured, hold) = {
            let mut chains = self.chains();
            let CaptureOptions { keep, software, .. } = &self.options;
            let keeping = room_for_base(&self.door, &chains.spool, &chains.links, *keep)?;
            // From here on the logs are checkpointed: only a whole base backup says what is in them.
            chains.forget();
            let (captured, ends, hold) = take_base(&self.door, &chains.spool, &chains.links, keeping, software)?;
            chains.ends = Some(ends);
            self.door.shared.watch.captured([0; 3], captured.time);
            (captured, hold)
        };
        tracing::info!(number = captured.number, "a base backup was taken, and the chains begin anew with it");
        // Logs that grew long meanwhile would be taken for those of a capture that is behind, and the chains broken at once.
        if self.chains().spool.has_room().is_ok() {
            let told = self.door.shared.watch.told();
            self.chains().take_in(told);
            self.step();
        }
        drop(hold);
        Ok(captured)
    }

    /// Beside the chains; none where it cannot be.
    fn beside(&mut self, is_asked_for: bool) -> Result<Option<Aside>, CaptureError> {
        let shared = Arc::clone(&self.door.shared);
        let thorough = is_asked_for || !shared.read_log.was_read_within(self.options.base_every / 2);
        let key_files = shared.right_key_files()?;
        if shared.afresh.load(std::sync::atomic::Ordering::SeqCst) || !self.are_whole(&key_files)? {
            return Ok(None);
        }
        let (keeping, spool) = {
            let chains = self.chains();
            (room_for_base(&self.door, &chains.spool, &chains.links, self.options.keep)?, chains.spool.beside())
        };
        let hold = Hold::for_base(&shared)?;
        self.take_in_most();
        // Whatever it failed of then: it is tried again.
        let frozen = self.freeze_beside().or_else(|error| shared.watch.patience.check().and(Err(error)))?;
        let Some((frozen, listing, begun)) = frozen else { return Ok(None) };
        let (door, software) = (self.door.clone(), self.options.software.clone());
        let copy = move || {
            let _told = Finished(&door);
            let inventory = &listing.documents()?;
            let (links, beside, frozen) = (Links::open(&door.shared), Some(&begun), &frozen);
            let (key_files, software) = (&key_files, software.as_str());
            let making = Making {
                door: &door,
                spool: &spool,
                links: &links,
                frozen,
                inventory,
                beside,
                key_files,
                keeping,
                afresh: false,
                thorough,
                software,
            };
            making.all()
        };
        let thread = std::thread::Builder::new().name("coffre-base".to_owned());
        let copying = thread.spawn(copy).map_err(CaptureError::Read)?;
        Ok(Some(Aside { copying, hold, begun, answers: Vec::new(), waiting: Vec::new() }))
    }

    /// Whether the chains go on from a base with the same key files.
    fn are_whole(&self, key_files: &RightKeyFiles) -> Result<bool, CaptureError> {
        let chains = self.chains();
        // A full spool takes no segments, and a base in the chains all the same: that makes room.
        if chains.ends.is_none() || chains.unsure || chains.spool.has_room().is_err() {
            return Ok(false);
        }
        let last = chains.links.last::<MainManifest>(&chains.spool, self.door.generation)?;
        let same = |last: &MainManifest| {
            let keys = [(&last.keys, &key_files.keys), (&last.recovery, &key_files.recovery)];
            keys.into_iter().all(|(blob, bytes)| blob.sha256 == ContentHash::of(bytes))
        };
        Ok(last.is_some_and(|last| same(&last.manifest)))
    }

    /// Brings the files to a standstill with everything up to then in segments. The rebuilt keyring is captured before, so
    /// that little is left to do while the writer waits.
    fn freeze_beside(&self) -> Result<Option<(Frozen, Listing, Ends)>, CaptureError> {
        let chains = Arc::clone(&self.chains);
        let rebuilt = self.door.exclusively(move |shared, files, tail| {
            all_is_told(shared)?;
            let rebuilt = rebuild_keyring(shared, files, tail).map_err(CaptureError::Database)?;
            let mut chains = chains.lock().unwrap_or_else(PoisonError::into_inner);
            chains.take_in(shared.watch.told());
            chains.take_in(Some(files.mark(tail, Changes::default())));
            Ok::<_, CaptureError>(rebuilt)
        })??;
        for _ in 0..TRIES {
            match self.step_past_erasures() {
                Ok(()) => {}
                Err(StepError::Capture(error)) if !error.is_full_spool() => return Err(error),
                // What cannot be gone on with is begun anew.
                Err(_) => return Ok(None),
            }
            let listing = Listing::open(&self.door.shared)?;
            let (chains, door) = (Arc::clone(&self.chains), self.door.clone());
            let frozen = self.door.exclusively(move |shared, files, tail| {
                shared.watch.patience.check()?;
                // Each chain gets on, so that the base has a position of its own.
                files.overwrite_failed().map_err(CaptureError::Database)?;
                all_is_told(shared)?;
                let mut chains = chains.lock().unwrap_or_else(PoisonError::into_inner);
                if !chains.take_everything(&door, files, tail, Leave::Nothing)? {
                    return Ok(None);
                }
                let Some(ends) = chains.ends else { return Ok(None) };
                let time = shared.clock.now().max(ends.newest);
                let frozen = Frozen::now(files, tail, time, rebuilt, listing);
                let (frozen, listing) = frozen.map_err(CaptureError::Database)?;
                Ok(Some((frozen, listing, ends)))
            })?;
            match frozen {
                Ok(Some(frozen)) => return Ok(Some(frozen)),
                Err(StepError::Capture(error)) if error.is_full_spool() => return Ok(None),
                Err(StepError::Capture(error)) if !error.is_of_something_gone() => return Err(error),
                Err(StepError::Frames(_) | StepError::Segment(_)) => return Ok(None),
                Ok(None) | Err(StepError::Capture(_)) => {}
            }
        }
        Ok(None)
    }
}

/// After the files were opened again it is not: a mark would have rows of documents that it does not list.
fn all_is_told(shared: &Shared) -> Result<(), CaptureError> {
    if shared.watch.is_upset() {
        return Err(CaptureError::Behind { cause: "the files were opened again meanwhile".to_owned() });
    }
    Ok(())
}

/// How a base backup goes.
enum Begun {
    Taken(Captured),
    Aside(Box<Aside>),
}

/// Tells that the thread has ended, however it did.
struct Finished<'d>(&'d super::Door);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.shared.watch.base_ended();
    }
}
