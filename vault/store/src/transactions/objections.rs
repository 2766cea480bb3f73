//! A person's objection to a purpose (GDPR article 21): what was granted for it is withdrawn, and from then on it is
//! granted again on a consent alone that begins later. What a person may object to is for the caller to know.

use coffre_core::audit::{Action, Draft, GrantRef};
use coffre_core::grant::{Basis, Grant, GrantTerms};
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use thiserror::Error;

use super::{Transaction, grants};
use crate::writer::{Work, WorkError};

/// Notes that a person objects to a purpose.
pub struct Object {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The person.
    pub subject: SubjectId,
    /// What is objected to.
    pub purpose: String,
}

/// An objection that was not noted.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for Object {
    /// The grants that were withdrawn.
    type Output = Vec<Grant>;
    type Error = ObjectError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Vec<Grant>, ObjectError> {
        let Self { record_type, subject, purpose } = self;
        work.record(&record_type, subject)?.ok_or(ObjectError::NoSuchRecord)?;
        let insert = || {
            let sql = "INSERT OR REPLACE INTO objections (subject, purpose, at) VALUES (?1, ?2, ?3)";
            let row = params![subject.as_bytes(), purpose, work.now().as_micros()];
            work.around.vault.prepare_cached(sql)?.execute(row)
        };
        work.try_run(insert())?;
        let mut withdrawn = Vec::new();
        for grant in grants::not_withdrawn(work, subject)? {
            if grant.terms.purpose == purpose {
                withdrawn.extend(grants::withdraw(work, grant.id)?);
            }
        }
        let of = |grant: &Grant| GrantRef { id: grant.id, version: grant.version, basis: grant.terms.basis };
        work.log(Draft {
            record_type: Some(record_type.clone()),
            subjects: vec![subject],
            grants: withdrawn.iter().map(of).collect(),
            target: Some(purpose.clone()),
            ..base.clone()
        });
        for grant in &withdrawn {
            let mut entry = Draft { action: Action::WithdrawGrant, purpose: Some(purpose.clone()), ..base.clone() };
            grants::about(&mut entry, &record_type, grant);
            work.log(entry);
        }
        Ok(withdrawn)
    }
}

/// When the person objected to a purpose, if they did.
pub(super) fn objected_at(work: &Work<'_>, subject: SubjectId, purpose: &str) -> Result<Option<Timestamp>, WorkError> {
    let find = || {
        let sql = "SELECT at FROM objections WHERE subject = ?1 AND purpose = ?2";
        let mut statement = work.around.vault.prepare_cached(sql)?;
        statement.query_row(params![subject.as_bytes(), purpose], |row| row.get::<_, i64>(0)).optional()
    };
    Ok(work.try_run(find())?.map(Timestamp::from_micros))
}

/// Whether an objection stands against a grant: against all but a consent that begins after it.
pub(super) fn stands_against(work: &Work<'_>, subject: SubjectId, terms: &GrantTerms) -> Result<bool, WorkError> {
    let objected = objected_at(work, subject, &terms.purpose)?;
    Ok(objected.is_some_and(|at| terms.basis != Basis::Consent || terms.valid_from < at))
}
