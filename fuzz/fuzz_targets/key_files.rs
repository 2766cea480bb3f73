//! `keys.json` and the root key inside an age file.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::key_files(data));
