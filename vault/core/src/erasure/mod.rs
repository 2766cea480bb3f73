//! Erasure that reaches the backups: which copies of the keyring stand where, whether an erased key
//! may still be among them, and the certificate that says so. Pure: what stands where is reported by
//! the backup account, and the vault signs.

mod certificate;
mod copies;

pub use certificate::{Act, Certificate};
pub use copies::{Copies, PlaceName, PlaceNameError, Standing};
