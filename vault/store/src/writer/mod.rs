//! The one writer thread: it owns every write connection and commits in groups.
//!
//! Whatever waits when a group is taken is committed together. When a commit fails, the group fails,
//! the files are closed, and the next group opens them again: the vault comes back by itself.

mod access;
mod admission;
mod ahead;
mod checkpoint;
mod entries;
mod erasures;
mod files;
mod group;
mod healing;
mod inbox;
mod job;
mod pending;
mod plan;
mod pruning;
mod reads;
mod recover;
mod shared;
mod sorting;
#[cfg(test)]
mod tests;
mod unsynced;
mod work;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use coffre_core::audit::Draft;

pub(crate) use access::AccessKey;
pub(crate) use ahead::Ahead;
use checkpoint::checkpoint_index;
pub(crate) use checkpoint::{Leave, checkpoint_all};
pub(crate) use erasures::removed_documents;
pub(crate) use files::{Files, KEPT};
pub(crate) use inbox::{Receiver, Sender, inbox};
use job::{ReadJob, TypedJob, WriteJob};
pub(crate) use pending::Answer;
pub use pending::Pending;
use recover::reopen;
pub(crate) use recover::{RecoverError, Recovered, recover, sweep};
pub(crate) use shared::Shared;
pub use work::{Work, WorkError};

use crate::capture::gives_up;
use crate::disclosure::{Depends, Disclosure, Receipt};
use crate::document::Kept;
use crate::error::Unavailable;
use crate::history::Batch;
use crate::log_file::Tail;
use crate::transactions::Transaction;

/// Something done on the writer's thread between groups, with its files and the end of the log.
type Exclusive = Box<dyn FnOnce(Result<(&Files, &Tail), Unavailable>) + Send>;

/// The answer to a transaction, with the receipt of its first entry.
pub(crate) type Committing<T> = Pending<(<T as Transaction>::Output, Receipt), <T as Transaction>::Error>;

/// What is sent to the writer.
pub(crate) enum Message {
    Write(Box<dyn WriteJob>),
    Read(Box<ReadJob>),
    Exclusive(Exclusive),
    Stop,
    /// Somebody waits who goes ahead.
    Ahead,
}

impl Message {
    /// A transaction, and the answer that will come.
    pub(crate) fn write<T: Transaction>(
        transaction: T,
        base: Draft,
        reason: Option<String>,
        depends: Depends,
    ) -> (Self, Committing<T>) {
        let (answer, pending) = Pending::channel();
        (Self::write_then(transaction, base, reason, depends, answer), pending)
    }

    /// A transaction, and what is done with its answer.
    pub(crate) fn write_then<T: Transaction>(
        transaction: T,
        base: Draft,
        reason: Option<String>,
        depends: Depends,
        answer: Answer<(T::Output, Receipt), T::Error>,
    ) -> Self {
        let transaction = Some((transaction, base));
        Self::Write(Box::new(TypedJob::<T> { transaction, reason, depends, result: None, answer }))
    }

    /// A disclosure, and the receipt that will come.
    pub(crate) fn read(disclosure: Disclosure) -> (Self, Pending<Receipt, std::convert::Infallible>) {
        let (answer, pending) = Pending::channel();
        (Self::read_then(disclosure, answer), pending)
    }

    /// A disclosure, and what is done with its receipt.
    pub(crate) fn read_then(disclosure: Disclosure, answer: Answer<Receipt, std::convert::Infallible>) -> Self {
        Self::Read(Box::new(ReadJob { disclosure, answer }))
    }
}

/// At most this many jobs share a commit: bounds the time a group takes.
const GROUP: usize = 512;
/// A write-ahead log of this many pages is checkpointed: 16 MiB.
const CHECKPOINT_PAGES: u64 = 4096;

/// After a failure the files are tried again this often, also when nobody asks for anything.
const RETRY: Duration = Duration::from_secs(1);

/// What is committed together, and what is done after it.
#[derive(Default)]
struct Group {
    writes: Vec<Box<dyn WriteJob>>,
    reads: Vec<ReadJob>,
    exclusive: Option<Exclusive>,
    stop: bool,
}

impl Group {
    fn add(&mut self, message: Message) {
        match message {
            Message::Write(job) => self.writes.push(job),
            Message::Read(job) => self.reads.push(*job),
            Message::Exclusive(act) => self.exclusive = Some(act),
            Message::Stop => self.stop = true,
            Message::Ahead => {}
        }
    }

    fn has_room(&self) -> bool {
        !self.stop && self.exclusive.is_none() && self.writes.len() + self.reads.len() < GROUP
    }
}

/// The writer's own state.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    files: Option<Files>,
    tail: Tail,
    /// The accesses that are being written to `index.db`.
    batch: Batch,
    /// Staged documents of groups that failed: opening the files again tells which are committed.
    undecided: Vec<Kept>,
    /// When building the index anew is tried again, after it failed.
    heal_at: Option<Instant>,
    /// Whether pruned entries may still stand in the log's file.
    pruning: bool,
    /// Nobody has asked for anything for a while.
    resting: bool,
}

impl Drop for Writer {
    /// However it ends, a vault without a writer is not ready.
    fn drop(&mut self) {
        self.shared.set_trouble(Some(Unavailable::Stopping));
    }
}

impl Writer {
    /// Over files that were just recovered.
    pub(crate) fn new(shared: Arc<Shared>, recovered: Recovered) -> Self {
        shared.publish(&recovered.tail);
        let Recovered { files, tail } = recovered;
        let (batch, undecided) = (Batch::default(), Vec::new());
        let (heal_at, pruning, resting) = (None, true, false);
        Self { shared, files: Some(files), tail, batch, undecided, heal_at, pruning, resting }
    }

    /// Serves until it is told to stop or everybody has gone; what was accepted is finished.
    pub(crate) fn run(mut self, messages: &Receiver) {
        let mut stop = false;
        while !stop && let Some(first) = self.next(messages) {
            let (mut ahead, mut group) = (Group::default(), Group::default());
            group.add(first);
            while group.has_room()
                && let Some(message) = messages.another()
            {
                group.add(message);
            }
            messages.ahead().for_each(|message| ahead.add(message));
            stop = group.stop;
            // Apart: what the others ask for cannot fail it. Between two of these the others have their turn.
            self.commit_any(ahead.writes, ahead.reads);
            self.commit_any(group.writes, group.reads);
            if let Some(act) = group.exclusive {
                self.exclusively(act);
            }
            self.checkpoint_if_long();
        }
        self.write_rest_of_history();
        // A copy under way must find the files as they were, and what is not captured its log.
        if !self.shared.capturing.load(Ordering::SeqCst) && !self.shared.watch.is_on() {
            self.checkpoint(Leave::Nothing);
        }
    }

    fn commit_any(&mut self, writes: Vec<Box<dyn WriteJob>>, reads: Vec<ReadJob>) {
        if !writes.is_empty() || !reads.is_empty() {
            self.commit(writes, reads);
        }
    }

    /// Waits for the next message; meanwhile, tries to come out of trouble, builds a damaged index anew, removes
    /// what was pruned, and brings terms to their places. `None` when everybody has gone.
    fn next(&mut self, messages: &Receiver) -> Option<Message> {
        self.resting = false;
        loop {
            let busy = self.heal() | self.remove_pruned() | self.sort_terms();
            let patience = if busy { Duration::ZERO } else { RETRY };
            match messages.next(patience) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) if busy => {}
                Err(RecvTimeoutError::Timeout) if self.files.is_none() => {
                    let _still_in_trouble = self.ready();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.refill_reserve();
                    self.resting = true;
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// The files, opened again if they were closed by a failure.
    fn ready(&mut self) -> Result<(), Unavailable> {
        if self.files.is_none() {
            let recovered = reopen(&self.shared, &self.undecided).map_err(|error| Unavailable::from_recover(&error));
            let recovered = recovered.inspect_err(|cause| self.shared.set_trouble(Some(cause.clone())))?;
            self.shared.publish(&recovered.tail);
            // A change of access may have come into force while the group it was in was reported failed.
            self.shared.remembered.clear();
            self.shared.access.forget();
            self.undecided.clear();
            self.forget_history();
            // The log may begin later than when the group failed.
            self.pruning = true;
            self.tail = recovered.tail;
            self.files = Some(recovered.files);
            self.shared.watch.reopened();
            tracing::info!("the vault is writable again");
        }
        if let Some(files) = &mut self.files {
            files.note_links();
            files.still_linked().inspect_err(|cause| self.shared.set_trouble(Some(cause.clone())))?;
        }
        self.shared.set_trouble(self.shared.reserve.is_spent().then_some(Unavailable::DiskFull));
        Ok(())
    }

    /// Lets go of the accesses in memory: `index.db` holds them all, or is built anew with them.
    fn forget_history(&mut self) {
        self.shared.recent.clear();
        self.batch = Batch::default();
    }

    /// After a failure the connections are never used again: frames of a failed commit could come
    /// back with a later one.
    fn broken(&mut self, cause: &Unavailable) {
        tracing::error!(%cause, "a group failed; the files are opened again");
        self.files = None;
        self.shared.set_trouble(Some(cause.clone()));
    }

    fn exclusively(&mut self, act: Exclusive) {
        if let Err(cause) = self.ready() {
            return act(Err(cause));
        }
        match &self.files {
            Some(files) => act(Ok((files, &self.tail))),
            None => act(Err(Unavailable::Stopping)),
        }
    }

    fn checkpoint_if_long(&self) {
        let Some(files) = &self.files else { return };
        let (shared, watch) = (&self.shared, &self.shared.watch);
        if files.longest_wal() < CHECKPOINT_PAGES || shared.taking_in.load(Ordering::SeqCst) {
            return;
        }
        let waits = shared.checkpoints_wait() && !gives_up(shared, files);
        if !waits && !watch.is_on() {
            self.checkpoint(Leave::Space);
        } else if waits || watch.behind(files.reported()) < watch.limit() {
            if !waits {
                // Only over captured frames: the capture does it.
                watch.hurry();
            }
            if !shared.index.is_condemned() {
                checkpoint_index(shared, files, watch.limit());
            }
        } else {
            watch.broken("the write-ahead logs reached their limit before they could be captured");
            self.checkpoint(Leave::Nothing);
        }
    }

    fn checkpoint(&self, leave: Leave) {
        if let Some(files) = &self.files
            && let Err(error) = checkpoint_all(&self.shared, files, leave)
        {
            tracing::warn!(%error, "a checkpoint has to wait");
        }
    }
}
