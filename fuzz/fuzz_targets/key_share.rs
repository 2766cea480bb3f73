//! A page of a key share, as somebody typed it.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::key_share(data));
