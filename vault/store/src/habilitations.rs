//! Habilitations as they are stored, and what a snapshot tells of them.

use coffre_core::habilitation::{Habilitation, HabilitationTerms};
use coffre_core::ids::{GrantId, HabilitationId};
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row};

use crate::error::ReadError;
use crate::snapshot::Snapshot;

/// Columns of a habilitation's row, in the order that `habilitation_row` reads them.
pub(crate) const COLUMNS: &str = "id, terms, withdrawn_at";

pub(crate) type HabilitationRow = ([u8; 16], String, Option<i64>);

pub(crate) fn habilitation_row(row: &Row<'_>) -> rusqlite::Result<HabilitationRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

pub(crate) fn habilitation_of((id, terms, withdrawn_at): HabilitationRow) -> Result<Habilitation, ReadError> {
    let terms: HabilitationTerms =
        serde_json::from_str(&terms).map_err(|_| ReadError::Format { what: "habilitation" })?;
    let withdrawn_at = withdrawn_at.map(Timestamp::from_micros);
    Ok(Habilitation { id: HabilitationId::from_bytes(id), terms, withdrawn_at })
}

impl Snapshot<'_> {
    /// All habilitations, oldest first, whatever their state.
    pub fn habilitations(&self) -> Result<Vec<Habilitation>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM habilitations ORDER BY given_at, id");
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let rows = statement.query_map([], habilitation_row)?;
            rows.map(|row| habilitation_of(row?)).collect()
        })
    }

    /// Those of an operator.
    pub fn habilitations_of(&self, operator: &str) -> Result<Vec<Habilitation>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM habilitations WHERE operator = ?1 ORDER BY given_at, id");
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let rows = statement.query_map([operator], habilitation_row)?;
            rows.map(|row| habilitation_of(row?)).collect()
        })
    }

    /// One of them.
    pub fn habilitation(&self, id: HabilitationId) -> Result<Option<Habilitation>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM habilitations WHERE id = ?1");
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            statement.query_row([id.as_bytes()], habilitation_row).optional()?.map(habilitation_of).transpose()
        })
    }

    /// When a grant was stored.
    pub fn grant_given_at(&self, grant: GrantId) -> Result<Option<Timestamp>, ReadError> {
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached("SELECT given_at FROM grants WHERE id = ?1")?;
            Ok(statement.query_row([grant.as_bytes()], |row| row.get(0).map(Timestamp::from_micros)).optional()?)
        })
    }
}
