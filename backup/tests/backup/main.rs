//! Shipping, verifying, restoring and running, on spools that a small vault without a server fills.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod beside;
mod busy;
mod copies;
mod doubles;
mod expiring;
mod faults;
mod going_on;
mod keeping;
mod out_of_reach;
mod pieces;
mod restoring;
mod running;
mod second_vault;
mod segments;
mod sharing;
mod shipping;
mod snapshots;
mod standing;
mod vault;
mod verifying;
mod words;

#[path = "../restic/programs.rs"]
mod programs;
