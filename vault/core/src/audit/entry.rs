//! One entry of the audit log and its leaf: canonical JSON, nothing personal in clear.
//!
//! What may identify a data subject beyond the pseudonymous `SubjectId` (a free-text reason, a
//! search term) stands here only as a salted commitment.

use serde::{Deserialize, Serialize};

use super::Carried;
use crate::canonical::{self, CanonicalError};
use crate::grant::Basis;
use crate::ids::{ApplicationId, DocumentId, GenerationId, GrantId, HabilitationId, RequestId, SubjectId};
use crate::record::{Category, FieldPath, RecordTypeName};
use crate::role::Role;
use crate::time::Timestamp;

/// C2SP tlog-tiles prefixes each entry with a 16-bit length.
pub const MAX_LEAF_LENGTH: usize = 65_535;

/// What was done or asked for. New actions are added at the end of their group; names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The first entry of every generation.
    BeginGeneration,
    /// A record's fields were asked for.
    Read,
    /// Records were searched.
    Search,
    /// A record was created.
    Create,
    /// A record was changed.
    Amend,
    /// A record's former versions were asked for.
    ReadVersions,
    /// A former version became the current one again.
    RestoreVersion,
    /// Records were set back by a restore to a moment: its `cause` says how.
    Rewind,
    /// A record was imported.
    Import,
    /// An imported record was changed by a later import.
    ImportChange,
    /// What the vault holds was compared with an import's source.
    CompareImport,
    /// A document was stored, or a new version of it.
    UploadDocument,
    /// A document's content was asked for.
    ReadDocument,
    /// The list of a record's documents was asked for.
    ListDocuments,
    /// A former version of a document became the current one again.
    RestoreDocument,
    /// A grant was given.
    GiveGrant,
    /// A record's grants were asked for.
    ListGrants,
    /// A grant was withdrawn.
    WithdrawGrant,
    /// The receipt of a consent was asked for.
    ReadReceipt,
    /// It was asked who may be contacted.
    CheckContactable,
    /// An operator was habilitated.
    GiveHabilitation,
    /// The habilitations of operators were asked for.
    ListHabilitations,
    /// A habilitation was withdrawn.
    WithdrawHabilitation,
    /// Log entries were asked for.
    ReadAudit,
    /// Who read a record was asked for.
    ReadAccesses,
    /// A signed tree head, or hashes of the tree, were asked for.
    ReadTreeHead,
    /// A report over the log was asked for.
    ReportAudit,
    /// Who a person is, by pseudonymous identifier, was asked for.
    LookupSubject,
    /// A witness's cosignature of a tree head was brought.
    AddCosignature,
    /// An application was added.
    AddApplication,
    /// An application was revoked.
    RevokeApplication,
    /// An application got a new token.
    RotateToken,
    /// An application called that no officers have approved: nothing was looked at.
    Call,
    /// The first officers of the vault were enrolled.
    EnrolOfficers,
    /// What officers had signed was handed in.
    Approve,
    /// A server was started with the policy set that was approved last.
    EnactPolicies,
    /// A base backup was captured.
    CaptureBase,
    /// A record was erased.
    Erase,
    /// An erasure was proposed, for another operator to confirm.
    ProposeErasure,
    /// A proposed erasure was taken back.
    WithdrawErasure,
    /// The state or certificate of an erasure was asked for.
    ReadErasure,
    /// The places that hold copies of the keyring were looked at.
    ReportCopies,
    /// A place that holds no copies any more was struck off.
    ForgetPlace,
    /// A legal hold was placed on a record.
    PlaceHold,
    /// A legal hold was lifted.
    LiftHold,
    /// A record's legal holds were asked for.
    ListHolds,
    /// Processing of a record was restricted.
    Restrict,
    /// The restriction of a record was ended.
    Unrestrict,
    /// A request was filed with Legal: a change, or a right of a data subject.
    FileRequest,
    /// Requests were listed.
    ListRequests,
    /// A request was looked at.
    ReadRequest,
    /// A request was given to an operator.
    AssignRequest,
    /// How the person behind a request was identified was written down.
    IdentifyRequester,
    /// The filer of a request was asked for more.
    AskAboutRequest,
    /// The filer of a request answered.
    ReplyToRequest,
    /// The time to answer a request was extended.
    ExtendRequest,
    /// A request was answered by an act, which is another entry of the same call.
    FulfilRequest,
    /// A request was refused.
    RefuseRequest,
    /// A request was taken back by its filer.
    WithdrawRequest,
    /// A letter to the person behind a request was written.
    WriteLetter,
    /// All that is held about a person was exported for the person (GDPR article 15).
    ExportAccess,
    /// A person's data were exported to be taken elsewhere (GDPR article 20).
    ExportPortable,
    /// It was proposed to export many records, for another operator to confirm.
    ProposeBulkExport,
    /// Many records were asked for; then, with an entry of its own, each that was exported.
    BulkExport,
    /// What retention would do was asked for.
    PlanRetention,
    /// Categories of a record were set apart in the intermediate archive.
    Archive,
    /// Categories of a record came back into daily use.
    Unarchive,
    /// Categories of a record were removed at the end of their retention.
    EraseCategories,
    /// Restored data was compared with what was backed up.
    VerifyRestore,
    /// The log was exported.
    ExportAudit,
    /// What entries that are about to be pruned say was written, without who, when and why.
    CarryOver,
    /// The entries below `minimum_index` were pruned.
    PruneLog,
    /// A backup was restored and opened as a drill; `cause` says in which phase it failed.
    Drill,
    /// The root key was replaced.
    RotateRoot,
    /// It was proposed to seal the vault, for another operator to confirm.
    ProposeSeal,
    /// The vault was sealed, or somebody asked for it: the last entry before its keys leave memory.
    Seal,
}

impl Action {
    /// The action's stable name.
    pub fn name(self) -> String {
        // A unit variant always serializes to its name.
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It was allowed, as far as `fields` goes.
    Allow,
    /// It was refused.
    Deny,
}

/// How the operator is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorKnown {
    /// The application said so, in a header.
    Asserted,
    /// A token of the company's identity provider said so.
    Verified,
    /// The operating system's account that ran a command on the vault's host.
    LocalAccount,
}

/// The grant a decision rested on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRef {
    /// The grant.
    pub id: GrantId,
    /// Its version at that moment.
    pub version: u32,
    /// Its legal basis.
    pub basis: Basis,
}

/// A document in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// The document.
    pub id: DocumentId,
    /// Its version.
    pub version: u32,
    /// SHA-256 of the encrypted file, in hexadecimal; present for writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An encrypted value that was written: what it is and the SHA-256 of its ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    /// The category.
    pub category: Category,
    /// The record's version that it belongs to.
    pub version: u32,
    /// SHA-256 of the ciphertext, in hexadecimal.
    pub sha256: String,
}

/// What the generation before this one ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The generation.
    pub generation: GenerationId,
    /// Its log's origin.
    pub origin: String,
    /// How many entries its log had.
    pub size: u64,
    /// Its tree's root, in hexadecimal.
    pub root: String,
}

/// The moment that records were set back to by a restore: everything else is as the parent left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewoundTo {
    /// The generation that was captured then.
    pub generation: GenerationId,
    /// When.
    pub time: Timestamp,
    /// How many entries the log had.
    pub size: u64,
    /// The root of its tree, in hexadecimal.
    pub root: String,
}

/// An entry before the writer gives it its time. All optional parts are absent from the leaf when
/// they say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What was done or asked for.
    pub action: Action,
    /// What was decided.
    pub decision: Decision,
    /// The call.
    pub request: RequestId,
    /// The application that called; absent for commands on the vault's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// Its name, as registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    /// Its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The operator it acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// How the operator is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_known: Option<OperatorKnown>,
    /// The type of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordTypeName>,
    /// The data subjects concerned: one, or the hits of a search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectId>,
    /// The fields that were opened or written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPath>,
    /// The fields asked for and not opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<FieldPath>,
    /// The purpose stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The grants the decision rested on, or that the entry is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantRef>,
    /// The habilitations of the operator that the decision rested on, or that the entry is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub habilitations: Vec<HabilitationId>,
    /// The policies that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The hash of the policy set in force, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_set: Option<String>,
    /// Why it was refused, or why it was done although nobody asked: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// A salted commitment to the free-text reason, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The search index asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The document concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentRef>,
    /// The values written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<SealedValue>,
    /// The record's version after a write, or the version read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How many equal events this entry stands for, when more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What else the entry is about: an application (added, revoked), an operator (habilitated), a hold, a request and
    /// its letter, the ground of a restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the generation before this one ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Of a generation that began with a restore to a moment: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewound: Option<RewoundTo>,
    /// Of a pruning, and of what it carries over: the index of the first entry that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_index: Option<u64>,
    /// What entries that are pruned say was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
}

impl Draft {
    /// A draft that says only what was done, what was decided, and in which call.
    pub const fn new(action: Action, decision: Decision, request: RequestId) -> Self {
        Self {
            action,
            decision,
            request,
            application: None,
            application_name: None,
            role: None,
            operator: None,
            operator_known: None,
            record_type: None,
            subjects: Vec::new(),
            fields: Vec::new(),
            withheld: Vec::new(),
            purpose: None,
            grants: Vec::new(),
            habilitations: Vec::new(),
            policies: Vec::new(),
            policy_set: None,
            cause: None,
            reason: None,
            index: None,
            document: None,
            values: Vec::new(),
            version: None,
            count: None,
            target: None,
            parent: None,
            rewound: None,
            minimum_index: None,
            carried: Vec::new(),
        }
    }

    /// The entry that this draft becomes at a moment.
    pub const fn at(self, time: Timestamp) -> Entry {
        Entry { v: 1, time, what: self }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this format: 1.
    pub v: u32,
    /// When the entry was committed; never before the entry ahead of it.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: Draft,
}

impl Entry {
    /// The leaf: the entry's canonical JSON.
    pub fn leaf(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_vec(self)
    }

    /// The entry that a leaf holds.
    pub fn from_leaf(leaf: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(leaf)
    }
}
