//! Bad input and faults: what the store does with wrong keys, damaged files, a killed process, a full
//! disk and curious neighbours. Whatever it cannot serve it says clearly; nothing acknowledged is lost.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "support/grants.rs"]
mod grants;
mod support;

use std::error::Error;

/// An error and its causes, as a log would show them.
pub(crate) fn told(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[path = "faults/child.rs"]
mod child;
#[path = "faults/damaged_index.rs"]
mod damaged_index;
#[path = "faults/damaged_pages.rs"]
mod damaged_pages;
#[path = "faults/deeds.rs"]
mod deeds;
#[path = "faults/dice.rs"]
mod dice;
#[path = "faults/disk_full.rs"]
mod disk_full;
#[path = "faults/document_files.rs"]
mod document_files;
#[path = "faults/gone.rs"]
mod gone;
#[path = "faults/keys.rs"]
mod keys;
#[path = "faults/killed.rs"]
mod killed;
#[path = "faults/papers.rs"]
mod papers;
#[path = "faults/plaintext.rs"]
mod plaintext;
#[path = "faults/proof.rs"]
mod proof;
#[path = "faults/small_disk.rs"]
mod small_disk;
#[path = "faults/stock_sqlite.rs"]
mod stock_sqlite;
#[path = "faults/torn_groups.rs"]
mod torn_groups;
#[path = "faults/uploads.rs"]
mod uploads;
