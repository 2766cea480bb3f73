//! A certificate, or a list of revoked ones.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::certificate(data));
