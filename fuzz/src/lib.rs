//! What is fuzzed, as plain functions: each takes the bytes that libFuzzer made and holds one reader of outside bytes to
//! what it promises. Nothing here may panic on its own account; a panic is a finding.
//!
//! Where a signature guards a reader, the target signs what the fuzzer wrote: behind the signature is where a mistake
//! would be, and a stolen key is in the threat model.

mod fixture;
pub mod seeds;
pub mod targets;
