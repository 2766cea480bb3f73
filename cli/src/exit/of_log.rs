//! How a verification of the log ends that found a fault.

use coffre_core::note::NoteError;
use coffre_core::tlog::{HeadError, LogFault, TlogProofError};
use coffre_store::LogTreeError;

use super::Exit;

/// What could not be read says nothing about tampering.
pub(super) const fn fault(fault: &LogFault) -> Option<Exit> {
    match fault {
        LogFault::Read { .. } => None,
        LogFault::NoHead => Some(Exit::Failure),
        LogFault::Head(error) => Some(head(error)),
        LogFault::NotAnExtension(_)
        | LogFault::Changed { .. }
        | LogFault::Missing { .. }
        | LogFault::Inserted { .. }
        | LogFault::Reordered { .. }
        | LogFault::Truncated { .. }
        | LogFault::Bundle { .. }
        | LogFault::HashTile { .. }
        | LogFault::Root { .. }
        | LogFault::StaleHead { .. } => Some(Exit::Tampering),
    }
}

/// A head by another key or of another log is no tampering yet: the wrong thing was compared.
pub(super) const fn head(error: &HeadError) -> Exit {
    match error {
        HeadError::Note(NoteError::NotSigned { .. }) | HeadError::Origin { .. } => Exit::WrongKey,
        HeadError::Note(_) | HeadError::Line { .. } => Exit::Tampering,
    }
}

/// An entry or a proof that was changed; a proof by another key proves nothing of either.
pub(super) const fn proof(error: &TlogProofError) -> Exit {
    match error {
        TlogProofError::Head(error) => head(error),
        TlogProofError::Line { .. } | TlogProofError::Note(_) | TlogProofError::Entry { .. } => Exit::Tampering,
    }
}

/// A log that does not lead to its head was changed.
pub(super) const fn tree(error: &LogTreeError) -> Option<Exit> {
    match error {
        LogTreeError::Head(error) => Some(head(error)),
        LogTreeError::Root => Some(Exit::Tampering),
        LogTreeError::Read(_) | LogTreeError::Sizes(_) | LogTreeError::Pruned { .. } | LogTreeError::Beyond { .. } => {
            None
        }
    }
}
