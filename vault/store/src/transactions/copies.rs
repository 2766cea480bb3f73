//! What the backup account found of the keyring at the places that hold copies. Kept as it was last
//! found, for each place; a place that is not in a report stays as it was seen before.

use std::collections::BTreeSet;

use coffre_core::audit::Draft;
use coffre_core::erasure::{Copies, PlaceName};
use coffre_core::time::Timestamp;
use rusqlite::params;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};

/// Takes a report of all places that could be looked at.
pub struct ReportCopies {
    /// Each place; the spool first of all, because every other place is filled from it.
    pub places: Vec<Copies>,
}

/// A report that was not taken.
#[derive(Debug, Error)]
pub enum ReportCopiesError {
    /// The spool is not in it.
    #[error("the report leaves out the spool, from which every destination is filled: look at it first, and report it")]
    WithoutSpool,
    /// A place is in it twice.
    #[error("a place is reported twice: report each once")]
    Twice,
    /// A place was looked at before the spool was.
    #[error("a place was looked at before the spool: look at the spool first, or what it sends meanwhile is missed")]
    SpoolNotFirst,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for ReportCopies {
    type Output = ();
    type Error = ReportCopiesError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<(), ReportCopiesError> {
        let names: BTreeSet<&PlaceName> = self.places.iter().map(|copies| &copies.place).collect();
        if names.len() != self.places.len() {
            return Err(ReportCopiesError::Twice);
        }
        let spool = self.places.iter().find(|copies| copies.place.as_str() == PlaceName::SPOOL);
        let spool = spool.ok_or(ReportCopiesError::WithoutSpool)?;
        if self.places.iter().any(|copies| copies.looked_at < spool.looked_at) {
            return Err(ReportCopiesError::SpoolNotFirst);
        }
        for copies in &self.places {
            // What the spool held at that moment may be on its way to every destination.
            let oldest = [copies.oldest, spool.oldest].into_iter().flatten().min();
            // A clock ahead of the vault's must not vouch for what has not happened yet.
            let looked_at = copies.looked_at.min(work.now());
            remember(work, copies, oldest, looked_at)?;
        }
        base.target = Some(names.into_iter().map(PlaceName::as_str).collect::<Vec<_>>().join(" "));
        work.log(base);
        Ok(())
    }
}

fn remember(
    work: &Work<'_>,
    copies: &Copies,
    oldest: Option<Timestamp>,
    looked_at: Timestamp,
) -> Result<(), WorkError> {
    let insert = || {
        work.around
            .vault
            .prepare_cached(
                "INSERT OR REPLACE INTO keyring_copies (place, looked_at, oldest, unaccounted) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                copies.place.as_str(),
                looked_at.as_micros(),
                oldest.map(Timestamp::as_micros),
                copies.unaccounted
            ])
    };
    work.try_run(insert()).map(drop)
}

/// Strikes off a place that will never be looked at again: a drive that was destroyed, a destination
/// that was given up. Whoever does this answers for what it held.
pub struct ForgetPlace {
    /// The place.
    pub place: PlaceName,
}

/// A place that was not struck off.
#[derive(Debug, Error)]
pub enum ForgetPlaceError {
    /// No report named it.
    #[error("no place of this name was ever reported: see GET /v1/copies")]
    NoSuchPlace,
    /// The spool is part of the vault.
    #[error("the spool cannot be struck off: every destination is filled from it")]
    Spool,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for ForgetPlace {
    type Output = ();
    type Error = ForgetPlaceError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<(), ForgetPlaceError> {
        if self.place.as_str() == PlaceName::SPOOL {
            return Err(ForgetPlaceError::Spool);
        }
        let delete = || {
            let sql = "DELETE FROM keyring_copies WHERE place = ?1";
            work.around.vault.prepare_cached(sql)?.execute([self.place.as_str()])
        };
        if work.try_run(delete())? == 0 {
            return Err(ForgetPlaceError::NoSuchPlace);
        }
        base.target = Some(self.place.to_string());
        work.log(base);
        Ok(())
    }
}
