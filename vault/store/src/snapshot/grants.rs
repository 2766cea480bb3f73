//! Looking at grants.

use std::sync::Arc;

use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row};

use super::Snapshot;
use crate::error::ReadError;

impl Snapshot<'_> {
    /// A record's grants, oldest first, whatever their state.
    pub fn grants(&self, subject: SubjectId) -> Result<Arc<[Grant]>, ReadError> {
        if self.opened.is_none() {
            return Ok(Arc::clone(&self.recall(subject)?.grants));
        }
        let grants: Arc<[Grant]> = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT id, subject, version, terms, withdrawn_at FROM grants WHERE subject = ?1 ORDER BY given_at, id",
            )?;
            let rows = statement.query_map([subject.as_bytes()], grant_row)?;
            rows.map(|row| grant_with(row?, |text| self.shared.remembered.terms(text))).collect()
        })?;
        self.subject.borrow_mut().grants = Some((subject, Arc::clone(&grants)));
        Ok(grants)
    }

    /// A grant and its record's type.
    pub fn grant(&self, grant: GrantId) -> Result<Option<(RecordTypeName, Grant)>, ReadError> {
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT id, subject, version, terms, withdrawn_at, record_type FROM grants WHERE id = ?1",
            )?;
            let row = statement
                .query_row([grant.as_bytes()], |row| Ok((grant_row(row)?, row.get::<_, String>(5)?)))
                .optional()?;
            let Some((row, kind)) = row else { return Ok(None) };
            let kind = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
            Ok(Some((kind, grant_of(row)?)))
        })
    }
}

pub(crate) type GrantRow = ([u8; 16], [u8; 16], u32, String, Option<i64>);

pub(crate) fn grant_row(row: &Row<'_>) -> rusqlite::Result<GrantRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

pub(crate) fn grant_of(row: GrantRow) -> Result<Grant, ReadError> {
    grant_with(row, |text| serde_json::from_str(text).map(Arc::new))
}

fn grant_with(
    (id, subject, version, terms, withdrawn_at): GrantRow,
    read: impl FnOnce(&str) -> Result<Arc<GrantTerms>, serde_json::Error>,
) -> Result<Grant, ReadError> {
    let terms = read(&terms).map_err(|_| ReadError::Format { what: "grant" })?;
    Ok(Grant {
        id: GrantId::from_bytes(id),
        subject: SubjectId::from_bytes(subject),
        terms,
        version,
        withdrawn_at: withdrawn_at.map(Timestamp::from_micros),
    })
}
