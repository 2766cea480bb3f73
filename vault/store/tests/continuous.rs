//! Continuous capture: base and segments, put together without a key, are the databases page by page.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

#[path = "faults/child.rs"]
mod child;

#[path = "continuous/beside.rs"]
mod beside;
#[path = "continuous/broken.rs"]
mod broken;
#[path = "continuous/killed.rs"]
mod killed;
#[path = "continuous/rebuilt.rs"]
mod rebuilt;
#[path = "continuous/resumed.rs"]
mod resumed;
#[path = "continuous/waiting.rs"]
mod waiting;
