//! Backups into the spool: base backups in `base`, the segments between them in `step` and `follow`. Blind
//! copies of the sealed databases and documents, and the signed manifests that say what they are.

mod ancestors;
mod base;
mod bases;
mod chains;
mod confirmation;
mod copies;
mod copy;
mod documents;
mod door;
mod ends;
mod error;
mod follow;
mod frames;
mod inventory;
mod landmark;
mod links;
mod listing;
mod options;
mod patience;
mod pieces;
mod read_log;
mod resume;
mod retention;
mod spool;
mod standing;
mod step;
mod suspension;
mod watch;

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use coffre_core::ids::GenerationId;
use coffre_core::spool::Ordinal;
use coffre_core::time::Timestamp;

use crate::error::Unavailable;
use crate::store::Store;
use base::{room_for_base, take_base};
pub(crate) use confirmation::Confirmation;
pub(crate) use door::Door;
pub use error::CaptureError;
pub(crate) use follow::Following;
pub(crate) use frames::{FramesError, Logs};
pub(crate) use landmark::forget as forget_landmark;
use links::Links;
pub(crate) use links::{Descriptors, remember_parent};
pub use options::{CaptureOptions, WhenFull};
pub(crate) use patience::gives_up;
pub(crate) use read_log::ReadLog;
use spool::Spool;
pub(crate) use suspension::Suspension;
use watch::Request;
pub use watch::{BegunAnew, CaptureStatus, CaughtUp};
pub(crate) use watch::{Changes, Mark, Watch};

/// A base backup that was taken.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The manifest's number in its generation.
    pub number: u64,
    /// When it was taken.
    pub time: Timestamp,
    /// Bytes of the databases.
    pub database_bytes: u64,
    /// Documents that were not in the spool before, and their bytes.
    pub new_documents: u64,
    /// Bytes of those.
    pub new_document_bytes: u64,
    /// Entries of the log that it holds.
    pub entries: u64,
}

impl Store {
    /// Takes a base backup into a spool, and drops those before the newest `keep`. Reads and writes
    /// go on meanwhile. Where capture goes on continuously, its spool and settings count.
    pub fn capture(&self, spool: &Path, keep: NonZeroU64, software: &str) -> Result<Captured, CaptureError> {
        let door = self.door();
        if door.shared.watch.is_on() {
            let (answer, answered) = channel();
            door.shared.watch.request(Request::Base(answer));
            return answered.recv().unwrap_or(Err(CaptureError::Unavailable(Unavailable::Stopping)));
        }
        let spool = Spool::open(spool, &door.shared.scope)?;
        let links = Links::open(&door.shared);
        let keeping = room_for_base(&door, &spool, &links, keep)?;
        let taken = take_base(&door, &spool, &links, keeping, software);
        taken.map(|(captured, ..)| captured)
    }

    /// Waits until everything that is committed by now is in the spool: by continuous capture where it
    /// goes on, by a base backup otherwise.
    pub fn catch_up(&self, spool: &Path, keep: NonZeroU64, software: &str) -> Result<CaughtUp, CaptureError> {
        let door = self.door();
        if !door.shared.watch.is_on() {
            let captured = self.capture(spool, keep, software)?;
            return Ok(CaughtUp { base: captured.number, taken: true, time: captured.time });
        }
        let (answer, answered) = channel();
        door.shared.watch.request(Request::Now(answer));
        answered.recv().unwrap_or(Err(CaptureError::Unavailable(Unavailable::Stopping)))
    }

    /// Has a base backup taken soon, where commits are captured continuously: the last one does not hold what the next
    /// should. Waits for nothing but the entry that says so.
    pub(crate) fn take_base_soon(&self) {
        let door = self.door();
        if door.shared.watch.is_on() {
            door.note_base();
            // Nobody waits for the answer: what it fails of is told as of any base backup that is due.
            door.shared.watch.request(Request::Base(channel().0));
        }
    }

    /// Has a base backup taken, where commits are captured continuously, and waits for it.
    pub(crate) fn take_base_now(&self) -> Result<(), CaptureError> {
        let door = self.door();
        if !door.shared.watch.is_on() {
            return Ok(());
        }
        door.note_base();
        let (answer, answered) = channel();
        door.shared.watch.request(Request::Base(answer));
        answered.recv().unwrap_or(Err(CaptureError::Unavailable(Unavailable::Stopping))).map(drop)
    }

    /// From now on base backups stay in the spool until every destination has confirmed them, as far as there is room.
    pub fn await_confirmations(&self, when_full: WhenFull) {
        self.door().shared.confirmation.begin(when_full);
    }

    /// Takes which base backup is the newest that every destination holds, if there is one.
    pub fn confirmed(&self, newest: Option<(GenerationId, Ordinal)>) {
        self.door().shared.confirmation.tell(newest);
    }

    /// From now on nothing but copies of the keyring is dropped from the spool, for so long at most and while there is
    /// room: somebody reads all the rest. No time at all ends it. Waits for what is being dropped right now.
    pub fn keep_everything(&self, longest: Duration) {
        self.door().shared.suspension.suspend(longest, Instant::now());
    }

    /// Somebody who knows says that the spool was lost, and that this is no copy of a vault: the next base backup goes where
    /// nothing ever was. Without that it goes where the spool's chains end, and a destination that has more refuses it.
    pub fn spool_was_lost(&self) {
        self.door().shared.afresh.store(true, Ordering::SeqCst);
    }

    /// How continuous capture does.
    pub fn capture_status(&self) -> CaptureStatus {
        self.door().shared.watch.status()
    }
}
