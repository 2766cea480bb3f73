//! A C2SP signed note: tree heads, manifests, tombstones and certificates are notes.
#![no_main]

use coffre_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::note(data));
