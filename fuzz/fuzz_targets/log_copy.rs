//! A static copy of a log: heads, bundles and tiles that do not belong together.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::log_copy(data));
