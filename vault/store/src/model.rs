//! What the store tells about its contents: plain data without behaviour. Nothing here is record
//! content, apart from what stands inside an `Undisclosed`.

use std::collections::BTreeSet;

use coffre_core::approval::ApplicationStatement;
use coffre_core::crypto::SecretKey;
use coffre_core::ids::{ApplicationId, DocumentId, SubjectId, Vicinity};
use coffre_core::record::Category;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approvals::ApprovalCounts;
use crate::clock::SystemEntropy;
use crate::filings::FilingCounts;

/// What is known of a record without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordState {
    /// Its current version; the `ETag`.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether its processing is restricted (GDPR article 18).
    pub restricted: bool,
    /// Its categories that are set apart in the intermediate archive.
    pub archived: BTreeSet<Category>,
    /// Whether an objection of the person (GDPR article 21) waits for its answer.
    pub objects: bool,
}

/// One version of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionInfo {
    /// Its number, from 1.
    pub version: u32,
    /// When it was written.
    pub at: Timestamp,
    /// The categories it changed.
    pub categories: Vec<Category>,
}

/// A record that a search found, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The data subject.
    pub subject: SubjectId,
    /// How the term matched.
    pub kind: HitKind,
}

/// How a search term matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HitKind {
    /// As it is written, apart from accents, case and spacing.
    Written,
    /// By its sound.
    Sound,
}

/// What a document is; personal, since its name may name a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentInfo {
    /// Its identifier.
    pub id: DocumentId,
    /// Its version, from 1.
    pub version: u32,
    /// The file name it was stored under.
    pub file_name: String,
    /// Its media type (RFC 6838).
    pub media_type: String,
    /// Bytes of its content.
    pub length: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// When it was stored.
    pub stored_at: Timestamp,
}

impl std::fmt::Debug for DocumentInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocumentInfo({}, version {})", self.id, self.version)
    }
}

/// A registered application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its identifier.
    pub id: ApplicationId,
    /// Its name: unique among those not revoked.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The URI in the client certificates by which it is known, if it is known by certificate.
    pub san_uri: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Whether its requests are answered: officers have approved it, or there are none.
    pub in_effect: bool,
}

impl Application {
    /// What officers sign of it.
    pub fn statement(&self) -> ApplicationStatement {
        let Self { id, name, role, san_uri, .. } = self;
        ApplicationStatement { id: *id, name: name.clone(), role: *role, san_uri: san_uri.clone() }
    }
}

/// A token of an application: all that is known of it besides its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenInfo {
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it opens nothing; never unless stated.
    pub expires_at: Option<Timestamp>,
}

/// An entry as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its index, from 0.
    pub index: u64,
    /// Its leaf: canonical JSON.
    pub leaf: Vec<u8>,
}

/// The newest signed tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// How many entries it covers.
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// A data subject about to be created: its identifier and key exist, and documents can be staged
/// under them, but nothing of it is stored yet.
#[derive(Debug, Clone)]
pub struct NewSubject {
    /// Its identifier.
    pub id: SubjectId,
    pub(crate) key: SecretKey,
    /// Where the identifiers of its documents and grants begin, if it comes with others.
    pub(crate) vicinity: Option<Vicinity>,
}

impl NewSubject {
    /// A random one, beside those of a vicinity if there is one.
    pub(crate) fn within(vicinity: Option<Vicinity>) -> Self {
        let mut entropy = SystemEntropy;
        Self { id: SubjectId::within(vicinity, &mut entropy), key: SecretKey::random(&mut entropy), vicinity }
    }
}

/// Counts for metrics and reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Records that are not erased.
    pub records: u64,
    /// Stored versions of documents.
    pub documents: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Bytes of the three write-ahead logs.
    pub wal_bytes: u64,
    /// Requests that wait for an answer.
    pub requests: FilingCounts,
    /// Officers, and what waits for them.
    pub approvals: ApprovalCounts,
}
