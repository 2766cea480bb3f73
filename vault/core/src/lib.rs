//! The pure heart of Coffre: domain words, cryptography, the Merkle log and every byte format.
//!
//! Architecture invariant: nothing here reads a file, a clock or a random source. What it needs of
//! them (`Timestamp`, `Entropy`) is passed in, so that every function can be tested exactly.

pub mod approval;
mod as_text;
pub mod audit;
pub mod canonical;
pub mod crypto;
pub mod day;
pub mod document;
pub mod drill;
pub mod erasure;
pub mod filing;
pub mod four_eyes;
pub mod grant;
pub mod habilitation;
pub mod ids;
pub mod key_share;
pub mod keyset;
pub mod merkle;
pub mod note;
pub mod page_file;
pub mod record;
pub mod restriction;
pub mod role;
pub mod search;
pub mod source;
pub mod spool;
pub mod time;
pub mod tlog;
pub mod tombstone;
