//! Giving an application a new token while the former one goes on for a while: no moment without a
//! token in force, and none with two for longer than stated.

use coffre_core::audit::Draft;
use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;
use rusqlite::params;
use thiserror::Error;

use super::Transaction;
use super::applications::{NewToken, in_force, issue, until};
use crate::writer::{AccessKey, Work, WorkError};

/// Gives an application a new token.
pub struct RotateToken {
    /// The application's name.
    pub name: String,
    /// Its new token.
    pub token: NewToken,
    /// How many seconds the former token stays in force; one that would end sooner does so.
    pub overlap_seconds: i64,
}

/// A token that was rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The application.
    pub id: ApplicationId,
    /// When the new token expires.
    pub expires_at: Option<Timestamp>,
    /// Until when the former one is in force at most.
    pub former_until: Timestamp,
}

/// A token that was not rotated.
#[derive(Debug, Error)]
pub enum RotateTokenError {
    /// There is no such application in force.
    #[error("there is no application of this name in force: see `coffre application list`")]
    NoSuchApplication,
    /// It proves itself by certificate.
    #[error(
        "this application has no token: it is known by its client certificate, which its certificate authority renews"
    )]
    NoToken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for RotateToken {
    type Output = Rotated;
    type Error = RotateTokenError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Rotated, RotateTokenError> {
        let id = in_force(work, "name", &self.name)?.ok_or(RotateTokenError::NoSuchApplication)?;
        let count = || {
            work.around
                .vault
                .prepare_cached("SELECT count(*) FROM tokens WHERE application = ?1")?
                .query_row([id.as_bytes()], |row| row.get::<_, u64>(0))
        };
        if work.try_run(count())? == 0 {
            return Err(RotateTokenError::NoToken);
        }
        let former_until = work.now().plus_seconds(self.overlap_seconds);
        work.try_run(end_former(work, id, former_until))?;
        let expires_at = issue(work, id, self.token)?;
        // Whoever remembers the former token with its former end looks again.
        work.access_changed(AccessKey::Application(id));
        let mut entry = base;
        entry.target = Some(format!("{} ({id}), former token until {former_until}{}", self.name, until(expires_at)));
        work.log(entry);
        Ok(Rotated { id, expires_at, former_until })
    }
}

/// Those that have ended are forgotten, the others end at the moment stated.
fn end_former(work: &Work<'_>, id: ApplicationId, moment: Timestamp) -> rusqlite::Result<()> {
    let vault = work.around.vault;
    vault
        .prepare_cached("DELETE FROM tokens WHERE application = ?1 AND expires_at <= ?2")?
        .execute(params![id.as_bytes(), work.now().as_micros()])?;
    vault
        .prepare_cached(
            "UPDATE tokens SET expires_at = ?2 WHERE application = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
        )?
        .execute(params![id.as_bytes(), moment.as_micros()])?;
    Ok(())
}
