//! The inside of a transaction: what a named transaction may touch, and nothing else.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use coffre_core::audit::{Draft, SealedValue};
use coffre_core::crypto::{self, Scope, SecretKey, hex, sha256};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::{Keyset, SubjectKeys};
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use coffre_core::search::SearchIndex;
use coffre_core::source::Sources;
use coffre_core::spool::DocumentName;
use coffre_core::time::Timestamp;
use coffre_core::tombstone::Tombstone;
use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

use super::access::AccessKey;
use crate::clock::SystemEntropy;
use crate::document::StagedDocument;
use crate::error::{ReadError, Unavailable};
use crate::remembered::{Amended, Known, Remembered};
use crate::terms::{Tag, TaggedRecord};
use crate::{keyring, reason, values};

/// A failure below a transaction, never a refusal. When it is of the databases it fails the whole
/// group, and the writer opens the files again; when it is of this record's data, the transaction alone.
#[derive(Debug, Error)]
#[error("the vault could not be written")]
pub struct WorkError(#[source] pub(crate) ReadError);

impl From<ReadError> for WorkError {
    fn from(error: ReadError) -> Self {
        Self(error)
    }
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> Self {
        Self(ReadError::Database(error))
    }
}

/// What stays the same over all transactions.
pub(crate) struct Surroundings<'w> {
    pub(crate) vault: &'w Connection,
    pub(crate) keyring: &'w Connection,
    pub(crate) scope: &'w Scope,
    pub(crate) keys: &'w Keyset,
    /// The data epoch that is written under.
    pub(crate) epoch: u32,
    pub(crate) indexes: &'w [SearchIndex],
    /// Data subjects as they were before the group.
    pub(crate) remembered: &'w Remembered,
    /// Whom the group has concerned by now.
    pub(crate) touched: RefCell<HashSet<SubjectId>>,
    pub(crate) now: Timestamp,
}

impl Surroundings<'_> {
    /// Notes whom a transaction of the group concerned: whom its entries name, whose terms or access it changed.
    pub(crate) fn touch<'s>(&self, effects: &Effects, named: impl Iterator<Item = &'s SubjectId>) {
        let mut touched = self.touched.borrow_mut();
        touched.extend(named);
        touched.extend(effects.records.iter().map(|(subject, _)| *subject));
        touched.extend(effects.access.iter().filter_map(AccessKey::subject));
    }
}

/// What a transaction leaves to be done with or after the commit.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) entries: Vec<Draft>,
    pub(crate) records: Vec<TaggedRecord>,
    /// What became of values, each with an entry of its own.
    pub(crate) amended: Vec<Amended>,
    pub(crate) staged: Vec<StagedDocument>,
    /// Documents whose rows go.
    pub(crate) removed: Vec<DocumentName>,
    /// Files of documents that stand under another name from now on. Whoever replaced them removes them.
    pub(crate) replaced: Vec<DocumentName>,
    /// Reasons that are encrypted anew, with the indexes of their entries.
    pub(crate) reasons: Vec<(u64, Vec<u8>)>,
    /// The data epoch that is written under from now on.
    pub(crate) epoch: Option<u32>,
    pub(crate) erased: Vec<Tombstone>,
    pub(crate) access: Vec<AccessKey>,
    /// The log is to begin later.
    pub(crate) pruned: bool,
}

/// The inside of a transaction.
pub struct Work<'w> {
    pub(crate) around: &'w Surroundings<'w>,
    pub(crate) effects: Effects,
    /// The index that its first entry gets.
    pub(crate) first_entry: u64,
    failure: RefCell<Option<Unavailable>>,
}

/// A record's row.
pub(crate) struct RecordRow {
    pub(crate) version: u32,
}

impl<'w> Work<'w> {
    pub(crate) fn new(around: &'w Surroundings<'w>, first_entry: u64) -> Self {
        Self { around, effects: Effects::default(), first_entry, failure: RefCell::new(None) }
    }

    /// How the databases failed, if they did.
    pub(crate) fn failure(&self) -> Option<Unavailable> {
        self.failure.borrow().clone()
    }

    /// Adds an entry; the transaction commits with it.
    pub fn log(&mut self, draft: Draft) {
        self.effects.entries.push(draft);
    }

    /// Takes the result of something done below; a failure of the databases fails the group.
    pub(crate) fn try_run<T, E: Into<WorkError>>(&self, result: Result<T, E>) -> Result<T, WorkError> {
        result.map_err(|error| {
            let error = error.into();
            if let ReadError::Database(cause) = &error.0
                && cause.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation)
            {
                *self.failure.borrow_mut() = Some(Unavailable::from_database(cause));
            }
            error
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.around.now
    }

    /// A record's row, if it is there and of this type.
    pub(crate) fn record(&self, kind: &RecordTypeName, subject: SubjectId) -> Result<Option<RecordRow>, WorkError> {
        let find = || {
            self.around
                .vault
                .prepare_cached("SELECT version FROM records WHERE subject = ?1 AND record_type = ?2")?
                .query_row(params![subject.as_bytes(), kind.as_str()], |row| Ok(RecordRow { version: row.get(0)? }))
                .optional()
        };
        self.try_run(find())
    }

    /// A subject's key, which a record that is there must have.
    pub(crate) fn subject_key(&self, kind: &RecordTypeName, subject: SubjectId) -> Result<SecretKey, WorkError> {
        let around = self.around;
        let found = keyring::find(around.keyring, around.scope, around.keys, kind, subject);
        let key = self.try_run(found)?;
        self.try_run(key.ok_or(ReadError::KeyMissing { subject }))
    }

    /// A data subject as they are remembered, if the databases have them so within this group: at this version, and not concerned by
    /// anything before it.
    pub(crate) fn remembered(&self, kind: &RecordTypeName, subject: SubjectId, version: u32) -> Option<Arc<Known>> {
        if self.around.touched.borrow().contains(&subject) {
            return None;
        }
        let known = self.around.remembered.recall(subject)?;
        (known.kind == *kind && known.state.version == version).then_some(known)
    }

    /// Encrypts and stores the values of some categories as a version; gives them with what the entry says of them.
    pub(crate) fn write_values(
        &self,
        keys: &SubjectKeys<'_>,
        categories: &[Category],
        fields: &Fields,
        version: u32,
    ) -> Result<Vec<(SealedValue, values::Sealed)>, WorkError> {
        let mut written = Vec::with_capacity(categories.len());
        for category in categories {
            let values = fields.in_category(category);
            let sealed = values::seal(keys, category, &values, version, self.around.epoch, &mut SystemEntropy);
            let sealed = self.try_run(sealed)?;
            self.try_run(values::insert(self.around.vault, keys.subject, &sealed, self.around.now))?;
            let sha256 = hex(&sha256(&sealed.bytes));
            written.push((SealedValue { category: category.clone(), version, sha256 }, sealed));
        }
        Ok(written)
    }

    /// The fields by which a record is found.
    pub(crate) fn found_by(&self, kind: &RecordTypeName) -> impl Iterator<Item = &'w FieldPath> {
        self.around.indexes.iter().filter(move |index| index.record_type == *kind).map(|index| &index.field)
    }

    /// Says that a record changed: its version, where what was written comes from and, if there are others now, the tags under which it is found.
    /// An entry is to name the data subject: an index that lacks the change finds it there.
    pub(crate) fn record_changed(
        &mut self,
        subject: SubjectId,
        version: u32,
        sources: Sources,
        tags: Option<BTreeSet<Tag>>,
    ) -> Result<(), WorkError> {
        let around = self.around;
        let update = || {
            let sql = "UPDATE records SET version = ?2, updated_at = ?3, sources = sources | ?4 WHERE subject = ?1";
            let row = params![subject.as_bytes(), version, around.now.as_micros(), sources.stored()];
            around.vault.prepare_cached(sql)?.execute(row)
        };
        self.try_run(update())?;
        self.effects.records.extend(tags.map(|tags| (subject, tags)));
        Ok(())
    }

    /// Whose access this transaction changes.
    pub(crate) fn access_changed(&mut self, key: AccessKey) {
        self.effects.access.push(key);
    }
}

/// A salted commitment to a text, and both encrypted under the subject's note key.
pub(crate) struct Annotated {
    pub(crate) commitment: String,
    pub(crate) sealed: Vec<u8>,
}

/// Prepares a reason: the log gets the commitment, the encrypted text stays beside it.
pub(crate) fn annotate(keys: &SubjectKeys<'_>, request: &[u8; 16], epoch: u32, text: &str) -> Option<Annotated> {
    let mut salt = [0; 32];
    coffre_core::crypto::Entropy::fill(&mut SystemEntropy, &mut salt);
    let commitment = hex(&crypto::commitment(&salt, text.as_bytes()));
    let plain = zeroize::Zeroizing::new([salt.as_slice(), text.as_bytes()].concat());
    let bytes = keys.seal_note(reason::NOTE, request, epoch, &plain, &mut SystemEntropy).ok()?;
    Some(Annotated { commitment, sealed: reason::joined(epoch, keys.subject, &bytes) })
}
