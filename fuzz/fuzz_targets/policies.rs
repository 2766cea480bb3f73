//! Any file of the policy folder.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::policies(data));
