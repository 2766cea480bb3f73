//! Removing objects: what a place must be able to do for it, and what goes wrong. No run removes anything at a
//! destination; whoever does has a credential of its own.

use std::io;

use thiserror::Error;

use super::Source;

/// A place that objects can be removed from.
pub trait Removing: Source {
    /// Removes an object; one that is not there is no failure. When this returns, the object is gone for good, former
    /// versions that the place may keep included.
    fn remove(&self, path: &str) -> Result<(), RemoveError>;
}

/// An object that was not removed.
#[derive(Debug, Error)]
pub enum RemoveError {
    /// This credential may not, or a lock of the place keeps the object for a while.
    #[error(
        "{place} does not let this account remove {path} ({source}): run this with the credential that may; where the place locks objects, have it lock them for less than copies are kept"
    )]
    Refused {
        /// The place.
        place: String,
        /// The object.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The place cannot be reached, or failed.
    #[error("{path} was not removed from {place} ({source}): look at the place, then run this again")]
    Failed {
        /// The place.
        place: String,
        /// The object.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The path leaves the place.
    #[error("{path:?} is no path of an object: report this as a fault of Coffre")]
    Path {
        /// The path.
        path: String,
    },
}
