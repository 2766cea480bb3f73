//! How a run ends when a share of the recovery identity is not one, or does not belong.

use std::error::Error;

use coffre_core::key_share::{PageError, QuorumError};

use super::Exit;

/// The ending of an error, if it is about a share.
pub(super) fn any(link: &(dyn Error + 'static)) -> Option<Exit> {
    let page = || link.is::<PageError>().then_some(Exit::Usage);
    link.downcast_ref().copied().map(quorum).or_else(page)
}

const fn quorum(error: QuorumError) -> Exit {
    match error {
        QuorumError::OtherVault | QuorumError::OtherSplitting => Exit::WrongKey,
        QuorumError::Twice { .. } => Exit::Usage,
    }
}
