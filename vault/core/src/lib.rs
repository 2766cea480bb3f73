//! Coffre's domain: pure code without input, output, clock or randomness.

pub mod note;
