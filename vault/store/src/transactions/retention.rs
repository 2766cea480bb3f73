//! Retention carried out on one record: categories set apart in the intermediate archive, brought back, or removed;
//! the whole record erased where nothing keeps any of it. The rule is asked here, on the writer's thread, so that
//! nothing can come in between; holds win, and so do a restriction and a request that waits for an answer.

use std::collections::BTreeSet;

use coffre_core::audit::{Action, Draft};
use coffre_core::filing::FilingContent;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use rusqlite::params;
use thiserror::Error;

use super::facts::judge;
use super::{EraseError, EraseSubject, MustKeep, Transaction};
use crate::retention::obstacles;
use crate::writer::{AccessKey, Work, WorkError};
use crate::{filings, index_file, subject_keys, values};

/// Where the rules want a category to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// In daily use.
    InUse,
    /// Set apart.
    Apart,
    /// Gone.
    Gone,
}

/// Applies the rules of retention to a record.
pub struct RetainRecord {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// Where the rules want each category that has values.
    pub rules: MustKeep<(Category, Wanted)>,
    /// Fields whose values no import may bring back once the record is erased, or the category that holds them removed.
    pub remember: Vec<FieldPath>,
    /// Categories whose fields hold documents: the documents go with the last of them.
    pub of_documents: BTreeSet<Category>,
}

/// What was done to a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Set apart.
    pub archived: BTreeSet<Category>,
    /// Brought back into daily use.
    pub brought_back: BTreeSet<Category>,
    /// Removed.
    pub removed: BTreeSet<Category>,
    /// The whole record is erased.
    pub erased: bool,
    /// Something stands against removing what is past its time.
    pub kept_by: Option<KeptBy>,
}

/// What stands against removing what is past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBy {
    /// A legal hold.
    Hold,
    /// The restriction of its processing (GDPR article 18).
    Restriction,
    /// A request of the person that waits for an answer.
    Request,
}

/// Rules that were not applied.
#[derive(Debug, Error)]
pub enum RetainError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl From<EraseError> for RetainError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NoSuchRecord => Self::NoSuchRecord,
            EraseError::Store(error) => Self::Store(error),
        }
    }
}

/// The cause in the log of what is done although nobody asked.
const RETENTION: &str = "retention";

impl Transaction for RetainRecord {
    type Output = Retained;
    type Error = RetainError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Retained, RetainError> {
        work.record(&self.record_type, self.subject)?.ok_or(RetainError::NoSuchRecord)?;
        let wanted = judge(work, &self.record_type, self.subject, &self.rules)?;
        let of = |where_: Wanted| -> BTreeSet<Category> {
            wanted.iter().filter(|(_, place)| *place == where_).map(|(category, _)| category.clone()).collect()
        };
        let (apart, gone) = (of(Wanted::Apart), of(Wanted::Gone));
        let stands = work.try_run(obstacles(work.around.vault, self.subject))?;
        let mut done = Retained { kept_by: stands.kept_by(), ..Retained::default() };
        let base = Draft {
            record_type: Some(self.record_type.clone()),
            subjects: vec![self.subject],
            cause: Some(RETENTION.to_owned()),
            ..base
        };
        if gone.is_empty() {
            done.kept_by = None;
        }
        if done.kept_by.is_none() && !wanted.is_empty() && gone.len() == wanted.len() {
            self.erase(work, base)?;
            return Ok(Retained { erased: true, removed: gone, ..done });
        }
        // What must be kept although its time is over is kept apart.
        let apart = if done.kept_by.is_some() { &apart | &gone } else { apart };
        // First what goes: it was apart until now, and is not brought back.
        if done.kept_by.is_none() && !gone.is_empty() {
            self.remove(work, base.clone(), &gone)?;
            done.removed = gone;
        }
        self.set_apart(work, &base, &apart, &mut done)?;
        Ok(done)
    }
}

impl RetainRecord {
    fn erase(self, work: &mut Work<'_>, base: Draft) -> Result<(), RetainError> {
        let Self { record_type, subject, remember, .. } = self;
        let request = base.request;
        EraseSubject { record_type, subject, remember }.run(work, Draft { action: Action::Erase, ..base })?;
        let insert = || {
            work.around
                .vault
                .prepare_cached("INSERT INTO erasures (subject, erased_in) VALUES (?1, ?2)")?
                .execute(params![subject.as_bytes(), request.as_bytes()])
        };
        work.try_run(insert()).map(drop).map_err(RetainError::from)
    }

    /// Marks what is to be apart, and takes the mark off what no longer is.
    fn set_apart(
        &self,
        work: &mut Work<'_>,
        base: &Draft,
        apart: &BTreeSet<Category>,
        done: &mut Retained,
    ) -> Result<(), WorkError> {
        let marked = work.try_run(archived(work, self.subject))?;
        done.archived = apart - &marked;
        done.brought_back = &marked - apart;
        for category in &done.archived {
            let sql = "INSERT INTO archived (subject, category, since) VALUES (?1, ?2, ?3)";
            let insert = || {
                let row = params![self.subject.as_bytes(), category.as_str(), work.now().as_micros()];
                work.around.vault.prepare_cached(sql)?.execute(row)
            };
            work.try_run(insert())?;
        }
        for category in &done.brought_back {
            work.try_run(unmark(work, self.subject, category))?;
        }
        for (action, categories) in [(Action::Archive, &done.archived), (Action::Unarchive, &done.brought_back)] {
            if !categories.is_empty() {
                work.log(Draft { action, target: Some(listed(categories)), ..base.clone() });
                work.access_changed(AccessKey::Subject(self.subject));
            }
        }
        Ok(())
    }

    /// Removes every version of some categories. Their ciphertexts in backups open with the person's key until these
    /// are gone: one key serves all categories of a person.
    fn remove(&self, work: &mut Work<'_>, base: Draft, gone: &BTreeSet<Category>) -> Result<(), WorkError> {
        self.remember_removed(work, gone)?;
        for category in gone {
            let delete = || {
                let sql = "DELETE FROM record_values WHERE subject = ?1 AND category = ?2";
                work.around.vault.prepare_cached(sql)?.execute(params![self.subject.as_bytes(), category.as_str()])
            };
            work.try_run(delete())?;
            work.try_run(unmark(work, self.subject, category))?;
        }
        self.forget_said(work, gone)?;
        let left = self.left(work)?;
        let lost = self.of_documents.iter().any(|category| gone.contains(category));
        if lost && !left.categories().iter().any(|category| self.of_documents.contains(category)) {
            self.remove_documents(work)?;
        }
        let around = work.around;
        let tags = index_file::tags(around.scope, around.keys, around.indexes, &self.record_type, &left);
        work.effects.records.push((self.subject, tags));
        work.access_changed(AccessKey::Subject(self.subject));
        work.log(Draft { action: Action::EraseCategories, target: Some(listed(gone)), ..base });
        Ok(())
    }

    /// An import finds a record by the key of a former system. Where that goes before the rest, it is remembered as it
    /// is at an erasure: whoever has it is not brought again, as somebody new.
    fn remember_removed(&self, work: &Work<'_>, gone: &BTreeSet<Category>) -> Result<(), WorkError> {
        let mut removed = self.left(work)?;
        removed.0.retain(|field, _| self.remember.contains(field) && gone.contains(&field.category()));
        let around = work.around;
        let tags = index_file::tags(around.scope, around.keys, around.indexes, &self.record_type, &removed);
        work.try_run(super::erase_subject::keep_terms(around.vault, &tags))
    }

    /// Values of these categories that stand in requests go, too: those that were proposed, and what whoever asked gave of
    /// themselves before they were found.
    fn forget_said(&self, work: &Work<'_>, gone: &BTreeSet<Category>) -> Result<(), WorkError> {
        let around = work.around;
        let of_subject = || {
            let mut statement = around.vault.prepare_cached("SELECT id FROM filings WHERE subject = ?1")?;
            let ids = statement.query_map([self.subject.as_bytes()], |row| Ok(FilingId::from_bytes(row.get(0)?)))?;
            ids.collect::<rusqlite::Result<Vec<_>>>()
        };
        let key = work.subject_key(&self.record_type, self.subject)?;
        let keys = subject_keys(around.scope, around.keys, &self.record_type, self.subject, &key);
        let forget = |said: &mut FilingContent| {
            said.changes.retain(|field, _| !gone.contains(&field.category()));
            said.requester.retain(|field, _| !gone.contains(&field.category()));
        };
        for filing in work.try_run(of_subject())? {
            work.try_run(filings::rewrite(around.vault, filing, &keys, &keys, around.epoch, forget))?;
        }
        Ok(())
    }

    fn left(&self, work: &Work<'_>) -> Result<Fields, WorkError> {
        let key = work.subject_key(&self.record_type, self.subject)?;
        let keys = subject_keys(work.around.scope, work.around.keys, &self.record_type, self.subject, &key);
        work.try_run(values::all_at(work.around.vault, &keys, u32::MAX))
    }

    fn remove_documents(&self, work: &mut Work<'_>) -> Result<(), WorkError> {
        let files = work.try_run(super::erase_subject::remove_documents(work.around.vault, self.subject))?;
        work.effects.removed.extend(files);
        Ok(())
    }
}

/// The categories of a record that are set apart.
pub(super) fn archived(work: &Work<'_>, subject: SubjectId) -> Result<BTreeSet<Category>, WorkError> {
    let mut statement = work.around.vault.prepare_cached("SELECT category FROM archived WHERE subject = ?1")?;
    let names = statement.query_map([subject.as_bytes()], |row| row.get::<_, String>(0))?;
    let damaged = |_| WorkError::from(crate::error::ReadError::Format { what: "category" });
    names.map(|name| name?.parse().map_err(damaged)).collect()
}

fn unmark(work: &Work<'_>, subject: SubjectId, category: &Category) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM archived WHERE subject = ?1 AND category = ?2";
    work.around.vault.prepare_cached(sql)?.execute(params![subject.as_bytes(), category.as_str()])
}

fn listed(categories: &BTreeSet<Category>) -> String {
    categories.iter().map(Category::as_str).collect::<Vec<_>>().join(" ")
}
