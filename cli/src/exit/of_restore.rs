//! How a run ends when the vault half of a restore failed.

use coffre_store::{DrillError, RestoreError};

use super::{Exit, of_log, of_store};

/// A backup that is not what the log says was changed; a disk that is full says nothing of it.
pub(super) fn drill(error: &DrillError) -> Option<Exit> {
    match error {
        _ if error.is_full_disk() => Some(Exit::Temporary),
        DrillError::Restore(error) => finish(error),
        DrillError::Tree(error) => of_log::tree(error),
        DrillError::KeyFile { .. } => Some(Exit::WrongKey),
        DrillError::NotAsLogged { .. } | DrillError::Unlogged { .. } | DrillError::NotAncestor(_) => {
            Some(Exit::Tampering)
        }
    }
}

pub(super) fn finish(error: &RestoreError) -> Option<Exit> {
    match error {
        RestoreError::Open(error) => of_store::open(error),
        RestoreError::Root(error) => of_store::root(error),
        RestoreError::Identity(error) => of_store::init(error),
        RestoreError::Stopped => Some(Exit::Temporary),
        RestoreError::OtherVault => Some(Exit::WrongKey),
        RestoreError::Head(error) => Some(of_log::head(error)),
        RestoreError::Log(fault) => of_log::fault(fault),
        RestoreError::OtherHistory { .. } => Some(Exit::Usage),
        RestoreError::Database { .. }
        | RestoreError::Pages { .. }
        | RestoreError::Tombstone { .. }
        | RestoreError::Record(_)
        | RestoreError::Document { .. } => Some(Exit::Tampering),
        RestoreError::Write(_) => None,
    }
}
