//! Restricting processing of a record (GDPR article 18), and ending that. What a restricted record
//! still opens is for the policies; here it is a fact that every decision in flight is held against.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::restriction::{Ground, Restriction};
use rusqlite::{OptionalExtension as _, params};
use thiserror::Error;

use super::Transaction;
use crate::writer::{AccessKey, Work, WorkError};

/// Restricts a record, or ends its restriction.
pub struct SetRestriction {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// What is done.
    pub act: Restricting,
}

/// What is done to a record's restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restricting {
    /// It is restricted on this ground, beside those that there are.
    Restrict(Ground),
    /// This ground has ended, or all have.
    End(Option<Ground>),
}

/// How a record is restricted after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restricted {
    /// On which grounds it is.
    pub restriction: Restriction,
    /// Whether it was otherwise before.
    pub changed: bool,
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
    type Output = Restricted;
    type Error = SetRestrictionError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<Restricted, SetRestrictionError> {
        let (subject, kind) = (self.subject, self.record_type);
        let find = || {
            let sql = "SELECT restricted FROM records WHERE subject = ?1 AND record_type = ?2";
            let place = params![subject.as_bytes(), kind.as_str()];
            work.around.vault.prepare_cached(sql)?.query_row(place, |row| row.get::<_, i64>(0)).optional()
        };
        let before = work.try_run(find())?.ok_or(SetRestrictionError::NoSuchRecord)?;
        let before = Restriction::from_stored(before);
        let restriction = match self.act {
            Restricting::Restrict(ground) => before.with(ground),
            Restricting::End(ground) => before.without(ground),
        };
        let changed = restriction != before;
        if changed {
            let update = || {
                let sql = "UPDATE records SET restricted = ?2 WHERE subject = ?1";
                work.around.vault.prepare_cached(sql)?.execute(params![subject.as_bytes(), restriction.stored()])
            };
            work.try_run(update())?;
            work.access_changed(AccessKey::Subject(subject));
        }
        base.record_type = Some(kind);
        base.subjects = vec![subject];
        work.log(base);
        Ok(Restricted { restriction, changed })
    }
}
