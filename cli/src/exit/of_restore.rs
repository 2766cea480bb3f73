//! How a run ends when the vault half of a restore failed.

use coffre_store::RestoreError;

use super::{Exit, of_log, of_store};

pub(super) fn finish(error: &RestoreError) -> Option<Exit> {
    match error {
        RestoreError::Open(error) => of_store::open(error),
        RestoreError::Root(error) => of_store::root(error),
        RestoreError::Identity(error) => of_store::init(error),
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
