//! The text of a tree head, signed, as it comes from a destination or a copy.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::head(data));
