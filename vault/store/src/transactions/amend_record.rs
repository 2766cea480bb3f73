//! Changing a record's values. The former version stays readable and restorable.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use serde_json::Value;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};
use crate::{subject_keys, values};

/// Changes some fields of a record, if it still has the version that the caller saw.
pub struct AmendRecord {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The version the change was made against (`If-Match`).
    pub expected_version: u32,
    /// The new values; `None` removes a field. Already checked against the record type.
    pub changes: BTreeMap<FieldPath, Option<Value>>,
}

/// A record that was not changed.
#[derive(Debug, Error)]
pub enum AmendError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// Somebody else changed it first.
    #[error("the record is at version {current} now: read it again and repeat the change")]
    Stale {
        /// Its version now.
        current: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AmendRecord {
    /// The new version; the old one when nothing changed.
    type Output = u32;
    type Error = AmendError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<u32, AmendError> {
        let current = work.record(&self.record_type, self.subject)?.ok_or(AmendError::NoSuchRecord)?.version;
        if current != self.expected_version {
            return Err(AmendError::Stale { current });
        }
        Ok(amend(work, &self.record_type, self.subject, current, self.changes, base)?)
    }
}

/// Changes some fields of a record that is at this version. Reads no other categories than those, and what the record is found by.
pub(super) fn amend(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    current: u32,
    changes: BTreeMap<FieldPath, Option<Value>>,
    entry: Draft,
) -> Result<u32, WorkError> {
    let key = work.subject_key(kind, subject)?;
    let keys = subject_keys(work.around.scope, work.around.keys, kind, subject, &key);
    let found_by = work.around.indexes.iter().filter(|index| index.record_type == *kind);
    let categories = changes.keys().chain(found_by.map(|index| &index.field)).map(FieldPath::category).collect();
    let before = work.try_run(values::categories_at(work.around.vault, &keys, &categories, current))?;
    let after = changed(&before, changes);
    write_next(work, &keys, &before, &after, current, entry)
}

/// The values after some changes.
fn changed(before: &Fields, changes: BTreeMap<FieldPath, Option<Value>>) -> Fields {
    let mut after = before.clone();
    for (field, value) in changes {
        match value {
            Some(value) => after.0.insert(field, value),
            None => after.0.remove(&field),
        };
    }
    after
}

/// The fields whose values differ.
pub(super) fn differing(before: &Fields, after: &Fields) -> BTreeSet<FieldPath> {
    let differs = |field: &&FieldPath| before.0.get(*field) != after.0.get(*field);
    before.0.keys().chain(after.0.keys()).filter(differs).cloned().collect()
}

/// Writes the categories that differ as the next version, with the entry; nothing but the entry when
/// none does. The values are those of the categories that may differ, and of all that search indexes look at. Gives the record's version.
pub(super) fn write_next(
    work: &mut Work<'_>,
    keys: &SubjectKeys<'_>,
    before: &Fields,
    after: &Fields,
    current: u32,
    mut entry: Draft,
) -> Result<u32, WorkError> {
    let changed = differing(before, after);
    let categories: BTreeSet<Category> = changed.iter().map(FieldPath::category).collect();
    let categories: Vec<Category> = categories.into_iter().collect();
    let version = if changed.is_empty() { current } else { current + 1 };
    entry.record_type = Some(keys.record_type.clone());
    entry.subjects = vec![keys.subject];
    entry.fields = changed.into_iter().collect();
    entry.version = Some(version);
    entry.values = work.write_values(keys, &categories, after, version)?;
    if version != current {
        work.record_changed(keys.record_type, keys.subject, version, after)?;
    }
    work.log(entry);
    Ok(version)
}
