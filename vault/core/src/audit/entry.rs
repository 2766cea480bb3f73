//! One entry of the audit log and its leaf: canonical JSON, nothing personal in clear.
//!
//! What may identify a data subject beyond the pseudonymous `SubjectId` (a free-text reason, a
//! search term) stands here only as a salted commitment.

use serde::{Deserialize, Serialize};

use super::{Action, Carried};
use crate::canonical::{self, CanonicalError};
use crate::grant::Basis;
use crate::ids::{ApplicationId, DocumentId, GenerationId, GrantId, HabilitationId, RequestId, SubjectId};
use crate::record::{Category, FieldPath, RecordTypeName};
use crate::role::Role;
use crate::time::Timestamp;

/// C2SP tlog-tiles prefixes each entry with a 16-bit length.
pub const MAX_LEAF_LENGTH: usize = 65_535;

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
    /// Its legal basis.
    pub basis: Basis,
    /// The grant.
    pub id: GrantId,
    /// Its version at that moment.
    pub version: u32,
}

/// A document in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// The document.
    pub id: DocumentId,
    /// SHA-256 of the encrypted file, in hexadecimal; present for writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its version.
    pub version: u32,
}

/// An encrypted value that was written: what it is and the SHA-256 of its ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    /// The category.
    pub category: Category,
    /// SHA-256 of the ciphertext, in hexadecimal.
    pub sha256: String,
    /// The record's version that it belongs to.
    pub version: u32,
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
/// they say nothing. Its parts stand in the order in which canonical JSON has them, so that little is put in order for each entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What was done or asked for.
    pub action: Action,
    /// The application that called; absent for commands on the vault's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// Its name, as registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_name: Option<String>,
    /// What entries that are pruned say was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// Why it was refused, or why it was done although nobody asked: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How many equal events this entry stands for, when more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What was decided.
    pub decision: Decision,
    /// The document concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentRef>,
    /// The fields that were opened or written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPath>,
    /// The grants the decision rested on, or that the entry is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantRef>,
    /// The habilitations of the operator that the decision rested on, or that the entry is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub habilitations: Vec<HabilitationId>,
    /// The search index asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Of a pruning, and of what it carries over: the index of the first entry that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_index: Option<u64>,
    /// The operator it acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// How the operator is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_known: Option<OperatorKnown>,
    /// What the generation before this one ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The policies that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The hash of the policy set in force, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_set: Option<String>,
    /// The purpose stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// A salted commitment to the free-text reason, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The type of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordTypeName>,
    /// The call.
    pub request: RequestId,
    /// Of a generation that began with a restore to a moment: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewound: Option<RewoundTo>,
    /// Its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The data subjects concerned: one, or the hits of a search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectId>,
    /// What else the entry is about: an application (added, revoked), an operator (habilitated), a hold, a request and
    /// its letter, the ground of a restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The values written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<SealedValue>,
    /// The record's version after a write, or the version read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The fields asked for and not opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<FieldPath>,
}

impl Draft {
    /// A draft that says only what was done, what was decided, and in which call.
    pub const fn new(action: Action, decision: Decision, request: RequestId) -> Self {
        Self {
            action,
            application: None,
            application_name: None,
            carried: Vec::new(),
            cause: None,
            count: None,
            decision,
            document: None,
            fields: Vec::new(),
            grants: Vec::new(),
            habilitations: Vec::new(),
            index: None,
            minimum_index: None,
            operator: None,
            operator_known: None,
            parent: None,
            policies: Vec::new(),
            policy_set: None,
            purpose: None,
            reason: None,
            record_type: None,
            request,
            rewound: None,
            role: None,
            subjects: Vec::new(),
            target: None,
            values: Vec::new(),
            version: None,
            withheld: Vec::new(),
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
    /// What happened.
    #[serde(flatten)]
    pub what: Draft,
    /// When the entry was committed; never before the entry ahead of it.
    pub time: Timestamp,
    /// The version of this format: 1.
    pub v: u32,
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
