//! Test data from the records of a vault: the same shape, the same links, and nobody in it.
//!
//! What links records stays with the record: whose names, numbers, addresses and documents are the same as whose. Each
//! of them is replaced, the same by the same. What says something about a person (dates, choices, flags, what a grant opens)
//! does not stay: each category of it comes from another record, drawn by lot, and only where several have it in common.
//! Special categories are not read at all, but made up.
//!
//! Architecture invariants:
//! - a value is reduced to keyed hashes, lengths and counts as soon as it was read ([`Gathering`]); the data are made
//!   from those alone, by code that never saw a value;
//! - the key of the hashes is made for one run, is never written, and is wiped with what was gathered;
//! - no replacement is, or holds, what a value of the vault is, as far as there is another one ([`Originals`]);
//! - a kind of field without a rule does not compile ([`Rule::of`]).
//!
//! Pure apart from [`load`], which brings a set into a vault. Who may have one made is not known here.

mod draw;
mod gathering;
mod load;
mod make;
mod number;
mod originals;
mod paper;
mod pseudonyms;
mod rule;
mod set;
#[cfg(test)]
mod tests;
mod units;
mod words;

pub use self::gathering::{Gathering, Source};
pub use self::load::{LoadError, Loaded, load};
pub use self::make::{MakeError, Making};
pub use self::set::{Begin, End, Line, LineDocument, LineGrant, SetError};
