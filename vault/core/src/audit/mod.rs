//! The entries of the audit log: what is written about every access and every change.
//!
//! The Merkle tree over them is in `merkle`, its signed heads in `note`.

mod action;
mod entry;
mod pruning;
pub mod report;
mod rewinds;
mod standing;

pub use action::Action;
pub use entry::{
    Decision, DocumentRef, Draft, Entry, GrantRef, MAX_LEAF_LENGTH, OperatorKnown, Parent, RewoundTo, SealedValue,
};
pub use pruning::{Carried, CarriedOnce, minimum_index};
pub use rewinds::CHANGED_BACK;
pub use standing::Standing;
