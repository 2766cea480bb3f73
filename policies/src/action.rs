//! The actions an application can ask for. Which role may do what stands in the Cedar policies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an application wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Read fields of a record.
    Read,
    /// Find records by the value of these fields.
    Search,
    /// Read former versions of fields.
    ReadVersions,
    /// List the documents of these document fields.
    ListDocuments,
    /// Read the content of a document of these document fields.
    ReadDocument,
    /// Create a record with these fields.
    Create,
    /// Change these fields.
    Amend,
    /// Add a document to these document fields.
    UploadDocument,
    /// Make a former version of a record the current one, in which these fields may differ.
    RestoreVersion,
    /// Give a grant.
    GiveGrant,
    /// List the grants of a data subject.
    ListGrants,
    /// Withdraw a grant.
    WithdrawGrant,
    /// Read entries of the audit log.
    ReadAudit,
    /// Read who accessed a record.
    ReadAccesses,
    /// Read the signed head of the audit log, and hashes of its tree.
    ReadTreeHead,
    /// Wipe the vault's keys from memory.
    Seal,
    /// Find out which records a value of an index belongs to, without opening any.
    LookupSubject,
    /// Ask whether a data subject may be contacted through the channel that these fields are.
    CheckContactable,
    /// Habilitate an operator for special categories.
    GiveHabilitation,
    /// List the habilitations of operators.
    ListHabilitations,
    /// Withdraw a habilitation.
    WithdrawHabilitation,
    /// Propose or confirm the erasure of a record.
    Erase,
    /// See how the erasure of a record stands.
    ReadErasure,
    /// Restrict processing of a record.
    Restrict,
    /// End the restriction of a record.
    Unrestrict,
    /// Place a legal hold on a record.
    PlaceHold,
    /// Lift a legal hold.
    LiftHold,
    /// List the legal holds on a record.
    ListHolds,
    /// Propose other values for these fields, without reading them.
    ProposeChange,
    /// File a request of a data subject.
    FileRequest,
    /// Follow the requests that the same application filed, add to them, take them back.
    FollowRequests,
    /// See which requests there are and how they stand.
    ListRequests,
    /// Assign, extend, refuse and fulfil requests, and write letters.
    DecideRequests,
    /// Export these fields for the person whom they are about.
    Export,
    /// Export these fields of many records, for a service of the house; two operators agree to it.
    BulkExport,
    /// Make test data that is about nobody from these fields of many records; two operators agree to it.
    Pseudonymise,
    /// See what retention would do to records.
    PlanRetention,
    /// Let retention set apart and erase what is past its time.
    RunRetention,
}

/// Text that names no action.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an action: use one of {}", Action::ALL.map(Action::as_str).join(", "))]
pub struct UnknownAction;

/// What an action is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each of the fields of the question.
    Fields,
    /// Each of the document fields of the question, or all of the record type if it names none.
    DocumentFields,
    /// The record as a whole.
    Record,
    /// The vault as a whole, for which its audit log stands.
    Log,
}

impl Action {
    /// Every action, in the order in which they are shown.
    pub const ALL: [Self; 38] = [
        Self::Read,
        Self::Search,
        Self::ReadVersions,
        Self::ListDocuments,
        Self::ReadDocument,
        Self::Create,
        Self::Amend,
        Self::UploadDocument,
        Self::RestoreVersion,
        Self::GiveGrant,
        Self::ListGrants,
        Self::WithdrawGrant,
        Self::ReadAudit,
        Self::ReadAccesses,
        Self::ReadTreeHead,
        Self::Seal,
        Self::LookupSubject,
        Self::CheckContactable,
        Self::GiveHabilitation,
        Self::ListHabilitations,
        Self::WithdrawHabilitation,
        Self::Erase,
        Self::ReadErasure,
        Self::Restrict,
        Self::Unrestrict,
        Self::PlaceHold,
        Self::LiftHold,
        Self::ListHolds,
        Self::ProposeChange,
        Self::FileRequest,
        Self::FollowRequests,
        Self::ListRequests,
        Self::DecideRequests,
        Self::Export,
        Self::BulkExport,
        Self::Pseudonymise,
        Self::PlanRetention,
        Self::RunRetention,
    ];

    /// Its name in policies, the audit log and the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::ReadVersions => "read-versions",
            Self::ListDocuments => "list-documents",
            Self::ReadDocument => "read-document",
            Self::Create => "create",
            Self::Amend => "amend",
            Self::UploadDocument => "upload-document",
            Self::RestoreVersion => "restore-version",
            Self::GiveGrant => "give-grant",
            Self::ListGrants => "list-grants",
            Self::WithdrawGrant => "withdraw-grant",
            Self::ReadAudit => "read-audit",
            Self::ReadAccesses => "read-accesses",
            Self::ReadTreeHead => "read-tree-head",
            Self::Seal => "seal",
            Self::LookupSubject => "lookup-subject",
            Self::CheckContactable => "check-contactable",
            Self::GiveHabilitation => "give-habilitation",
            Self::ListHabilitations => "list-habilitations",
            Self::WithdrawHabilitation => "withdraw-habilitation",
            Self::Erase => "erase",
            Self::ReadErasure => "read-erasure",
            Self::Restrict => "restrict",
            Self::Unrestrict => "unrestrict",
            Self::PlaceHold => "place-hold",
            Self::LiftHold => "lift-hold",
            Self::ListHolds => "list-holds",
            Self::ProposeChange => "propose-change",
            Self::FileRequest => "file-request",
            Self::FollowRequests => "follow-requests",
            Self::ListRequests => "list-requests",
            Self::DecideRequests => "decide-requests",
            Self::Export => "export",
            Self::BulkExport => "bulk-export",
            Self::Pseudonymise => "pseudonymise",
            Self::PlanRetention => "plan-retention",
            Self::RunRetention => "run-retention",
        }
    }

    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Read
            | Self::Search
            | Self::ReadVersions
            | Self::Create
            | Self::Amend
            | Self::RestoreVersion
            | Self::CheckContactable
            | Self::ProposeChange
            | Self::Export
            | Self::BulkExport
            | Self::Pseudonymise => Scope::Fields,
            Self::ListDocuments | Self::ReadDocument | Self::UploadDocument => Scope::DocumentFields,
            Self::GiveGrant
            | Self::ListGrants
            | Self::WithdrawGrant
            | Self::ReadAccesses
            | Self::LookupSubject
            | Self::GiveHabilitation
            | Self::ListHabilitations
            | Self::WithdrawHabilitation
            | Self::Erase
            | Self::ReadErasure
            | Self::Restrict
            | Self::Unrestrict
            | Self::PlaceHold
            | Self::LiftHold
            | Self::ListHolds
            | Self::FileRequest
            | Self::FollowRequests
            | Self::ListRequests
            | Self::DecideRequests
            | Self::PlanRetention
            | Self::RunRetention => Scope::Record,
            Self::ReadAudit | Self::ReadTreeHead | Self::Seal => Scope::Log,
        }
    }

    /// Whether one field that is not open refuses the whole: nothing is written or found by halves.
    pub(crate) const fn takes_all_or_nothing(self) -> bool {
        matches!(
            self,
            Self::Search
                | Self::Create
                | Self::Amend
                | Self::UploadDocument
                | Self::RestoreVersion
                | Self::CheckContactable
                | Self::ProposeChange
                | Self::Export
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}
