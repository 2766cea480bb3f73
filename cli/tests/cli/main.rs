//! The built `coffre` binary, as people and schedulers meet it: one module a behaviour, one binary for all of them.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod approving;
mod audit_copy;
mod backups;
mod bad_requests;
mod caller;
mod command_line;
mod cut_uploads;
mod damage;
mod disk_full;
mod drills;
mod expiring;
mod first_session;
mod importing;
mod keys;
mod killed_runs;
mod killed_server;
mod lost_destination;
mod new_vault;
mod officers;
mod oversight;
mod policy;
mod pty;
mod recovery;
mod retention;
mod sealing;
#[expect(dead_code, reason = "shared with the tests of faults, which need more of it")]
mod server;
mod serving;
mod set_back;
mod shown_shares;
mod site;
mod telling;
mod test_data;
mod transcript;
mod upkeep;
mod without_vault;

#[path = "../../../vault/store/tests/faults/child.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
mod child;
#[path = "../../../vault/store/tests/faults/small_disk.rs"]
mod small_disk;

// Servers that nobody here wrote: sshd, and moto's S3.
#[path = "../../../backup/tests/destinations/bucket.rs"]
#[expect(dead_code, reason = "shared with the tests of destinations, which need more of it")]
mod bucket;
#[path = "../../../backup/tests/destinations/listening.rs"]
mod listening;
#[path = "../../../backup/tests/destinations/sshd.rs"]
#[expect(dead_code, reason = "shared with the tests of destinations, which need more of it")]
mod sshd;
