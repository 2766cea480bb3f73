//! The built `coffre` binary, as people and schedulers meet it: one module a behaviour, one binary for all of them.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod audit_copy;
mod backups;
mod command_line;
mod importing;
mod new_vault;
mod oversight;
mod policy;
mod server;
mod serving;
mod set_back;
mod transcript;
