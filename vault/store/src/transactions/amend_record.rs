//! Changing a record's values. The former version stays readable and restorable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use serde_json::Value;
use thiserror::Error;

use super::{Transaction, sources};
use crate::remembered::Amended;
use crate::terms::Tag;
use crate::values::{OfCategory, Sealed};
use crate::writer::{Work, WorkError};
use crate::{index_file, subject_keys, values};

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

/// Changes some fields of a record that is at this version. Reads no other categories than those and, if the record is found by one of them and it
/// is not known under what, all that it is found by; none that are remembered.
pub(super) fn amend(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    current: u32,
    changes: BTreeMap<FieldPath, Option<Value>>,
    entry: Draft,
) -> Result<u32, WorkError> {
    let around = work.around;
    let known = work.remembered(kind, subject, current);
    let key = match &known {
        Some(known) => work.try_run(known.key.open(around.scope, around.keys, kind, subject))?,
        None => work.subject_key(kind, subject)?,
    };
    let keys = subject_keys(around.scope, around.keys, kind, subject, &key);
    let tags = known.as_ref().and_then(|known| known.tags.clone());
    let mut categories: BTreeSet<Category> = changes.keys().map(FieldPath::category).collect();
    if tags.is_none() && work.found_by(kind).any(|field| changes.contains_key(field)) {
        categories.extend(work.found_by(kind).map(FieldPath::category));
    }
    let known = known.as_ref().map_or(&[][..], |known| known.values.as_slice());
    let read = work.try_run(values::categories_at(around.vault, subject, &categories, current, known))?;
    let before = work.try_run(values::open_categories(&keys, &read))?;
    let after = changed(&before, changes);
    write_next(work, &keys, (&before, &after), current, Looked { values: read, tags }, entry)
}

/// What was looked at for a change, to be remembered with it.
#[derive(Default)]
pub(super) struct Looked {
    values: Vec<OfCategory>,
    /// Under what the record is found before it, if that is known.
    tags: Option<Arc<[Tag]>>,
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
/// none does. The values are those of the categories that may differ and, if the record is found by one of them and it is not known under what, of
/// all that search indexes look at. Gives the record's version.
pub(super) fn write_next(
    work: &mut Work<'_>,
    keys: &SubjectKeys<'_>,
    (before, after): (&Fields, &Fields),
    current: u32,
    looked: Looked,
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
    let (said, written): (Vec<_>, Vec<_>) = work.write_values(keys, &categories, after, version)?.into_iter().unzip();
    entry.values = said;
    if version != current {
        let (kind, subject, around) = (keys.record_type, keys.subject, work.around);
        let known = looked.tags.as_deref();
        let values = (before, after);
        let tags =
            index_file::tags_after(around.scope, around.keys, around.indexes, kind, values, &entry.fields, known);
        let found_under = tags.as_ref().map(|tags| tags.iter().copied().collect()).or(looked.tags);
        work.record_changed(subject, version, sources::of(&entry), tags)?;
        let unchanged = looked.values.into_iter().filter(|(category, _)| !categories.contains(category));
        let values = written.into_iter().map(Sealed::stored).chain(unchanged).collect();
        let at = work.now();
        work.effects.amended.push(Amended { subject, before: current, version, at, values, tags: found_under });
    }
    work.log(entry);
    Ok(version)
}
