//! Restricting processing of a record (GDPR article 18), and ending that. What a restricted record
//! still opens is for the policies; here it is a fact that every decision in flight is held against.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use rusqlite::params;
use thiserror::Error;

use super::Transaction;
use crate::writer::{AccessKey, Work, WorkError};

/// Restricts a record, or ends its restriction.
pub struct SetRestriction {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// Whether it is to be restricted.
    pub restricted: bool,
}

/// A restriction that was not changed.
#[derive(Debug, Error)]
pub enum SetRestrictionError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for SetRestriction {
    /// Whether it was otherwise before.
    type Output = bool;
    type Error = SetRestrictionError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<bool, SetRestrictionError> {
        work.record(&self.record_type, self.subject)?.ok_or(SetRestrictionError::NoSuchRecord)?;
        let update = || {
            let sql = "UPDATE records SET restricted = ?2 WHERE subject = ?1 AND restricted <> ?2";
            work.around.vault.prepare_cached(sql)?.execute(params![self.subject.as_bytes(), self.restricted])
        };
        let changed = work.try_run(update())? > 0;
        if changed {
            work.access_changed(AccessKey::Subject(self.subject));
        }
        base.record_type = Some(self.record_type);
        base.subjects = vec![self.subject];
        work.log(base);
        Ok(changed)
    }
}
