//! One group commit: many transactions and disclosures, three files, one fsync each.
//!
//! | step | durable after it |
//! |---|---|
//! | 1. writes run in the open transactions of `keyring.db` and `vault.db` | nothing |
//! | 2. disclosures are checked again, after the writes | nothing |
//! | 3. COMMIT `keyring.db` | keys of new subjects, tombstones |
//! | 4. COMMIT `vault.db` | the writes, and their entries as pending |
//! | 5. COMMIT `audit.db` | all entries, the signed head |
//! | 6. staged documents are renamed | their names |
//! | 7. `index.db` | nothing that could not be derived |
//! | 8. answers | |
//!
//! After a crash between 4 and 5 the pending entries are appended at start. A failure anywhere fails
//! the whole group: nobody was answered, so nothing was promised.

use coffre_core::audit::{Decision, Draft, MAX_LEAF_LENGTH};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::Writer;
use super::files::Files;
use super::job::{Committed, Ran, ReadJob, WriteJob, reason_owner};
use super::work::{Effects, Surroundings, annotate};
use crate::error::{CommitError, Unavailable};
use crate::index_file::{self, Update};
use crate::log_file::{self, Leaf, Tail};
use crate::{keyring, subject_keys};

/// A write after it ran.
struct RanWrite {
    job: Box<dyn WriteJob>,
    outcome: Outcome,
}

enum Outcome {
    Done(Box<Effects>),
    Refused,
    Moved,
}

/// Disclosures that share one entry: a single one, or equal denials.
struct Shared {
    draft: Draft,
    jobs: Vec<ReadJob>,
}

/// A group that is ready to be committed.
struct Plan {
    time: Timestamp,
    leaves: Vec<Leaf>,
    /// How many of the leaves are of writes: they come first and are pending in `vault.db`.
    pending: usize,
    staged: Vec<String>,
    update: Update,
}

impl Writer {
    /// Commits a group and answers everybody in it.
    pub(super) fn commit(&mut self, writes: Vec<Box<dyn WriteJob>>, reads: Vec<ReadJob>) {
        if let Err(cause) = self.ready() {
            return fail_all(writes, reads, &cause);
        }
        let Some(files) = self.files.take() else { return fail_all(writes, reads, &Unavailable::Stopping) };
        let time = self.shared.clock.now().max(self.tail.time);

        let mut ran = Vec::with_capacity(writes.len());
        if !writes.is_empty()
            && let Err((cause, rest)) = self.run_writes(&files, writes, time, &mut ran)
        {
            fail_all(ran.into_iter().map(|write| write.job).chain(rest).collect(), reads, &cause);
            return self.broken(cause);
        }
        let reads = self.check_reads(&files, reads, time);
        match self.write_out(&files, &mut ran, &reads, time) {
            Ok(change) => {
                self.change = change;
                self.files = Some(files);
                answer_all(ran, reads, self.tail.head.size, time);
            }
            Err(cause) => {
                drop(files);
                let jobs = reads.into_iter().flat_map(|shared| shared.jobs).collect();
                fail_all(ran.into_iter().map(|write| write.job).collect(), jobs, &cause);
                self.broken(cause);
            }
        }
    }

    /// Step 1. Each transaction runs within a savepoint of its own in both files.
    fn run_writes(
        &self,
        files: &Files,
        writes: Vec<Box<dyn WriteJob>>,
        now: Timestamp,
        ran: &mut Vec<RanWrite>,
    ) -> Result<(), (Unavailable, Vec<Box<dyn WriteJob>>)> {
        let shared = &self.shared;
        let around = Surroundings {
            vault: &files.vault,
            keyring: &files.keyring,
            scope: &shared.scope,
            keys: &shared.keys,
            signer: &shared.signer,
            indexes: &shared.indexes,
            now,
        };
        let mut writes = writes.into_iter();
        if let Err(error) = both(files, "BEGIN IMMEDIATE") {
            return Err((cause_of(&error), writes.collect()));
        }
        let mut change = self.change;
        while let Some(mut job) = writes.next() {
            if !shared.access.holds(job.depends(), now) {
                ran.push(RanWrite { job, outcome: Outcome::Moved });
                continue;
            }
            let outcome = both(files, "SAVEPOINT one").map(|()| job.run(&around, change));
            let outcome = match outcome {
                Ok(Ran::Done(effects)) => {
                    change = effects.change;
                    // Raised now for the decisions in flight, and again after the commit for the
                    // snapshots that are taken in between.
                    effects.access.iter().for_each(|key| shared.access.change(*key));
                    both(files, "RELEASE one").map(|()| Outcome::Done(Box::new(effects)))
                }
                Ok(Ran::Refused) => both(files, "ROLLBACK TO one; RELEASE one").map(|()| Outcome::Refused),
                Ok(Ran::Failed(detail)) => {
                    return Err((Unavailable::from_detail(&detail), std::iter::once(job).chain(writes).collect()));
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(outcome) => ran.push(RanWrite { job, outcome }),
                Err(error) => return Err((cause_of(&error), std::iter::once(job).chain(writes).collect())),
            }
        }
        Ok(())
    }

    /// Step 2. What moved is answered at once; equal denials come together under one entry.
    fn check_reads(&self, files: &Files, reads: Vec<ReadJob>, now: Timestamp) -> Vec<Shared> {
        let mut accepted: Vec<Shared> = Vec::with_capacity(reads.len());
        for mut job in reads {
            if !job.disclosure.is_covered() {
                job.not_covered();
            } else if !self.shared.access.holds(&job.disclosure.depends, now) {
                job.moved();
            } else {
                self.annotate_read(files, &mut job);
                let draft = &job.disclosure.draft;
                let denial = draft.decision == Decision::Deny && job.annotation.is_none();
                let twin = accepted.iter_mut().find(|shared| denial && is_twin(&shared.draft, draft));
                match twin {
                    Some(shared) => {
                        shared.draft.count = Some(shared.draft.count.unwrap_or(1) + 1);
                        shared.jobs.push(job);
                    }
                    None => accepted.push(Shared { draft: draft.clone(), jobs: vec![job] }),
                }
            }
        }
        accepted
    }

    fn annotate_read(&self, files: &Files, job: &mut ReadJob) {
        let Some(reason) = job.disclosure.reason.take() else { return };
        let draft = &mut job.disclosure.draft;
        job.annotation = self.annotate(files, draft, &reason);
    }

    /// Commits to a reason in the entry; gives the encrypted text that is kept beside it. A reason
    /// about nobody in particular cannot be erased with anybody's key, so it is not kept.
    fn annotate(&self, files: &Files, draft: &mut Draft, reason: &str) -> Option<Vec<u8>> {
        let (kind, subject) = reason_owner(draft)?;
        let shared = &self.shared;
        let key = keyring::find(&files.keyring, &shared.scope, &shared.keys, &kind, subject).ok().flatten()?;
        let keys = subject_keys(&shared.scope, &kind, subject, &key);
        let annotated = annotate(&keys, draft.request.as_bytes(), shared.keys.epoch, reason)?;
        draft.reason = Some(annotated.commitment);
        Some(annotated.sealed)
    }

    /// Steps 3 to 7. Gives the newest change number.
    fn write_out(
        &mut self,
        files: &Files,
        ran: &mut [RanWrite],
        reads: &[Shared],
        time: Timestamp,
    ) -> Result<u64, Unavailable> {
        let plan = self.plan(files, ran, reads, time)?;
        if plan.leaves.is_empty() {
            if !ran.is_empty() {
                both(files, "ROLLBACK").map_err(|error| cause_of(&error))?;
            }
            return Ok(self.change);
        }
        if !ran.is_empty() {
            let pending = plan.leaves.get(..plan.pending).unwrap_or_default();
            self.write_pending(&files.vault, pending).map_err(|error| cause_of(&error))?;
            files.keyring.execute_batch("COMMIT").map_err(|error| cause_of(&error))?;
            files.vault.execute_batch("COMMIT").map_err(|error| cause_of(&error))?;
        }
        let tail = self.append(&files.audit, &plan.leaves, plan.time)?;
        self.after_commit(files, ran, &plan, tail);
        Ok(plan.update.change)
    }

    /// Step 5.
    fn append(&self, audit: &Connection, leaves: &[Leaf], time: Timestamp) -> Result<Tail, Unavailable> {
        let shared = &self.shared;
        audit.execute_batch("BEGIN IMMEDIATE").map_err(|error| cause_of(&error))?;
        let tail = log_file::append(audit, &self.tail, leaves, time, &shared.origin, &shared.signer)
            .map_err(|error| Unavailable::from_read(&error))?;
        audit.execute_batch("COMMIT").map_err(|error| cause_of(&error))?;
        Ok(tail)
    }

    fn plan(
        &mut self,
        files: &Files,
        ran: &mut [RanWrite],
        reads: &[Shared],
        time: Timestamp,
    ) -> Result<Plan, Unavailable> {
        let first = self.tail.head.size;
        let mut plan = Plan {
            time,
            leaves: Vec::with_capacity(ran.len() + reads.len()),
            pending: 0,
            staged: Vec::new(),
            update: Update { change: self.change, ..Update::default() },
        };
        for write in ran {
            let mut reason = write.job.reason();
            let Outcome::Done(effects) = &mut write.outcome else { continue };
            for mut draft in effects.entries.iter().cloned() {
                // The reason belongs to the first entry.
                let annotation = reason.take().and_then(|text| self.annotate(files, &mut draft, &text));
                push(&mut plan, first, draft, annotation)?;
            }
            for staged in effects.staged.drain(..) {
                let name = staged.keep();
                self.undecided.push(name.clone());
                plan.staged.push(name);
            }
            plan.update.records.append(&mut effects.records);
            plan.update.change = effects.change;
        }
        plan.pending = plan.leaves.len();
        for shared in reads {
            let annotation = shared.jobs.first().and_then(|job| job.annotation.clone());
            push(&mut plan, first, shared.draft.clone(), annotation)?;
        }
        plan.update.entries = first + plan.leaves.len() as u64;
        Ok(plan)
    }

    fn write_pending(&self, vault: &Connection, leaves: &[Leaf]) -> rusqlite::Result<()> {
        vault.prepare_cached("DELETE FROM pending")?.execute([])?;
        let mut insert = vault.prepare_cached("INSERT INTO pending (idx, leaf, annotation) VALUES (?1, ?2, ?3)")?;
        for (index, leaf) in (self.tail.head.size..).zip(leaves) {
            insert.execute(params![index, leaf.bytes, leaf.annotation])?;
        }
        Ok(())
    }

    /// Steps 6 and 7: what is committed stays committed if these fail; the next start makes them good.
    fn after_commit(&mut self, files: &Files, ran: &[RanWrite], plan: &Plan, tail: Tail) {
        self.shared.publish(&tail);
        self.tail = tail;
        self.undecided.clear();
        for write in ran {
            let Outcome::Done(effects) = &write.outcome else { continue };
            effects.access.iter().for_each(|key| self.shared.access.change(*key));
            for (document, version) in &effects.removed {
                if let Err(error) = self.shared.folder.remove(*document, *version) {
                    tracing::error!(%error, "the file of an erased document could not be removed");
                }
            }
        }
        if !plan.staged.is_empty()
            && let Err(error) = self.shared.folder.place_all(&plan.staged)
        {
            tracing::error!(%error, "documents stay in staging until the next start");
        }
        if let Err(error) = index_file::apply(&files.index, &plan.update) {
            tracing::error!(%error, "the index is behind until the next start");
        }
    }
}

fn push(plan: &mut Plan, first: u64, draft: Draft, annotation: Option<Vec<u8>>) -> Result<(), Unavailable> {
    let subjects = draft.subjects.clone();
    let leaf = draft.at(plan.time).leaf().ok().filter(|leaf| leaf.len() <= MAX_LEAF_LENGTH);
    let bytes = leaf.ok_or_else(|| Unavailable::Disk { detail: "an audit entry is too long".to_owned() })?;
    if !subjects.is_empty() {
        plan.update.accesses.push((first + plan.leaves.len() as u64, subjects));
    }
    plan.leaves.push(Leaf { bytes, annotation });
    Ok(())
}

/// Denials that say the same, apart from the call they answer.
fn is_twin(known: &Draft, draft: &Draft) -> bool {
    known.decision == Decision::Deny && Draft { request: known.request, count: known.count, ..draft.clone() } == *known
}

fn both(files: &Files, sql: &str) -> rusqlite::Result<()> {
    files.keyring.execute_batch(sql)?;
    files.vault.execute_batch(sql)
}

pub(super) fn cause_of(error: &rusqlite::Error) -> Unavailable {
    Unavailable::from_database(error)
}

fn answer_all(ran: Vec<RanWrite>, reads: Vec<Shared>, size: u64, time: Timestamp) {
    let entries = |write: &RanWrite| match &write.outcome {
        Outcome::Done(effects) => effects.entries.len() as u64,
        _ => 0,
    };
    let total = ran.iter().map(entries).sum::<u64>() + reads.len() as u64;
    let mut first_index = size.saturating_sub(total);
    for write in ran {
        let count = entries(&write);
        match write.outcome {
            Outcome::Moved => write.job.moved(),
            _ => write.job.answer(&Committed { first_index, time }),
        }
        first_index += count;
    }
    for shared in reads {
        shared.jobs.into_iter().for_each(|job| job.answer(&Committed { first_index, time }));
        first_index += 1;
    }
}

fn fail_all(writes: Vec<Box<dyn WriteJob>>, reads: Vec<ReadJob>, cause: &Unavailable) {
    for job in writes {
        job.fail(cause);
    }
    for job in reads {
        job.fail(cause);
    }
}

impl ReadJob {
    fn not_covered(self) {
        let _gone = self.answer.send(Err(CommitError::NotCovered));
    }
}
