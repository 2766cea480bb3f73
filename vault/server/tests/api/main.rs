//! The service over real HTTP, against a real store in a temporary directory: one module a behaviour.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod amend;
mod audit;
mod authentication;
mod backup_socket;
mod bad_requests;
mod contactable;
mod control_socket;
mod denied;
mod documents;
mod erasure;
mod exports;
mod grants;
mod habilitations;
mod health;
mod holds;
mod import;
mod logs;
mod lookup;
mod read;
mod report;
mod requests;
mod restriction;
mod retention;
mod running;
mod search;
mod serving;
mod tlog;
mod versions;
