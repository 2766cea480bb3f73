//! Many at once: what holds whatever the order in which readers, writers, withdrawals, the clock and
//! checkpoints come.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

#[path = "races/checkpoints.rs"]
mod checkpoints;
#[path = "races/consent.rs"]
mod consent;
#[path = "races/crowd.rs"]
mod crowd;
#[path = "races/documents.rs"]
mod documents;
#[path = "races/grants.rs"]
mod grants;
#[path = "races/reasons.rs"]
mod reasons;
#[path = "support/grants.rs"]
mod terms;
#[path = "races/time.rs"]
mod time;
