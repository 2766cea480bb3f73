//! A write-ahead log as SQLite left it: header and frames.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::wal(data));
