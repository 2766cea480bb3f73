//! Many at once: what holds whatever the order in which readers, writers, withdrawals, the clock and
//! checkpoints come.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod acts;
mod support;

#[path = "races/time.rs"]
mod time;
