//! The grants that an import gives.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::grants(data));
