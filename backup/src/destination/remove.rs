//! What goes wrong when an object is to be removed.

use std::io;

use thiserror::Error;

/// An object that was not removed.
#[derive(Debug, Error)]
pub enum RemoveError {
    /// This credential may not.
    #[error("{path} in {place} may not be removed by this account: run this with the credential that may, at the destination")]
    Denied {
        /// The place.
        place: String,
        /// The object.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bucket keeps what is removed from it.
    #[error("{place} keeps former versions of {path}: the copy is still there; have a lifecycle rule expire noncurrent versions, or remove them")]
    Versioned {
        /// The place.
        place: String,
        /// The object.
        path: String,
    },
    /// The place cannot be reached, or failed.
    #[error("{path} in {place} was not removed: look at the place, then run this again")]
    Failed {
        /// The place.
        place: String,
        /// The object.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
