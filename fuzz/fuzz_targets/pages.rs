//! The file that says what every page of a database is.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::pages(data));
