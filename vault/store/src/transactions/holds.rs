//! Placing and lifting legal holds: as long as one stands, the record is not erased, neither on
//! request nor by retention.

use coffre_core::audit::Draft;
use coffre_core::ids::{HoldId, SubjectId};
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Transaction;
use crate::clock::SystemEntropy;
use crate::error::ReadError;
use crate::rights::HOLD_NOTE;
use crate::subject_keys;
use crate::writer::{Work, WorkError};

/// Places a hold on a record.
pub struct PlaceHold {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// Why: kept encrypted under the subject's key.
    pub reason: String,
}

/// A hold that was not placed.
#[derive(Debug, Error)]
pub enum PlaceHoldError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

/// A hold that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedHold {
    /// The hold.
    pub id: HoldId,
    /// When.
    pub at: Timestamp,
}

impl Transaction for PlaceHold {
    type Output = PlacedHold;
    type Error = PlaceHoldError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<PlacedHold, PlaceHoldError> {
        work.record(&self.record_type, self.subject)?.ok_or(PlaceHoldError::NoSuchRecord)?;
        let (id, epoch) = (HoldId::random(&mut SystemEntropy), work.around.epoch);
        let key = work.subject_key(&self.record_type, self.subject)?;
        let keys = subject_keys(work.around.scope, work.around.keys, &self.record_type, self.subject, &key);
        let sealed = keys.seal_note(HOLD_NOTE, id.as_bytes(), epoch, self.reason.as_bytes(), &mut SystemEntropy);
        let sealed = work.try_run(sealed.map_err(|_| ReadError::Format { what: "reason of a hold" }))?;
        let insert = || {
            work.around
                .vault
                .prepare_cached(
                    "INSERT INTO holds (id, subject, placed_at, epoch, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id.as_bytes(), self.subject.as_bytes(), work.now().as_micros(), epoch, sealed])
        };
        work.try_run(insert())?;
        about(&mut base, &self.record_type, self.subject, id);
        work.log(base);
        Ok(PlacedHold { id, at: work.now() })
    }
}

/// Lifts a hold.
pub struct LiftHold {
    /// The hold.
    pub hold: HoldId,
}

/// A hold that was not lifted.
#[derive(Debug, Error)]
pub enum LiftHoldError {
    /// There is no such hold.
    #[error("there is no such hold")]
    NoSuchHold,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for LiftHold {
    /// Lifting one again changes nothing but leaves its entry.
    type Output = ();
    type Error = LiftHoldError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<(), LiftHoldError> {
        let (kind, subject) = find(work, self.hold)?.ok_or(LiftHoldError::NoSuchHold)?;
        let lift = || {
            let sql = "UPDATE holds SET lifted_at = ?2 WHERE id = ?1 AND lifted_at IS NULL";
            work.around.vault.prepare_cached(sql)?.execute(params![self.hold.as_bytes(), work.now().as_micros()])
        };
        work.try_run(lift())?;
        about(&mut base, &kind, subject, self.hold);
        work.log(base);
        Ok(())
    }
}

/// Whether a hold stands on a record.
pub(super) fn is_held(work: &Work<'_>, subject: SubjectId) -> Result<bool, WorkError> {
    let find = || {
        let sql = "SELECT 1 FROM holds WHERE subject = ?1 AND lifted_at IS NULL";
        work.around.vault.prepare_cached(sql)?.exists([subject.as_bytes()])
    };
    work.try_run(find())
}

fn about(entry: &mut Draft, kind: &RecordTypeName, subject: SubjectId, hold: HoldId) {
    entry.record_type = Some(kind.clone());
    entry.subjects = vec![subject];
    entry.target = Some(format!("hold {hold}"));
}

fn find(work: &Work<'_>, hold: HoldId) -> Result<Option<(RecordTypeName, SubjectId)>, WorkError> {
    let read = || {
        work.around
            .vault
            .prepare_cached("SELECT record_type, subject FROM holds JOIN records USING (subject) WHERE id = ?1")?
            .query_row([hold.as_bytes()], |row| Ok((row.get::<_, String>(0)?, SubjectId::from_bytes(row.get(1)?))))
            .optional()
    };
    let Some((kind, subject)) = work.try_run(read())? else { return Ok(None) };
    let kind = work.try_run(kind.parse().map_err(|_| ReadError::Format { what: "record type" }))?;
    Ok(Some((kind, subject)))
}
