//! The service over real HTTP, against a real store in a temporary directory: one module a behaviour.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod amend;
mod audit;
mod authentication;
mod authority;
mod backup_socket;
mod bad_requests;
mod contactable;
mod control_socket;
mod denied;
mod documents;
mod erasure;
mod fetched_keys;
mod four_eyes;
mod grants;
mod habilitations;
mod health;
mod holds;
mod import;
mod limits;
mod logs;
mod lookup;
mod mutual_tls;
mod read;
mod report;
mod restriction;
mod running;
mod sealing;
mod search;
mod serving;
mod tlog;
mod tokens;
mod verified_operators;
mod versions;
