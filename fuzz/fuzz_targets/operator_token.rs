//! A token of the company's identity provider.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::operator_token(data));
