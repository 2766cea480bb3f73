//! Everything that can be wrong with a log.

use super::super::head::{HeadError, TreeHead};
use super::super::tile::TilePath;
use crate::merkle::Hash;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with a log, and where. Entries count from 0.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// An entry is not the one that was logged.
    #[error(
        "entry {index} was changed: it does not hash to its leaf in the tree; keep this log as evidence and take the entry from another copy"
    )]
    Changed {
        /// The entry.
        index: u64,
    },
    /// An entry was taken out.
    #[error("entry {index} is missing; keep this log as evidence and take the entry from another copy")]
    Missing {
        /// The entry.
        index: u64,
    },
    /// An entry was put in that never was in the log.
    #[error(
        "an entry that was never logged stands at {index}, before the one that belongs there; keep this log as evidence and go on with another copy"
    )]
    Inserted {
        /// Where it stands.
        index: u64,
    },
    /// Entries were exchanged.
    #[error(
        "entries were reordered: at {index} stands entry {found_index}; keep this log as evidence and go on with another copy"
    )]
    Reordered {
        /// The first place with a wrong entry.
        index: u64,
        /// The entry that stands there.
        found_index: u64,
    },
    /// The log ends too early.
    #[error(
        "the log was cut: it holds {have} entries and its head signs {signed}; keep it as evidence and take the rest from another copy"
    )]
    Truncated {
        /// How many entries there are.
        have: u64,
        /// How many were signed.
        signed: u64,
    },
    /// A bundle's lengths and bytes do not fit each other.
    #[error("the bundle {path} is malformed from entry {index} on; take this file from another copy")]
    Bundle {
        /// The file.
        path: TilePath,
        /// The first entry that cannot be told from the others.
        index: u64,
    },
    /// A hash tile is not the one of the signed tree.
    #[error(
        "the hash tile {path} is missing, cut or changed: it does not fit the signed tree; take this file from another copy"
    )]
    HashTile {
        /// The file.
        path: TilePath,
    },
    /// Entries and hashes agree with each other but not with what was signed.
    #[error(
        "the tree root does not match the signed head: among the entries {from} to {last} some were changed together with their hashes; keep this log as evidence and go on with another copy",
        last = to.saturating_sub(1)
    )]
    Root {
        /// The first entry that may be concerned.
        from: u64,
        /// The end (exclusive) of the entries that may be concerned.
        to: u64,
    },
    /// The copy was made for a longer log than its head signs.
    #[error(
        "the copy holds {have} entries and its head signs {signed} of them: an older head was put in; take the newest head from another copy"
    )]
    StaleHead {
        /// How many entries there are at least.
        have: u64,
        /// How many the head signs.
        signed: u64,
    },
    /// The copy has no signed head.
    #[error("the copy has no file `checkpoint`; it is unfinished or is no copy of a log: export the log again")]
    NoHead,
    /// The signed head is not to be believed.
    #[error(transparent)]
    Head(HeadError),
    /// The log does not go on from a head that is known from elsewhere.
    #[error(transparent)]
    NotAnExtension(NotAnExtension),
    /// Something could not be read.
    #[error("{what} could not be read; verify again when the cause is gone")]
    Read {
        /// The file, or the entry.
        what: String,
        /// The cause.
        #[source]
        source: Cause,
    },
}

/// Why a log is not a continuation of what it was when another head was signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotAnExtension {
    /// The known head is of another generation, whose entries the log lacks.
    #[error(
        "the log {origin} does not go on from the known head of {known}; unless a restore gave up part of the log, which the first entry of its generation then says, one of the two was rewritten: keep both heads as evidence"
    )]
    OtherLog {
        /// The origin of the log.
        origin: String,
        /// The origin of the known head.
        known: String,
    },
    /// The log is shorter than it was.
    #[error(
        "the log went back: it has {size} entries and had {known} when the known head was signed; keep both heads as evidence and take the newer log"
    )]
    Rollback {
        /// How many entries it has.
        size: u64,
        /// How many it had.
        known: u64,
    },
    /// The log has another past.
    #[error(
        "the log was forked: its first {known} entries are not those that the known head signed; keep both heads as evidence, one of the two logs was rewritten"
    )]
    Fork {
        /// The size of the known head.
        known: u64,
    },
}

impl NotAnExtension {
    /// What can be told from two heads alone: the log is not shorter than it was. The known head may be of a generation
    /// before it: a restored vault goes on with the same tree.
    pub fn by_size(head: &TreeHead, known: &TreeHead) -> Result<(), Self> {
        if head.size < known.size {
            return Err(Self::Rollback { size: head.size, known: known.size }.between(head, known));
        }
        Ok(())
    }

    /// Whether the log had the known root when it had the known size.
    pub fn by_root(root_at_known_size: Hash, known: &TreeHead) -> Result<(), Self> {
        if root_at_known_size == known.root { Ok(()) } else { Err(Self::Fork { known: known.size }) }
    }

    /// What the fault is where the two heads are of different generations.
    pub(super) fn between(self, head: &TreeHead, known: &TreeHead) -> Self {
        if head.origin == known.origin {
            return self;
        }
        Self::OtherLog { origin: head.origin.clone(), known: known.origin.clone() }
    }
}
