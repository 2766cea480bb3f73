//! How a run ends when a vault could not be made or opened.

use coffre_core::keyset::KeyFileError;
use coffre_store::{InitError, OpenError, RootError};

use super::Exit;

pub(super) const fn init(error: &InitError) -> Option<Exit> {
    match error {
        InitError::NotEmpty { .. }
        | InitError::HalfMade { .. }
        | InitError::Permissions { .. }
        | InitError::IdentityInside { .. }
        | InitError::IdentityExists { .. }
        | InitError::Recipient(_) => Some(Exit::Usage),
        InitError::Root(error) => root(error),
        InitError::Open(error) => open(error),
        InitError::Io { .. } | InitError::HandOver(_) => None,
    }
}

pub(super) const fn open(error: &OpenError) -> Option<Exit> {
    match error {
        OpenError::Locked => Some(Exit::Busy),
        OpenError::Full => Some(Exit::Temporary),
        OpenError::NoVault { .. } | OpenError::Permissions { .. } => Some(Exit::Usage),
        OpenError::Root(error) => root(error),
        OpenError::Database { .. } | OpenError::OtherPage { .. } | OpenError::Damaged { .. } => Some(Exit::Tampering),
        OpenError::Newer { .. } | OpenError::Older { .. } => Some(Exit::Failure),
        OpenError::Io(_) => None,
    }
}

pub(super) const fn root(error: &RootError) -> Option<Exit> {
    match error {
        RootError::WrongIdentity { .. } | RootError::Keys(KeyFileError::OtherVault { .. }) => Some(Exit::WrongKey),
        RootError::Damaged { .. } | RootError::Keys(KeyFileError::DoesNotOpen(_) | KeyFileError::Damaged { .. }) => {
            Some(Exit::Tampering)
        }
        RootError::Keys(KeyFileError::Seal(_) | KeyFileError::Newer { .. }) | RootError::Recipient(_) => {
            Some(Exit::Failure)
        }
        RootError::Read { .. }
        | RootError::Write { .. }
        | RootError::NotDurable { .. }
        | RootError::NotRemembered { .. } => None,
    }
}
