//! Copies of the keyring that are old enough to go. Run at the destination, with a credential that may remove there; the
//! run of the vault's host has none.
//!
//! Architecture invariant: what must be kept is found out from signed manifests; the newest whole chain stays whatever
//! its age, and nothing of the main side is ever looked at.

mod plan;

use std::path::Path;

use coffre_core::erasure::{Copies, PlaceName};
use coffre_core::spool::{Fault, Pinned};
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::content::{self, Expected, Meter};
use crate::destination::{RemoveError, Removing, SourceError};
use crate::ending::{Ending, Ends};
use crate::keyring_copies::keyring_copies;
use crate::lock::{Lock, LockError};
use crate::observer::{Observer, Stage};
use crate::sources::{Sources, Surveyed};

pub use plan::{Expiring, Group, Verdict};

/// What is to expire where.
pub struct Expiry<'a> {
    /// The destination's name.
    pub name: PlaceName,
    /// The destination.
    pub place: &'a dyn Removing,
    /// The vault that is meant and the key that speaks for it.
    pub pinned: &'a Pinned,
    /// How old a copy must be, in seconds.
    pub older_than: i64,
    /// How old the newest copy may be, in seconds: if it is older, backups have stopped or the clock is wrong.
    pub fresh_within: i64,
    /// A folder to lock, so that two of these do not overlap.
    pub lock: Option<&'a Path>,
    /// Whether anything is removed.
    pub apply: bool,
}

/// What was found, and removed.
#[derive(Debug)]
pub struct Expired {
    /// What there was, and what follows for it.
    pub plan: Expiring,
    /// How many objects were removed.
    pub removed: u64,
    /// What the place was seen to hold after that, as the vault is told it.
    pub left: Copies,
}

/// Copies that did not expire.
#[derive(Debug, Error)]
pub enum ExpiryError {
    /// Another such run is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The place cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its generations do not hold together.
    #[error("nothing was removed, the keyring's history is not in order: {fault}")]
    Fault {
        /// What is wrong.
        fault: Fault,
    },
    /// There is no chain that a keyring could be restored from.
    #[error("nothing was removed: no chain of the keyring is whole here; run `coffre backup verify` on this place and on the others")]
    NothingWhole,
    /// The newest copy is old.
    #[error(
        "nothing was removed: by this clock the newest copy of the keyring here is {days} days old; either backups have stopped, or the clock is wrong: mend that first"
    )]
    Stale {
        /// How old.
        days: i64,
    },
    /// An object was not removed. Those before it were.
    #[error(transparent)]
    Remove(#[from] RemoveError),
}

impl Ends for ExpiryError {
    fn ending(&self) -> Ending {
        match self {
            Self::Lock(error) => error.ending(),
            Self::Source(error) => error.ending(),
            Self::Fault { fault } => fault.ending(),
            Self::NothingWhole => Ending::Tampering,
            Self::Stale { .. } => Ending::ObjectiveMissed,
            Self::Remove(RemoveError::Denied { .. }) => Ending::WrongKey,
            Self::Remove(RemoveError::Versioned { .. }) => Ending::Usage,
            Self::Remove(RemoveError::Failed { .. }) => Ending::Temporary,
        }
    }
}

/// Finds out what may go, and removes it if asked to: the oldest copies first, each manifest after what it names, so that
/// whatever is left has an age.
pub fn expire(expiry: &Expiry<'_>, now: Timestamp, observer: &mut dyn Observer) -> Result<Expired, ExpiryError> {
    let _lock = expiry.lock.map(Lock::folder).transpose()?;
    let source: &dyn Removing = expiry.place;
    let surveyed = Sources { main: None, keyring: Some(source) }.survey(expiry.pinned, observer)?;
    let plan = plan(expiry, &surveyed, now, observer)?;
    let mut removed = 0;
    if expiry.apply {
        for name in plan.objects() {
            expiry.place.remove(&name.path(&expiry.pinned.scope))?;
            removed += 1;
        }
    }
    let left = keyring_copies(expiry.name.clone(), source, expiry.pinned, now, observer)?;
    Ok(Expired { plan, removed, left })
}

fn plan(
    expiry: &Expiry<'_>,
    surveyed: &Surveyed,
    now: Timestamp,
    observer: &mut dyn Observer,
) -> Result<Expiring, ExpiryError> {
    let keyring = &surveyed.survey.keyring;
    keyring.current().map_err(|fault| ExpiryError::Fault { fault })?;
    if keyring.is_empty() && surveyed.listing.is_empty() {
        return Ok(Expiring::default());
    }
    let mut is_right = |needed: &coffre_core::spool::Needed| {
        let expected = Expected { size: needed.size, sha256: needed.sha256 };
        let mut meter = Meter::new(observer, Stage::Verifying, needed.size);
        let opened = expiry.place.open(&needed.name.path(&expiry.pinned.scope), None);
        opened.is_ok_and(|content| content::check(content, expected, &mut meter).is_ok())
    };
    let plan = plan::plan(surveyed, expiry.older_than, now, &mut is_right).ok_or(ExpiryError::NothingWhole)?;
    let age = plan.newest.map_or(0, |newest| now.as_seconds() - newest.as_seconds());
    if age > expiry.fresh_within && plan.objects().next().is_some() {
        return Err(ExpiryError::Stale { days: age / 86_400 });
    }
    Ok(plan)
}
