//! One group commit: many transactions and disclosures, three files, one fsync each.
//!
//! | step | durable after it |
//! |---|---|
//! | 1. writes run in the open transactions of `keyring.db` and `vault.db` | nothing |
//! | 2. disclosures are checked again, after the writes | nothing |
//! | 3. staged documents get the names of their rows, fsync of the staging folder | the documents, in staging |
//! | 4. COMMIT `keyring.db` | keys of new subjects |
//! | 5. COMMIT `vault.db` | the writes, and their entries as pending |
//! | 6. COMMIT `audit.db` | all entries, the signed head |
//! | 7. COMMIT `keyring.db` again, if somebody was erased | tombstones in the place of keys |
//! | 8. staged documents are renamed, then those of the erased removed | their names |
//! |    COMMIT `audit.db` again, if the log was pruned | where it begins |
//! | 9. `index.db` | nothing that could not be derived |
//! | 10. answers | |
//!
//! After 5 a group is gone through with: whatever a crash or a failure leaves undone from there on is
//! done when the files are opened again. A failure up to 7 fails the whole group: nobody was answered,
//! so nothing was promised. A transaction that cannot be done is refused alone.

use std::cell::RefCell;
use std::collections::HashSet;

use coffre_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::Writer;
use super::erasures::destroy_keys;
use super::files::Files;
use super::job::{Committed, Ran, ReadJob, WriteJob};
use super::plan::{Listening, Outcome, Plan, RanWrite};
use super::work::Surroundings;
use crate::answered;
use crate::connection;
use crate::error::Unavailable;
use crate::index_file::{self, Update};
use crate::log_file::{self, Leaf, Tail};
use crate::tile_file;

impl Writer {
    /// Commits a group and answers everybody in it.
    pub(super) fn commit(&mut self, writes: Vec<Box<dyn WriteJob>>, reads: Vec<ReadJob>) {
        let (writes, reads) = self.admit((writes, reads));
        if writes.is_empty() && reads.is_empty() {
            return;
        }
        if let Err(cause) = self.ready() {
            return fail_all(writes, reads, &cause);
        }
        let Some(files) = self.files.take() else { return fail_all(writes, reads, &Unavailable::Stopping) };
        let time = self.shared.now();

        let mut ran = Vec::with_capacity(writes.len());
        if !writes.is_empty()
            && let Err((cause, rest)) = self.run_writes(&files, writes, time, &mut ran)
        {
            drop(files);
            self.broken(&cause);
            return fail_all(ran.into_iter().map(|write| write.job).chain(rest).collect(), reads, &cause);
        }
        // Nothing but the log is read for this: no write ran, and no key is looked up to encrypt a reason.
        let only_appends = ran.is_empty() && !reads.iter().any(ReadJob::has_reason);
        let reads = self.check_reads(&files, reads, time);
        let (mut plan, reads) = Plan::make(self.tail.head.size, &mut ran, reads, time);
        match self.write_out(&files, only_appends, &ran, &plan) {
            Ok(()) => {
                let finished = self.finish(&files, &ran, &plan);
                if finished.is_ok() && self.shared.watch.is_on() && !plan.leaves.is_empty() {
                    self.shared.watch.tell(files.mark(&self.tail, std::mem::take(&mut plan.documents)));
                }
                self.shared.note_wal(&files);
                self.files = Some(files);
                if let Err(cause) = finished {
                    self.broken(&cause);
                }
                // Whoever is answered finds the epoch of what they uploaded let go of.
                drop(plan);
                answer_all(ran, reads, time);
            }
            Err(cause) => {
                drop(files);
                self.undecided.extend(plan.staged);
                self.broken(&cause);
                for write in ran {
                    write.job.fail(&cause);
                }
                for waiting in reads.into_iter().flat_map(|entry| entry.waiting) {
                    waiting.fail(&cause);
                }
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
        let (shared, keys) = (&self.shared, self.shared.keys());
        let around = Surroundings {
            vault: &files.vault,
            keyring: &files.keyring,
            scope: &shared.scope,
            keys: &keys,
            epoch: shared.epoch.number(),
            indexes: &shared.indexes,
            remembered: &shared.remembered,
            touched: RefCell::new(HashSet::new()),
            now,
        };
        let mut writes = writes.into_iter();
        if let Err(error) = both(files, "BEGIN IMMEDIATE") {
            return Err((cause_of(&error), writes.collect()));
        }
        let mut next_entry = self.tail.head.size;
        while let Some(mut job) = writes.next() {
            match self.run_one(files, &around, job.as_mut(), &mut next_entry) {
                Ok(outcome) => ran.push(RanWrite { job, outcome, first_index: 0 }),
                Err(cause) => return Err((cause, std::iter::once(job).chain(writes).collect())),
            }
        }
        Ok(())
    }

    fn run_one(
        &self,
        files: &Files,
        around: &Surroundings<'_>,
        job: &mut dyn WriteJob,
        next_entry: &mut u64,
    ) -> Result<Outcome, Unavailable> {
        if !self.shared.access.holds(job.depends(), around.now) {
            return Ok(Outcome::Moved);
        }
        both(files, "SAVEPOINT one").map_err(|error| cause_of(&error))?;
        let outcome = match job.run(around, *next_entry) {
            Ran::Done(mut effects) => {
                let drafts = std::mem::take(&mut effects.entries);
                let entries = self.prepare(files, drafts, job.reason(), around.now)?;
                entries.map_or(Outcome::Unsayable, |entries| Outcome::Done(effects, entries))
            }
            Ran::Refused => Outcome::Refused,
            Ran::Failed(cause) => return Err(cause),
        };
        if let Outcome::Done(effects, entries) = &outcome {
            *next_entry += entries.len() as u64;
            // Raised now for the decisions in flight, and again after the commit for the snapshots that
            // are taken in between.
            effects.access.iter().for_each(|key| self.shared.access.change(*key));
            around.touch(effects, entries.iter().flat_map(|entry| &entry.says().subjects));
            both(files, "RELEASE one").map_err(|error| cause_of(&error))?;
        } else {
            both(files, "ROLLBACK TO one").map_err(|error| cause_of(&error))?;
            both(files, "RELEASE one").map_err(|error| cause_of(&error))?;
        }
        Ok(outcome)
    }

    /// Steps 3 to 7.
    fn write_out(
        &mut self,
        files: &Files,
        only_appends: bool,
        ran: &[RanWrite],
        plan: &Plan,
    ) -> Result<(), Unavailable> {
        if let Some(database) = files.damaged(only_appends) {
            return Err(Unavailable::damaged(database));
        }
        if !plan.staged.is_empty() {
            self.shared.folder.name_all(&plan.staged).map_err(|error| Unavailable::from_io(&error))?;
        }
        if plan.pending > 0 {
            let pending = plan.leaves.get(..plan.pending).unwrap_or_default();
            self.write_pending(&files.vault, pending).map_err(|error| cause_of(&error))?;
            answered::forget(&files.vault, plan.time).map_err(|error| cause_of(&error))?;
            both(files, "COMMIT").map_err(|error| cause_of(&error))?;
        } else if !ran.is_empty() {
            both(files, "ROLLBACK").map_err(|error| cause_of(&error))?;
        }
        if !plan.leaves.is_empty() {
            self.tail = self.append(&files.audit, plan)?;
            self.shared.publish(&self.tail);
            tile_file::keep(&self.shared.layout, &self.tail);
        }
        destroy_keys(files, &self.shared.signer, &plan.erased).map_err(|error| Unavailable::from_read(&error))
    }

    fn write_pending(&self, vault: &Connection, leaves: &[Leaf]) -> rusqlite::Result<()> {
        vault.prepare_cached("DELETE FROM pending")?.execute([])?;
        let mut insert = vault.prepare_cached("INSERT INTO pending (idx, leaf, annotation) VALUES (?1, ?2, ?3)")?;
        for (index, leaf) in (self.tail.head.size..).zip(leaves) {
            insert.execute(params![index, leaf.bytes, leaf.annotation])?;
        }
        Ok(())
    }

    /// Step 6.
    fn append(&self, audit: &Connection, plan: &Plan) -> Result<Tail, Unavailable> {
        let shared = &self.shared;
        run(audit, "BEGIN IMMEDIATE").map_err(|error| cause_of(&error))?;
        let Plan { leaves, pending, time, reasons, .. } = plan;
        let tail = log_file::append(audit, &self.tail, leaves, *pending, *time, &shared.origin, &shared.signer);
        let tail = tail.map_err(|error| Unavailable::from_read(&error))?;
        log_file::replace_reasons(audit, reasons).map_err(|error| cause_of(&error))?;
        run(audit, "COMMIT").map_err(|error| cause_of(&error))?;
        Ok(tail)
    }

    /// Steps 8 and 9: what is committed stays committed if these fail; opening the files again makes
    /// them good.
    fn finish(&mut self, files: &Files, ran: &[RanWrite], plan: &Plan) -> Result<(), Unavailable> {
        // Before access is raised again: a decision on what was remembered until now is older than that.
        if plan.pending > 0 {
            let amended = plan.amended(ran);
            let others = plan.concerned(ran).into_iter().filter(|subject| !amended.contains_key(subject));
            self.shared.remembered.forget(others);
            for (subject, amendments) in &amended {
                self.shared.remembered.amend(*subject, amendments);
            }
        }
        for write in ran {
            let Outcome::Done(effects, _) = &write.outcome else { continue };
            effects.access.iter().for_each(|key| self.shared.access.change(*key));
            effects.epoch.iter().for_each(|epoch| self.shared.epoch.begin(*epoch));
        }
        if ran.iter().any(|write| matches!(&write.outcome, Outcome::Done(effects, _) if effects.pruned)) {
            log_file::begin_where_told(&files.vault, &files.audit).map_err(|error| Unavailable::from_read(&error))?;
            self.pruning = true;
        }
        if !plan.staged.is_empty() {
            let names: Vec<&str> = plan.staged.iter().map(|file| file.name.as_str()).collect();
            self.shared.folder.place_all(&names).map_err(|error| Unavailable::from_io(&error))?;
        }
        self.remove_erased(ran);
        if plan.leaves.is_empty() {
            return Ok(());
        }
        if self.shared.index.is_condemned() {
            return Ok(()); // what it misses is found when it is built anew
        }
        self.shared.recent.add(&plan.accesses);
        let Plan { records, entries, .. } = plan;
        let Some(part) = self.batch.part(&self.shared.recent, plan.accesses.len(), !records.is_empty()) else {
            return Ok(());
        };
        self.index(files, &Update { records, entries: *entries, accesses: part, ..Update::default() })
    }

    /// The files of documents whose rows went, those that this group has just placed among them.
    fn remove_erased(&self, ran: &[RanWrite]) {
        for write in ran {
            let Outcome::Done(effects, _) = &write.outcome else { continue };
            for name in &effects.removed {
                if let Err(error) = self.shared.folder.remove_up_to(*name) {
                    tracing::error!(%error, "the file of an erased document could not be removed");
                }
            }
        }
    }

    /// Step 9. A damaged index fails nobody: it is built anew.
    fn index(&self, files: &Files, update: &Update<'_>) -> Result<(), Unavailable> {
        match index_file::apply(&files.index, &self.shared.terms, update) {
            Err(error) if connection::is_damage(&error) => {
                self.shared.index.condemn();
                Ok(())
            }
            applied => {
                applied.map_err(|error| cause_of(&error))?;
                update.accesses.written(&self.shared.recent);
                Ok(())
            }
        }
    }

    /// Writes the accesses that are still in memory, so that the next start need not read them from the log.
    pub(super) fn write_rest_of_history(&mut self) {
        let Some(files) = self.files.take() else { return };
        if !self.shared.index.is_condemned() {
            let part = self.batch.rest(&self.shared.recent);
            let update = Update { entries: self.tail.head.size, accesses: part, ..Update::default() };
            if let Err(cause) = self.index(&files, &update) {
                tracing::warn!(%cause, "the next start reads the newest accesses from the log");
            }
        }
        self.files = Some(files);
    }
}

fn both(files: &Files, sql: &str) -> rusqlite::Result<()> {
    run(&files.keyring, sql)?;
    run(&files.vault, sql)
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

pub(super) fn cause_of(error: &rusqlite::Error) -> Unavailable {
    Unavailable::from_database(error)
}

fn answer_all(ran: Vec<RanWrite>, reads: Vec<Listening>, time: Timestamp) {
    for RanWrite { job, outcome, first_index } in ran {
        match outcome {
            Outcome::Moved => job.moved(),
            Outcome::Unsayable => job.not_covered(),
            Outcome::Done(..) | Outcome::Refused => job.answer(&Committed { first_index, time }),
        }
    }
    for Listening { index, waiting } in reads {
        for waiting in waiting {
            waiting.answer(&Committed { first_index: index, time });
        }
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
