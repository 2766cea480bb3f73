//! Going through the vault for what is of a former epoch, step by step. How fast is up to whoever asks for the steps; between
//! two of them anything may happen, the end of the process included.

use std::collections::{BTreeSet, VecDeque};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::SubjectId;
use coffre_core::spool::DocumentName;

use super::Rotation;
use super::document::{Found, renew};
use super::error::PassError;
use super::old::Old;
use crate::disclosure::Depends;
use crate::error::CommitError;
use crate::store::Store;
use crate::transactions::{FinishRotation, NotReencrypted, ReencryptDocument, ReencryptReasons, ReencryptRecord};
use crate::writer::removed_documents;

/// So many former files that are away each document forgets that comes after them: more than come, so that few are left to the end.
const FORGOTTEN: usize = 4;
/// So many bytes of documents stand in staging before they are committed, or one document that is longer.
const AT_ONCE: u64 = 32 << 20;

/// What was encrypted anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Records, with what requests and holds say about them.
    pub records: u64,
    /// Versions of documents.
    pub documents: u64,
    /// Bytes of their files.
    pub document_bytes: u64,
    /// Reasons beside entries of the log.
    pub reasons: u64,
}

impl Done {
    /// Records and documents: what a rate counts.
    pub const fn units(&self) -> u64 {
        self.records + self.documents
    }
}

/// What a pass waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// A document whose upload began under a former epoch.
    Uploads,
    /// A base backup, which still needs former files.
    BaseBackup,
    /// So many records, documents and reasons do not open: the log of the process names them.
    Damaged(u64),
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This was done in it.
    Went(Done),
    /// There is nothing to do before something else has happened.
    Waits(Waits),
    /// Nothing is left under a former epoch, and the log says so.
    Finished,
}

/// One way through the vault, repeated until nothing is found.
pub struct Pass {
    rotation: Rotation,
    /// The last data subject looked at.
    after: Option<SubjectId>,
    queue: VecDeque<Old>,
    /// The next entry whose reason is looked at; none behind the last.
    next_reason: Option<u64>,
    /// Whether all data subjects were looked at.
    through: bool,
    /// Whether nothing of a former epoch can have come behind this pass.
    clean: bool,
    /// What does not open.
    failed: BTreeSet<SubjectId>,
    failed_reasons: u64,
    /// Former files that are to be removed.
    former: Vec<DocumentName>,
    /// Those that are away, and are still remembered as to be removed.
    gone: Vec<DocumentName>,
}

impl Pass {
    /// Over what the newest rotation has left to do; `None` if it has come to its end, or there is none.
    pub fn begin(store: &Store) -> Result<Option<Self>, PassError> {
        let newest = store.snapshot()?.rotation()?;
        Ok(newest.filter(|rotation| rotation.finished.is_none()).map(|rotation| Self::over(store, rotation)))
    }

    fn over(store: &Store, rotation: Rotation) -> Self {
        let in_use = &store.shared().epoch;
        // Its beginning is seen a moment before it is in force: until then uploads begin under the epoch before.
        let clean = in_use.number() >= rotation.epoch && !in_use.is_former_in_use();
        Self {
            rotation,
            after: None,
            queue: VecDeque::new(),
            next_reason: Some(0),
            through: false,
            clean,
            failed: BTreeSet::new(),
            failed_reasons: 0,
            former: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The rotation that it is of.
    pub const fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// How much of the vault this pass has looked at, from 0 to 1: identifiers are random, so the last one tells.
    pub fn fraction(&self) -> f64 {
        let [first, second, ..] = self.after.map_or([0; 16], |after| *after.as_bytes());
        if self.through { 1.0 } else { f64::from(u16::from_be_bytes([first, second])) / f64::from(u16::MAX) }
    }

    /// Encrypts at most so many records or documents anew, and what waits for `stop` ends within some milliseconds of it.
    pub fn step(&mut self, store: &Store, most: usize, stop: &dyn Fn() -> bool) -> Result<Step, PassError> {
        self.remove_former(store)?;
        if self.queue.is_empty() && !self.through {
            self.look(store)?;
        }
        if !self.queue.is_empty() {
            return self.renew_some(store, most.max(1), stop).map(Step::Went);
        }
        if !self.through {
            return Ok(Step::Went(Done::default()));
        }
        match self.next_reason {
            Some(next) => self.renew_reasons(store, next).map(Step::Went),
            None => self.end(store),
        }
    }

    /// Looks up what is next.
    fn look(&mut self, store: &Store) -> Result<(), PassError> {
        let window = store.snapshot()?.before_epoch(self.after, self.rotation.epoch)?;
        match window.last {
            Some(last) => self.after = Some(last),
            None => self.through = true,
        }
        self.queue.extend(window.old);
        Ok(())
    }

    fn draft(&self) -> Draft {
        Draft::new(Action::Reencrypt, Decision::Allow, self.rotation.request)
    }

    /// Records first, then documents of those: of each all at once, so that the writer commits them together.
    fn renew_some(&mut self, store: &Store, most: usize, stop: &dyn Fn() -> bool) -> Result<Done, PassError> {
        let mut done = Done::default();
        self.renew_records(store, most, &mut done)?;
        let left = most.saturating_sub(usize::try_from(done.records).unwrap_or(most));
        self.renew_documents(store, left, &mut done, stop)?;
        Ok(done)
    }

    fn renew_records(&mut self, store: &Store, most: usize, done: &mut Done) -> Result<(), PassError> {
        let mut sent = Vec::new();
        for of in self.queue.iter().take(most).filter(|of| of.rows) {
            let record = ReencryptRecord { record_type: of.kind.clone(), subject: of.subject };
            sent.push((of.subject, store.transact(record, self.draft(), None, Depends::default())));
        }
        let mut unavailable = None;
        for (subject, committing) in sent {
            match committing.wait() {
                Ok(_) => done.records += 1,
                Err(CommitError::Unavailable(cause)) => unavailable = Some(cause),
                Err(error) => {
                    tracing::error!(%error, cause = cause_of(&error), %subject, "a record could not be encrypted anew");
                    self.failed.insert(subject);
                }
            }
        }
        if let Some(cause) = unavailable {
            // Asked again, those that were done are found to be.
            return Err(cause.into());
        }
        self.queue.iter_mut().take(most).for_each(|of| of.rows = false);
        Ok(())
    }

    fn renew_documents(
        &mut self,
        store: &Store,
        most: usize,
        done: &mut Done,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), PassError> {
        let (staged, mut settled) = self.stage_documents(store, most, stop)?;
        let committed = self.commit_documents(store, staged, &mut settled, done);
        self.queue.iter_mut().for_each(|of| of.documents.retain(|name| !settled.contains(name)));
        while self.queue.front().is_some_and(|of| !of.rows && of.documents.is_empty()) {
            self.queue.pop_front();
        }
        committed
    }

    /// Encrypts some anew, each beside what it is; also gives those that need nothing more.
    fn stage_documents(
        &mut self,
        store: &Store,
        most: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<(Vec<ReencryptDocument>, Vec<DocumentName>), PassError> {
        let (mut staged, mut bytes, mut settled) = (Vec::new(), 0, Vec::new());
        let of_records = self.queue.iter().take_while(|of| !of.rows);
        for (of, name) in of_records.flat_map(|of| of.documents.iter().map(move |name| (of, *name))).take(most) {
            if bytes >= AT_ONCE {
                break;
            }
            match renew(store, of, name, stop)? {
                Found::Renewed(document) => {
                    bytes += document.sealed_length;
                    let (record_type, gone) = (of.kind.clone(), Vec::new());
                    staged.push(ReencryptDocument { record_type, former: name, staged: document, gone });
                }
                Found::Moved => settled.push(name),
                Found::Damaged => {
                    self.failed.insert(of.subject);
                    settled.push(name);
                }
            }
        }
        Ok((staged, settled))
    }

    /// Puts them in the place of what they were; adds those that need nothing more.
    fn commit_documents(
        &mut self,
        store: &Store,
        staged: Vec<ReencryptDocument>,
        settled: &mut Vec<DocumentName>,
        done: &mut Done,
    ) -> Result<(), PassError> {
        let mut sent = Vec::with_capacity(staged.len());
        for replace in staged {
            let gone = self.gone.split_off(self.gone.len().saturating_sub(FORGOTTEN));
            let replace = ReencryptDocument { gone, ..replace };
            let (subject, former, length) = (replace.staged.subject, replace.former, replace.staged.sealed_length);
            let committing = store.transact(replace, self.draft(), None, Depends::default());
            sent.push((subject, former, length, committing));
        }
        let mut trouble = None;
        for (subject, former, length, committing) in sent {
            match committing.wait() {
                Ok(_) => {
                    (done.documents, done.document_bytes) = (done.documents + 1, done.document_bytes + length);
                    self.former.push(former);
                }
                Err(CommitError::Refused(NotReencrypted::Moved) | CommitError::Moved) => {}
                Err(CommitError::NotCovered) => drop(self.failed.insert(subject)),
                Err(CommitError::Unavailable(cause)) => {
                    trouble = Some(PassError::from(cause));
                    continue;
                }
                Err(CommitError::Refused(NotReencrypted::Store(error))) => {
                    trouble = Some(error.0.into());
                    continue;
                }
            }
            settled.push(former);
        }
        trouble.map_or(Ok(()), Err)
    }

    fn renew_reasons(&mut self, store: &Store, from: u64) -> Result<Done, PassError> {
        let found = store.snapshot()?.renewed_reasons(from, store.shared().epoch.number())?;
        let reasons = found.renewed.len() as u64;
        if reasons > 0 {
            let renewed = ReencryptReasons { renewed: found.renewed };
            store.transact(renewed, self.draft(), None, Depends::default()).wait()?;
        }
        (self.next_reason, self.failed_reasons) = (found.next, self.failed_reasons + found.failed);
        Ok(Done { reasons, ..Done::default() })
    }

    /// Removes former files, which no view looks at any more. A base backup that began before may still copy them.
    fn remove_former(&mut self, store: &Store) -> Result<(), PassError> {
        if self.former.is_empty() || store.shared().capturing.load(Ordering::SeqCst) {
            return Ok(());
        }
        let shared = store.shared();
        drop(shared.gate.write().unwrap_or_else(PoisonError::into_inner)); // every view that saw their rows has ended
        shared.folder.remove_all(&self.former).map_err(PassError::Remove)?;
        self.gone.append(&mut self.former);
        Ok(())
    }

    /// What comes after everything was looked at.
    fn end(&mut self, store: &Store) -> Result<Step, PassError> {
        let failed = self.failed.len() as u64 + self.failed_reasons;
        let shared = store.shared();
        if failed > 0 {
            return Ok(Step::Waits(Waits::Damaged(failed)));
        }
        if !self.clean {
            if shared.epoch.is_former_in_use() {
                return Ok(Step::Waits(Waits::Uploads));
            }
            *self = Self { former: std::mem::take(&mut self.former), ..Self::over(store, self.rotation.clone()) };
            return Ok(Step::Went(Done::default()));
        }
        if shared.capturing.load(Ordering::SeqCst) {
            return Ok(Step::Waits(Waits::BaseBackup));
        }
        // Also those that a former pass was stopped before.
        let removed = store.snapshot()?.ask(|reader| Ok(removed_documents(&reader.vault, shared.epoch.number())?))?;
        drop(shared.gate.write().unwrap_or_else(PoisonError::into_inner));
        shared.folder.remove_all(&removed).map_err(PassError::Remove)?;
        let finish = FinishRotation { epoch: self.rotation.epoch, removed };
        match store.transact(finish, self.draft(), None, Depends::default()).wait() {
            Ok(_) => Ok(Step::Finished),
            Err(CommitError::Unavailable(cause)) => Err(cause.into()),
            Err(CommitError::Refused(error)) => Err(error.0.into()),
            Err(CommitError::Moved | CommitError::NotCovered) => Ok(Step::Went(Done::default())),
        }
    }
}

/// What is behind an error, for the log of the process.
fn cause_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, |cause| format!("{cause}; {}", cause_of(cause)))
}
