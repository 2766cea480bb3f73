//! Creating a record, with the key of its data subject.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::{Fields, RecordTypeName};
use rusqlite::params;
use thiserror::Error;

use super::{Transaction, sources};
use crate::clock::SystemEntropy;
use crate::model::NewSubject;
use crate::writer::{Work, WorkError};
use crate::{index_file, keyring, subject_keys};

/// Creates a record at version 1.
pub struct CreateRecord {
    /// Its type.
    pub record_type: RecordTypeName,
    /// The new data subject (`Store::new_subject`).
    pub subject: NewSubject,
    /// Its values, already checked against the record type.
    pub fields: Fields,
}

/// A record that was not created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for CreateRecord {
    type Output = SubjectId;
    type Error = CreateError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<SubjectId, CreateError> {
        let mut entry = base;
        insert(work, &self.record_type, &self.subject, &self.fields, &mut entry)?;
        work.log(entry);
        Ok(self.subject.id)
    }
}

/// Stores a new subject's key, its record's row and its values, and completes the entry.
pub(super) fn insert(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: &NewSubject,
    fields: &Fields,
    entry: &mut Draft,
) -> Result<(), WorkError> {
    let around = work.around;
    let key = &subject.key;
    work.try_run(keyring::insert(
        around.keyring,
        around.scope,
        around.keys,
        kind,
        subject.id,
        key,
        &mut SystemEntropy,
    ))?;
    let sources = sources::of(entry);
    let row = || {
        around
            .vault
            .prepare_cached(
                "INSERT INTO records (subject, record_type, version, created_at, updated_at, sources)
                 VALUES (?1, ?2, 1, ?3, ?3, ?4)",
            )?
            .execute(params![subject.id.as_bytes(), kind.as_str(), work.now().as_micros(), sources.stored()])
    };
    work.try_run(row())?;
    let keys = subject_keys(around.scope, around.keys, kind, subject.id, key);
    let written = work.write_values(&keys, &fields.categories(), fields, 1)?;
    entry.values = written.into_iter().map(|(said, _)| said).collect();
    entry.record_type = Some(kind.clone());
    entry.subjects = vec![subject.id];
    entry.fields = fields.0.keys().cloned().collect();
    entry.version = Some(1);
    let tags = index_file::tags(around.scope, around.keys, around.indexes, kind, fields);
    work.effects.records.push((subject.id, tags));
    Ok(())
}
