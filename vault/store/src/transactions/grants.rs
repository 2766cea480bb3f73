//! Giving and withdrawing grants.

use std::sync::Arc;

use coffre_core::audit::{Draft, GrantRef};
use coffre_core::grant::{Evidence, Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::RecordTypeName;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::{Transaction, objections};
use crate::clock::SystemEntropy;
use crate::error::ReadError;
use crate::snapshot::{DOCUMENT, grant_of, grant_row, located};
use crate::subject_keys;
use crate::writer::{AccessKey, Work, WorkError};

/// Gives a grant on a record.
pub struct GiveGrant {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// What the grant says, already checked against the policies.
    pub terms: GrantTerms,
}

/// A grant that was not given.
#[derive(Debug, Error)]
pub enum GiveGrantError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The evidence is not a document of this record, or its hash is another.
    #[error("the evidence is not a document of this record with this hash")]
    Evidence,
    /// The person objected to what it is for, and it is no consent that begins later.
    #[error("the person has objected to what the grant is for")]
    Objected,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for GiveGrant {
    type Output = Grant;
    type Error = GiveGrantError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Grant, GiveGrantError> {
        work.record(&self.record_type, self.subject)?.ok_or(GiveGrantError::NoSuchRecord)?;
        if let Some(evidence) = &self.terms.evidence
            && !is_evidence(work, &self.record_type, self.subject, evidence)?
        {
            return Err(GiveGrantError::Evidence);
        }
        if objections::stands_against(work, self.subject, &self.terms)? {
            return Err(GiveGrantError::Objected);
        }
        let id = GrantId::random(&mut SystemEntropy);
        let grant = insert(work, &self.record_type, self.subject, id, self.terms)?;
        let mut entry = base;
        about(&mut entry, &self.record_type, &grant);
        work.log(entry);
        Ok(grant)
    }
}

/// Withdraws a grant: it binds every decision committed after it.
pub struct WithdrawGrant {
    /// The grant.
    pub grant: GrantId,
}

/// A grant that was not withdrawn.
#[derive(Debug, Error)]
pub enum WithdrawGrantError {
    /// There is no such grant.
    #[error("there is no such grant")]
    NoSuchGrant,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for WithdrawGrant {
    /// The withdrawn grant; as it was when it had been withdrawn before.
    type Output = Grant;
    type Error = WithdrawGrantError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Grant, WithdrawGrantError> {
        let (kind, _) = find(work, self.grant)?.ok_or(WithdrawGrantError::NoSuchGrant)?;
        let grant = withdraw(work, self.grant)?.ok_or(WithdrawGrantError::NoSuchGrant)?;
        let mut entry = base;
        about(&mut entry, &kind, &grant);
        work.log(entry);
        Ok(grant)
    }
}

/// Stores a new grant.
pub(super) fn insert(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    id: GrantId,
    terms: GrantTerms,
) -> Result<Grant, WorkError> {
    let grant = Grant { id, subject, terms: Arc::new(terms), version: 1, withdrawn_at: None };
    let text = serde_json::to_string(grant.terms.as_ref()).map_err(|_| ReadError::Format { what: "grant" });
    let text = work.try_run(text)?;
    let insert = || {
        work.around
            .vault
            .prepare_cached(
                "INSERT INTO grants (id, subject, record_type, version, terms, given_at) VALUES (?1, ?2, ?3, 1, ?4, ?5)",
            )?
            .execute(params![grant.id.as_bytes(), subject.as_bytes(), kind.as_str(), text, work.now().as_micros()])
    };
    work.try_run(insert())?;
    Ok(grant)
}

/// Withdraws a grant, if it is there and in force; gives it as it is then.
pub(super) fn withdraw(work: &mut Work<'_>, id: GrantId) -> Result<Option<Grant>, WorkError> {
    let Some((_, mut grant)) = find(work, id)? else { return Ok(None) };
    if grant.withdrawn_at.is_none() {
        grant.withdrawn_at = Some(work.now());
        grant.version += 1;
        let update = || {
            work.around
                .vault
                .prepare_cached("UPDATE grants SET withdrawn_at = ?2, version = ?3 WHERE id = ?1")?
                .execute(params![grant.id.as_bytes(), work.now().as_micros(), grant.version])
        };
        work.try_run(update())?;
        work.access_changed(AccessKey::Subject(grant.subject));
    }
    Ok(Some(grant))
}

/// Those of a record that are not withdrawn, oldest first.
pub(super) fn not_withdrawn(work: &Work<'_>, subject: SubjectId) -> Result<Vec<Grant>, WorkError> {
    let read = || {
        let mut statement = work.around.vault.prepare_cached(
            "SELECT id, subject, version, terms, withdrawn_at FROM grants
             WHERE subject = ?1 AND withdrawn_at IS NULL ORDER BY given_at, id",
        )?;
        let rows = statement.query_map([subject.as_bytes()], grant_row)?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    let rows = work.try_run(read())?;
    rows.into_iter().map(|row| work.try_run(grant_of(row))).collect()
}

/// What an entry says of a grant.
pub(super) fn about(entry: &mut Draft, kind: &RecordTypeName, grant: &Grant) {
    entry.record_type = Some(kind.clone());
    entry.subjects = vec![grant.subject];
    entry.fields = grant.terms.fields.iter().cloned().collect();
    entry.grants = vec![GrantRef { id: grant.id, version: grant.version, basis: grant.terms.basis }];
}

fn find(work: &Work<'_>, grant: GrantId) -> Result<Option<(RecordTypeName, Grant)>, WorkError> {
    let read = || {
        work.around
            .vault
            .prepare_cached("SELECT id, subject, version, terms, withdrawn_at, record_type FROM grants WHERE id = ?1")?
            .query_row([grant.as_bytes()], |row| Ok((grant_row(row)?, row.get::<_, String>(5)?)))
            .optional()
    };
    let Some((row, kind)) = work.try_run(read())? else { return Ok(None) };
    let grant = work.try_run(grant_of(row))?;
    let kind = work.try_run(kind.parse().map_err(|_| ReadError::Format { what: "record type" }))?;
    Ok(Some((kind, grant)))
}

/// Whether a document of this record has this content.
fn is_evidence(
    work: &Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    evidence: &Evidence,
) -> Result<bool, WorkError> {
    let sql = format!("SELECT {DOCUMENT} FROM documents WHERE document = ?1 AND subject = ?2");
    let rows = || {
        let mut statement = work.around.vault.prepare_cached(&sql)?;
        let rows = statement.query_map(params![evidence.document.as_bytes(), subject.as_bytes()], located)?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    let versions = work.try_run(rows())?;
    if versions.is_empty() {
        return Ok(false);
    }
    let key = work.subject_key(kind, subject)?;
    let keys = subject_keys(work.around.scope, work.around.keys, kind, subject, &key);
    for version in &versions {
        if work.try_run(version.info(&keys))?.sha256 == evidence.sha256 {
            return Ok(true);
        }
    }
    Ok(false)
}
