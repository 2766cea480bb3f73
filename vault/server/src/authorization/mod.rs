//! What a role may do with a record: chooses the grants to rely on, asks the policies, and says what
//! is opened, what is withheld and whether a refusal may admit that the record exists.
//!
//! Architecture invariant: nothing here reads the store or a clock, knows HTTP, or remembers
//! anything that depends on time.

mod candidate;
mod decided;
mod decider;
mod memo;

pub(crate) use decided::{Decided, Refusal};
pub(crate) use decider::{Asked, Decider, Standing};

#[cfg(test)]
mod tests;
