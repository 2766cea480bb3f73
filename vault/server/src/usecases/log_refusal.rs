//! Why something of the log's tree was not given or not taken.

use coffre_core::merkle::ProveError;
use coffre_core::note::{CosignatureError, NoteError};
use coffre_core::tlog::{HeadError, TilePathError};
use coffre_store::LogTreeError;
use thiserror::Error;

use super::failure::Failure;

/// A request about the log's tree that is refused.
#[derive(Debug, Error)]
pub(crate) enum LogRefusal {
    /// Not a path.
    #[error(transparent)]
    Path(#[from] TilePathError),
    /// The log is shorter.
    #[error("the log has no such tile: ask for those that a signed head calls for")]
    NoSuchTile,
    /// The log is shorter.
    #[error("a log of {size} entries has no such entry: ask for one below that")]
    NoSuchEntry {
        /// How many there are.
        size: u64,
    },
    /// The log is shorter.
    #[error("the log has {have} entries: ask for a size up to that")]
    Beyond {
        /// How many there are.
        have: u64,
    },
    /// The entry is past the log's retention.
    #[error("the entries before {minimum_index} were pruned: ask for later ones; the hashes of all are there")]
    Pruned {
        /// The first that was not.
        minimum_index: u64,
    },
    /// From a later size to an earlier one.
    #[error("a log does not shrink: name the smaller size first")]
    Shrinking,
    /// No witness is configured.
    #[error("no witness is configured: name their keys in [audit] of coffre.toml, then restart the server")]
    NoWitnesses,
    /// Not a note.
    #[error(transparent)]
    Note(NoteError),
    /// Not a head of this log.
    #[error(transparent)]
    Head(HeadError),
    /// None of the signatures is of a witness that is known.
    #[error(
        "the tree head bears no cosignature of a configured witness: send the signed head with the witness's lines"
    )]
    NoCosignature,
    /// It does not hold.
    #[error(transparent)]
    Cosignature(CosignatureError),
    /// It was made tomorrow.
    #[error("the cosignature of {name} is dated {seconds} s ahead: set the clocks, then have it cosigned again")]
    Future {
        /// The witness.
        name: String,
        /// How much.
        seconds: u64,
    },
}

impl From<LogRefusal> for Failure {
    fn from(refusal: LogRefusal) -> Self {
        Self::Log(refusal)
    }
}

impl From<LogTreeError> for Failure {
    fn from(error: LogTreeError) -> Self {
        match error {
            LogTreeError::Beyond { have, .. } => LogRefusal::Beyond { have }.into(),
            LogTreeError::Pruned { minimum_index } => LogRefusal::Pruned { minimum_index }.into(),
            LogTreeError::Sizes(ProveError::NoSuchLeaf { size, .. }) => LogRefusal::NoSuchEntry { size }.into(),
            LogTreeError::Sizes(ProveError::Shrinking { .. }) => LogRefusal::Shrinking.into(),
            LogTreeError::Read(error) => error.into(),
            error => Self::Tree(error),
        }
    }
}
