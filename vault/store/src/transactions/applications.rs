//! Adding and revoking applications. A token is stored as its SHA-256 only.

use coffre_core::audit::Draft;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::Transaction;
use crate::clock::SystemEntropy;
use crate::model::Application;
use crate::writer::{AccessKey, Work, WorkError};

/// Adds an application.
pub struct AddApplication {
    /// Its name: 1 to 64 of a-z, 0-9 and '-'.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// SHA-256 of its token; a token is 256 random bits, so a plain hash suffices.
    pub token_hash: [u8; 32],
}

/// An application that was not added.
#[derive(Debug, Error)]
pub enum AddApplicationError {
    /// The name does not follow its rule.
    #[error("not an application name: use 1 to 64 of a-z, 0-9 and '-', starting with a letter")]
    Name,
    /// The name is taken.
    #[error("an application of this name is there already: choose another name, or revoke it first")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AddApplication {
    type Output = Application;
    type Error = AddApplicationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Application, AddApplicationError> {
        if !is_name(&self.name) {
            return Err(AddApplicationError::Name);
        }
        if in_force(work, &self.name)?.is_some() {
            return Err(AddApplicationError::Taken);
        }
        let id = ApplicationId::random(&mut SystemEntropy);
        let insert = || {
            work.around
                .vault
                .prepare_cached(
                    "INSERT INTO applications (id, name, role, token_hash, added_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id.as_bytes(), self.name, self.role.as_str(), self.token_hash, work.now().as_micros()])
        };
        work.try_run(insert())?;
        let mut entry = base;
        entry.target = Some(format!("{} ({}, {id})", self.name, self.role));
        work.log(entry);
        Ok(Application { id, name: self.name, role: self.role, added_at: work.now(), revoked_at: None })
    }
}

/// Revokes an application: its token opens nothing from this entry on.
pub struct RevokeApplication {
    /// Its name.
    pub name: String,
}

/// An application that was not revoked.
#[derive(Debug, Error)]
pub enum RevokeApplicationError {
    /// There is no such application in force.
    #[error("there is no application of this name in force: see `coffre application list`")]
    NoSuchApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for RevokeApplication {
    type Output = ApplicationId;
    type Error = RevokeApplicationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<ApplicationId, RevokeApplicationError> {
        let id = in_force(work, &self.name)?.ok_or(RevokeApplicationError::NoSuchApplication)?;
        let update = || {
            work.around
                .vault
                .prepare_cached("UPDATE applications SET revoked_at = ?2 WHERE id = ?1")?
                .execute(params![id.as_bytes(), work.now().as_micros()])
        };
        work.try_run(update())?;
        work.access_changed(AccessKey::Application(id));
        let mut entry = base;
        entry.target = Some(format!("{} ({id})", self.name));
        work.log(entry);
        Ok(id)
    }
}

fn in_force(work: &Work<'_>, name: &str) -> Result<Option<ApplicationId>, WorkError> {
    let find = || {
        work.around
            .vault
            .prepare_cached("SELECT id FROM applications WHERE name = ?1 AND revoked_at IS NULL")?
            .query_row([name], |row| row.get(0).map(ApplicationId::from_bytes))
            .optional()
    };
    work.try_run(find())
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
