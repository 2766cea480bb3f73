//! Why a shipment was refused or broken off.

use coffre_core::spool::{Fault, NoPoint};
use thiserror::Error;

use crate::destination::{PutError, SourceError};
use crate::observer::Cancelled;

/// A shipment that did not reach its end. What is complete on the destination stays; the next one
/// goes on from there.
#[derive(Debug, Error)]
pub enum ShipError {
    /// There is nothing to ship.
    #[error("the spool holds no backup of this vault: run `coffre backup run` while the vault is served")]
    Empty,
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(SourceError),
    /// The spool itself is not in order. Nothing of the faulty point was shipped.
    #[error("the spool is not in order: {fault}")]
    SpoolFault {
        /// What is wrong with it.
        fault: Fault,
    },
    /// The vault went on meanwhile and gave up what was about to be copied: a newer base backup stands for it.
    #[error("{object} left the spool meanwhile, since a newer base backup stands for it: run this again")]
    Dropped {
        /// The object.
        object: String,
    },
    /// The spool's keyring does not open what is in it.
    #[error("the spool holds a point without the keyring that opens it: take a new base backup")]
    NoKeyring {
        /// What is missing.
        #[source]
        source: NoPoint,
    },
    /// The destination holds another history, or a newer one.
    #[error("{destination} was not written to: {fault}")]
    Refused {
        /// The destination.
        destination: String,
        /// What is wrong.
        fault: Fault,
    },
    /// An object on the destination is not what it was when it was written.
    #[error("{destination} holds a damaged object: {fault}")]
    Damaged {
        /// The destination.
        destination: String,
        /// What is wrong.
        fault: Fault,
    },
    /// The destination cannot be read.
    #[error(transparent)]
    Destination(SourceError),
    /// The destination cannot be written to.
    #[error(transparent)]
    Put(PutError),
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
