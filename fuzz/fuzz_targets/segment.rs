//! The header of a segment, raw and with its text signed.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::segment(data));
