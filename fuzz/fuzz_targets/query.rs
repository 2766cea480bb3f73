//! The query of a request: pairs, percent-encoding, field lists.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::query(data));
