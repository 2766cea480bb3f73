//! What the vault does for its callers, one file each. A use case looks at the vault once, decides,
//! computes a plan, and has it executed; its entry is durable before its answer exists.
//!
//! Architecture invariant: nothing here knows HTTP.

mod acting;
mod amend_record;
mod applications;
mod approval_refusal;
mod approvals;
mod audit_log;
mod background;
mod call;
mod capture;
mod contactable;
mod copies;
mod cosignatures;
mod create_record;
mod declared;
mod document_stream;
mod drill;
mod erasure;
mod expected_version;
mod export;
mod failure;
mod failure_rights;
mod failure_writes;
mod grants;
mod habilitations;
mod health;
mod holds;
pub(crate) mod import_legacy;
mod keeper;
mod load_test_data;
mod log_copy;
mod log_refusal;
mod log_sessions;
mod log_tree;
mod look;
mod lookup_subject;
#[cfg(test)]
pub(crate) mod new_vault;
mod objection;
mod once;
mod plan;
mod prune_log;
mod published_head;
mod read_document;
mod read_record;
mod receipt;
mod remove_requests;
mod report_audit;
mod requests;
mod restore_document;
mod restriction;
mod retention;
mod retention_plan;
mod rotate_data;
mod rotate_root;
mod seal;
mod search;
mod seats;
mod upload_document;
mod versions;
mod viewers;

pub(crate) use amend_record::AmendRecord;
pub(crate) use applications::{AddedProof, Listed};
pub(crate) use approval_refusal::ApprovalRefusal;
pub use approval_refusal::PoliciesNotApproved;
pub(crate) use audit_log::{Access, Entries, ListAccesses, ListEntries};
pub(crate) use call::{Call, LocalCall};
pub(crate) use capture::SOFTWARE;
pub(crate) use contactable::{Channel, CheckContactable, Person};
pub(crate) use create_record::CreateRecord;
pub(crate) use document_stream::DocumentStream;
pub(crate) use drill::DrillHistory;
pub(crate) use erasure::{EraseRecord, ErasureView, ReadErasure};
pub(crate) use expected_version::ExpectedVersion;
pub(crate) use export::{
    AccessExport, Archive, BulkExport, Confirmed, ExportAccess, ExportPortable, Exported, Lock, ProposeExport, Seen,
    Term, TestDataRefusal, ToldAct,
};
pub(crate) use failure::{Denial, Failure};
pub(crate) use grants::{GiveGrant, ListGrants, WithdrawGrant};
pub(crate) use habilitations::{GiveHabilitation, ListHabilitations, WithdrawHabilitation};
pub(crate) use holds::{LiftHold, ListHolds, PlaceHold};
pub(crate) use keeper::Keeper;
pub(crate) use log_copy::CopyError;
pub(crate) use log_refusal::LogRefusal;
pub(crate) use log_tree::{Consistency, Inclusion};
pub(crate) use lookup_subject::LookupSubject;
pub(crate) use objection::ObjectToPurpose;
pub(crate) use once::{Begun, Recorded};
pub(crate) use read_document::{ListDocuments, ReadDocument};
pub(crate) use read_record::ReadRecord;
pub(crate) use receipt::ReadReceipt;
pub(crate) use report_audit::AskReport;
pub(crate) use requests::{
    About, AcceptRequest, FileRequest, Letter, LetterView, LinkRequest, ListRequests, ReadRequest, RequestRefusal,
    RequestView, Requests, StepAsked, TakeStep, WriteLetter,
};
pub(crate) use restore_document::RestoreDocument;
pub(crate) use restriction::Restrict;
pub(crate) use rotate_data::RotateData;
pub(crate) use search::Search;
pub(crate) use upload_document::{Upload, UploadDocument};
pub(crate) use versions::{ListVersions, RestoreVersion};
