//! Bad input and faults: what the store does with wrong keys, damaged files, a killed process, a full
//! disk and curious neighbours. Whatever it cannot serve it says clearly; nothing acknowledged is lost.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod acts;
mod support;

#[path = "faults/document_files.rs"]
mod document_files;
