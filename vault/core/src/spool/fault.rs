//! What can be wrong with stored backups. Each fault names the object and ends with the remedy.
//!
//! A fault means that something cannot be restored, or cannot be believed. What is merely worth
//! knowing is a [`Notice`].

use thiserror::Error;

use super::{Chain, ContentHash, Ordinal, Side};
use crate::ids::GenerationId;

/// Something that cannot be restored, or cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// A manifest that cannot be believed.
    #[error("{object} is not a sound manifest: {cause}")]
    Manifest {
        /// The object.
        object: String,
        /// Why, ending with the remedy.
        cause: String,
    },
    /// An authentic manifest or segment under another's name.
    #[error("{object} holds what belongs at {belongs}: objects were swapped; copy both from elsewhere")]
    Misplaced {
        /// The object.
        object: String,
        /// Where its content belongs.
        belongs: String,
    },
    /// Manifests that should be there and are not.
    #[error(
        "{}: manifests {from} to {to} of generation {generation} are missing: copy them from another destination",
        side.folder()
    )]
    Gap {
        /// Which side.
        side: Side,
        /// Which generation.
        generation: GenerationId,
        /// The first that is missing.
        from: Ordinal,
        /// The last that is missing.
        to: Ordinal,
    },
    /// Places in a chain that no manifest accounts for.
    #[error(
        "the {chain} chain of generation {generation} has nothing at positions {from} to {to}: \
         copy them from another destination, or take a new base backup; find out who removed them"
    )]
    ChainGap {
        /// Which chain.
        chain: Chain,
        /// Which generation.
        generation: GenerationId,
        /// The first that is missing.
        from: Ordinal,
        /// The last that is missing.
        to: Ordinal,
    },
    /// A segment that cannot be believed.
    #[error("{object} is not a sound segment ({cause}): copy it from another destination")]
    Segment {
        /// The object.
        object: String,
        /// Why.
        cause: String,
    },
    /// Two histories where there can be one only.
    #[error(
        "{object} does not continue the history ({what}): two vaults run with the same keys, or one was set back; \
         stop one of them and keep both copies"
    )]
    Fork {
        /// The object that does not fit.
        object: String,
        /// What it contradicts.
        what: &'static str,
    },
    /// Two generations go on side by side.
    #[error(
        "generations {} go on side by side: stop all vaults but one, then name the generation to restore",
        list(generations)
    )]
    Divided {
        /// The generations.
        generations: Vec<GenerationId>,
    },
    /// What only grows has shrunk.
    #[error("{object} goes backwards ({what}): the vault was set back; keep all copies and compare them")]
    Backwards {
        /// The object.
        object: String,
        /// What shrinks.
        what: &'static str,
    },
    /// An object that a manifest needs is not there.
    #[error("{object} is missing, {needed_by} needs it: copy it from another destination")]
    Missing {
        /// The object.
        object: String,
        /// The manifest that needs it.
        needed_by: String,
    },
    /// An object has another length.
    #[error("{object} has {found} bytes instead of {expected}: copy it from another destination")]
    WrongSize {
        /// The object.
        object: String,
        /// The length it must have.
        expected: u64,
        /// The length it has.
        found: u64,
    },
    /// An object has other bytes.
    #[error("{object} was changed (SHA-256 {found} instead of {expected}): copy it from another destination")]
    WrongHash {
        /// The object.
        object: String,
        /// The hash it must have.
        expected: ContentHash,
        /// The hash it has.
        found: ContentHash,
    },
    /// An inventory that does not say what its manifest says of it.
    #[error("{object} does not fit its manifest: {cause}")]
    Inventory {
        /// The object.
        object: String,
        /// Why, ending with the remedy.
        cause: String,
    },
    /// There is no keyring that opens a restore point.
    #[error(
        "{needed_by} needs the keyring of generation {generation} up to position {needed}: \
         copy the newest keyring folder from another destination"
    )]
    Keyring {
        /// The manifest that needs it.
        needed_by: String,
        /// The generation.
        generation: GenerationId,
        /// The position that must be reached.
        needed: Ordinal,
    },
    /// Older than what was seen before.
    #[error(
        "the newest manifest here is {found}, but {known} was here before: \
         newer backups were removed; do not ship to it, compare it with another copy"
    )]
    Rollback {
        /// The manifest that was seen before.
        known: String,
        /// The newest one now, or «none».
        found: String,
    },
    /// An object that cannot be read.
    #[error("{object} cannot be read ({cause}): check the disk and its mount, then run this again")]
    Unreadable {
        /// The object.
        object: String,
        /// What the system said.
        cause: String,
    },
}

impl Fault {
    /// Whether something is not there that should be. Any other fault contradicts what was signed.
    pub const fn is_absence(&self) -> bool {
        match self {
            Self::Gap { .. }
            | Self::ChainGap { .. }
            | Self::Missing { .. }
            | Self::Keyring { .. }
            | Self::Rollback { .. }
            | Self::Unreadable { .. } => true,
            Self::Manifest { .. }
            | Self::Misplaced { .. }
            | Self::Segment { .. }
            | Self::Fork { .. }
            | Self::Divided { .. }
            | Self::Backwards { .. }
            | Self::WrongSize { .. }
            | Self::WrongHash { .. }
            | Self::Inventory { .. } => false,
        }
    }

    /// The path of the one object that it is about, if it is about one.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Manifest { object, .. }
            | Self::Misplaced { object, .. }
            | Self::Segment { object, .. }
            | Self::Fork { object, .. }
            | Self::Backwards { object, .. }
            | Self::Missing { object, .. }
            | Self::WrongSize { object, .. }
            | Self::WrongHash { object, .. }
            | Self::Inventory { object, .. }
            | Self::Unreadable { object, .. } => Some(object),
            Self::Gap { .. }
            | Self::ChainGap { .. }
            | Self::Divided { .. }
            | Self::Keyring { .. }
            | Self::Rollback { .. } => None,
        }
    }
}

/// Something worth knowing that endangers no restore.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Notice {
    /// A file that is no object of this vault.
    #[error("{path} is no object of this vault's backups: move it elsewhere")]
    Unknown {
        /// Its path.
        path: String,
    },
    /// An object that no manifest names.
    #[error("{object} is in no manifest: left over from older backups or an interruption, it does no harm")]
    Unclaimed {
        /// The object.
        object: String,
    },
    /// Pieces of the log that no manifest names.
    #[error(
        "{count} pieces of the log are in no manifest: of a base backup that is on its way, was broken off or is gone, they do no harm"
    )]
    UnclaimedPieces {
        /// How many.
        count: usize,
    },
    /// A keyring copy that should have expired.
    #[error(
        "{object} is past its retention: delete it; erased keys can be read from it with the recovery key until then"
    )]
    Expired {
        /// The object.
        object: String,
    },
}

fn list(generations: &[GenerationId]) -> String {
    generations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
