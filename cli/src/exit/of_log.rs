//! How a verification of the log ends that found a fault.

use coffre_core::note::NoteError;
use coffre_core::tlog::{HeadError, LogFault};

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
