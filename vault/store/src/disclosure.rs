//! The promise as a type: record content is [`Undisclosed`] until its audit entry is committed.
//!
//! A [`Claim`] says what would be disclosed. A [`Disclosure`] is asked for with the claims and the
//! entry that names all of them; the writer commits the entry and gives the [`Receipt`], and only
//! that receipt opens the values. There is no other way to the content, and no public constructor.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use coffre_core::audit::{Decision, Draft};
use coffre_core::ids::{ApplicationId, DocumentId, SubjectId};
use coffre_core::record::FieldPath;
use coffre_core::time::Timestamp;
use thiserror::Error;

/// What an undisclosed value would disclose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    id: u64,
    subject: SubjectId,
    fields: Vec<FieldPath>,
    document: Option<(DocumentId, u32)>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Claim {
    pub(crate) fn fields(subject: SubjectId, fields: Vec<FieldPath>) -> Self {
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), subject, fields, document: None }
    }

    pub(crate) fn document(subject: SubjectId, document: DocumentId, version: u32) -> Self {
        Self { document: Some((document, version)), ..Self::fields(subject, Vec::new()) }
    }

    /// Whether an entry says at least what this claim would disclose.
    fn is_covered_by(&self, draft: &Draft) -> bool {
        let document = self.document.is_none_or(|(id, version)| {
            draft.document.as_ref().is_some_and(|named| named.id == id && named.version == version)
        });
        draft.decision == Decision::Allow
            && draft.subjects.contains(&self.subject)
            && self.fields.iter().all(|field| draft.fields.contains(field))
            && document
    }
}

/// Content that may not be seen before its audit entry is durable.
#[must_use = "content that is not disclosed serves nobody"]
pub struct Undisclosed<T> {
    claim: Claim,
    content: T,
}

impl<T> Undisclosed<T> {
    pub(crate) const fn new(claim: Claim, content: T) -> Self {
        Self { claim, content }
    }

    /// The content, for a use that does not leave the store.
    pub(crate) fn into_inner(self) -> T {
        self.content
    }

    /// What it would disclose.
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The content, for the receipt of the entry that covers it.
    pub fn open(self, receipt: &Receipt) -> Result<T, WrongReceipt> {
        if receipt.claims.contains(&self.claim.id) { Ok(self.content) } else { Err(WrongReceipt) }
    }
}

impl<T> fmt::Debug for Undisclosed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Undisclosed(not shown)")
    }
}

/// A receipt that covers something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the receipt is of another disclosure")]
pub struct WrongReceipt;

/// Proof that an audit entry is durable. Made by the writer alone.
#[derive(Debug)]
pub struct Receipt {
    index: u64,
    time: Timestamp,
    claims: Vec<u64>,
}

impl Receipt {
    pub(crate) fn new(index: u64, time: Timestamp, claims: &[Claim]) -> Self {
        Self { index, time, claims: claims.iter().map(|claim| claim.id).collect() }
    }

    /// The entry's index in the log.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The entry's time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }
}

/// What a decision rested on; if any of it has changed at the commit, the decision is made again.
#[derive(Debug, Clone, Default)]
pub struct Depends {
    /// The access state that the snapshot saw (`Snapshot::access_point`).
    pub access_point: u64,
    /// The application that asks.
    pub application: Option<ApplicationId>,
    /// The data subjects whose grants, restriction or erasure matter.
    pub subjects: Vec<SubjectId>,
    /// When the first of the grants it rested on ends.
    pub valid_until: Option<Timestamp>,
}

/// A disclosure asked for: the entry, what it is to cover, and what it rests on.
#[derive(Debug)]
pub struct Disclosure {
    /// The entry.
    pub draft: Draft,
    /// A free-text reason: kept encrypted beside the log, committed to in the entry.
    pub reason: Option<String>,
    /// What is to be disclosed; empty for a denial.
    pub claims: Vec<Claim>,
    /// What it rests on.
    pub depends: Depends,
}

impl Disclosure {
    pub(crate) fn is_covered(&self) -> bool {
        self.claims.iter().all(|claim| claim.is_covered_by(&self.draft))
    }
}
