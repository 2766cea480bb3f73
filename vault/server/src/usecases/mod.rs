//! What the vault does for its callers, one file each. A use case looks at the vault once, decides,
//! computes a plan, and has it executed; its entry is durable before its answer exists.
//!
//! Architecture invariant: nothing here knows HTTP.

mod amend_record;
mod applications;
mod audit_log;
mod call;
mod capture;
mod create_record;
mod declared;
mod document_stream;
mod expected_version;
mod failure;
mod grants;
mod health;
pub(crate) mod import_legacy;
mod keeper;
mod log_copy;
mod look;
mod plan;
mod read_document;
mod read_record;
mod restore_document;
mod search;
mod upload_document;
mod versions;

pub(crate) use amend_record::AmendRecord;
pub(crate) use audit_log::{Access, Entries, ListAccesses, ListEntries};
pub(crate) use call::{Call, LocalCall};
pub(crate) use capture::SOFTWARE;
pub(crate) use create_record::CreateRecord;
pub(crate) use document_stream::DocumentStream;
pub(crate) use expected_version::ExpectedVersion;
pub(crate) use failure::{Denial, Failure};
pub(crate) use grants::{GiveGrant, ListGrants, WithdrawGrant};
pub(crate) use keeper::Keeper;
pub(crate) use log_copy::CopyError;
pub(crate) use read_document::{ListDocuments, ReadDocument};
pub(crate) use read_record::ReadRecord;
pub(crate) use restore_document::RestoreDocument;
pub(crate) use search::Search;
pub(crate) use upload_document::{Upload, UploadDocument};
pub(crate) use versions::{ListVersions, RestoreVersion};
