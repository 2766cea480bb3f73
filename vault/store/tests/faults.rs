//! Bad input and faults: what the store does with wrong keys, damaged files, a killed process, a full
//! disk and curious neighbours. Whatever it cannot serve it says clearly; nothing acknowledged is lost.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod acts;
mod support;

#[path = "faults/child.rs"]
mod child;
#[path = "faults/disk_full.rs"]
mod disk_full;
#[path = "faults/document_files.rs"]
mod document_files;
#[path = "faults/gone.rs"]
mod gone;
#[path = "faults/proof.rs"]
mod proof;
#[path = "faults/small_disk.rs"]
mod small_disk;
#[path = "faults/torn_groups.rs"]
mod torn_groups;
