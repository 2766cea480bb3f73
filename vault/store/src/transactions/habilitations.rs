//! Giving and withdrawing habilitations of operators.

use coffre_core::audit::Draft;
use coffre_core::habilitation::{Habilitation, HabilitationTerms};
use coffre_core::ids::HabilitationId;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::Transaction;
use crate::clock::SystemEntropy;
use crate::error::ReadError;
use crate::habilitations::{COLUMNS, habilitation_of, habilitation_row};
use crate::writer::{AccessKey, Work, WorkError};

/// Habilitates an operator.
pub struct GiveHabilitation {
    /// What it says, already checked against the policies.
    pub terms: HabilitationTerms,
}

/// A habilitation that was not given.
#[derive(Debug, Error)]
pub enum GiveHabilitationError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for GiveHabilitation {
    type Output = Habilitation;
    type Error = GiveHabilitationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Habilitation, GiveHabilitationError> {
        let id = HabilitationId::random(&mut SystemEntropy);
        let given = Habilitation { id, terms: self.terms, withdrawn_at: None };
        let text = serde_json::to_string(&given.terms).map_err(|_| ReadError::Format { what: "habilitation" });
        let text = work.try_run(text)?;
        let insert = || {
            work.around
                .vault
                .prepare_cached("INSERT INTO habilitations (id, operator, terms, given_at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id.as_bytes(), given.terms.operator, text, work.now().as_micros()])
        };
        work.try_run(insert())?;
        work.log(about(base, &given));
        Ok(given)
    }
}

/// Withdraws a habilitation: it binds every decision committed after it.
pub struct WithdrawHabilitation {
    /// The habilitation.
    pub id: HabilitationId,
}

/// A habilitation that was not withdrawn.
#[derive(Debug, Error)]
pub enum WithdrawHabilitationError {
    /// There is no such habilitation.
    #[error("there is no such habilitation")]
    NoSuchHabilitation,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for WithdrawHabilitation {
    /// The withdrawn habilitation; as it was when it had been withdrawn before.
    type Output = Habilitation;
    type Error = WithdrawHabilitationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Habilitation, WithdrawHabilitationError> {
        let mut found = find(work, self.id)?.ok_or(WithdrawHabilitationError::NoSuchHabilitation)?;
        if found.withdrawn_at.is_none() {
            found.withdrawn_at = Some(work.now());
            let update = || {
                work.around
                    .vault
                    .prepare_cached("UPDATE habilitations SET withdrawn_at = ?2 WHERE id = ?1")?
                    .execute(params![self.id.as_bytes(), work.now().as_micros()])
            };
            work.try_run(update())?;
            // It may matter to any record, and it is rare: every decision in flight is made again.
            work.access_changed(AccessKey::Everybody);
        }
        work.log(about(base, &found));
        Ok(found)
    }
}

/// What an entry says of a habilitation.
fn about(base: Draft, habilitation: &Habilitation) -> Draft {
    let terms = &habilitation.terms;
    let list = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
    let categories = list(&mut terms.categories.iter().map(coffre_core::record::Category::as_str));
    let purposes = list(&mut terms.purposes.iter().map(String::as_str));
    Draft {
        record_type: Some(terms.record_type.clone()),
        habilitations: vec![habilitation.id],
        target: Some(format!("{} ({categories} for {purposes})", terms.operator)),
        ..base
    }
}

fn find(work: &Work<'_>, id: HabilitationId) -> Result<Option<Habilitation>, WorkError> {
    let sql = format!("SELECT {COLUMNS} FROM habilitations WHERE id = ?1");
    let read = || work.around.vault.prepare_cached(&sql)?.query_row([id.as_bytes()], habilitation_row).optional();
    work.try_run(read())?.map(habilitation_of).transpose().map_err(WorkError::from)
}
