//! Copies of the keyring that are old enough to go, so that an erased person's key does not live on in them. Runs at the
//! destination, with a credential that may remove there; the run of the vault's host has none.
//!
//! Architecture invariant: what must stay follows from signed manifests and from bytes that were read. The newest whole
//! chain stays whatever its age and whatever the clock says, and nothing of the main side is looked at or removed.

mod plan;
mod whole;

use coffre_core::spool::{Fault, Pinned};
use coffre_core::time::Timestamp;
use thiserror::Error;

use self::plan::Seen;
use crate::content::Meter;
use crate::destination::{RemoveError, Removing, Source, SourceError};
use crate::ending::{Ending, Ends};
use crate::observer::{self, Cancelled, Observer, Progress, Stage};
use crate::sources::Sources;

pub use plan::{KeyringCopy, Plan, Verdict};

/// Copies that did not expire.
#[derive(Debug, Error)]
pub enum ExpiryError {
    /// The place cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its generations do not hold together.
    #[error("nothing was removed, the history of the keyring is not in order: {fault}")]
    Fault {
        /// What is wrong.
        fault: Fault,
    },
    /// There is no chain that a keyring could be restored from.
    #[error(
        "nothing was removed from {place}: no chain of the keyring is whole there; run `coffre backup verify` on it, then on the others"
    )]
    NothingWhole {
        /// The place.
        place: String,
    },
    /// An object was not removed. Those before it were.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Ends for ExpiryError {
    fn ending(&self) -> Ending {
        match self {
            Self::Source(error) => error.ending(),
            Self::Fault { fault } => fault.ending(),
            Self::NothingWhole { .. } => Ending::Tampering,
            Self::Remove(error) => error.ending(),
            Self::Cancelled(_) => Ending::Temporary,
        }
    }
}

impl Ends for RemoveError {
    fn ending(&self) -> Ending {
        match self {
            Self::Refused { .. } => Ending::WrongKey,
            Self::Failed { .. } => Ending::Temporary,
            Self::Path { .. } => Ending::Failure,
        }
    }
}

/// Finds out what may go once it is older than so many seconds. Reads the newest chain to its end, and removes nothing.
/// None where there is no copy at all.
pub fn plan(
    place: &dyn Source,
    pinned: &Pinned,
    older_than: i64,
    now: Timestamp,
    observer: &mut dyn Observer,
) -> Result<Option<Plan>, ExpiryError> {
    let surveyed = Sources { main: None, keyring: Some(place) }.survey(pinned, observer)?;
    if surveyed.listing.is_empty() {
        return Ok(None);
    }
    let keyring = &surveyed.survey.keyring;
    let line = keyring.line().map_err(|fault| ExpiryError::Fault { fault })?;
    let mut meter = Meter::new(observer, Stage::Verifying, 0);
    let whole = whole::newest(place, &surveyed, &line, pinned, &mut meter)?;
    let whole = whole.ok_or_else(|| ExpiryError::NothingWhole { place: place.label() })?;
    let seen = Seen { keyring, listing: &surveyed.listing, line: &line, whole };
    Ok(Some(plan::plan(seen, older_than, now)))
}

/// Removes what a plan lets go, and says how many objects that were. Each is gone for good before the next; wherever this
/// stops, what is left is in order, and the next plan goes on from there.
pub fn remove(
    plan: &Plan,
    place: &dyn Removing,
    pinned: &Pinned,
    observer: &mut dyn Observer,
) -> Result<u64, ExpiryError> {
    observer.progress(Progress { stage: Stage::Expiring, done: 0, total: 0 });
    let mut done = 0;
    for name in plan.objects() {
        observer::check(observer)?;
        place.remove(&name.path(&pinned.scope))?;
        // Durable: the object's absence. Its manifest, where it has one, is still there.
        done += 1;
    }
    Ok(done)
}
