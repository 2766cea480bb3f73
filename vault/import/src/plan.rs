//! Compares a record of the source with the one in the vault and says what to change. Pure.
//!
//! Only what an import writes is compared: fields that the mapping fills and documents of the source.
//! Whatever else a record has was written in the vault and is left alone; nothing is ever removed
//! because the source has lost a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use coffre_core::grant::{Grant, GrantState, GrantTerms};
use coffre_core::ids::{DocumentId, GrantId};
use coffre_core::record::{Category, FieldPath, Fields};
use coffre_core::time::Timestamp;
use serde_json::Value;

use crate::candidate::RecordCandidate;
use crate::mapping::Mapping;
use crate::reject::Reason;
use crate::target::{StoredDocument, StoredRecord, counterpart};

/// What to change of a record. Empty when it is as the source has it. `Debug` shows no value.
#[derive(Clone, Default, PartialEq)]
pub struct Change {
    /// The new values; `None` removes a field.
    pub fields: BTreeMap<FieldPath, Option<Value>>,
    /// The documents to store.
    pub documents: Vec<DocumentChange>,
    /// The fields that shall name another document, by its file name.
    pub document_fields: BTreeMap<FieldPath, String>,
    /// The grants to give.
    pub give: Vec<GrantTerms>,
    /// The grants to withdraw.
    pub withdraw: Vec<GrantId>,
    /// The categories that are written although they are set apart: by what the source says they belong in use again.
    pub brought_back: BTreeSet<Category>,
}

/// A document to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentChange {
    /// Its position among the candidate's documents.
    pub document: usize,
    /// The document whose next version it is; none for a new one.
    pub replaces: Option<DocumentId>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({} fields, {} documents)", self.fields.len(), self.documents.len())
    }
}

impl Change {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it changes the record or its documents, and not only what is granted.
    pub(crate) fn touches_content(&self) -> bool {
        !(self.fields.is_empty() && self.documents.is_empty() && self.document_fields.is_empty())
    }

    /// The part that may be applied although something stands against the rest. A grant is withdrawn whatever the
    /// record's state, and given where it is only the values that were changed in the vault.
    pub(crate) fn despite(self, against: Against) -> Self {
        let give = if against == Against::ChangedInVault { self.give } else { Vec::new() };
        Self { give, withdraw: self.withdraw, ..Self::default() }
    }
}

/// What in the vault stands against a change that the source would make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// Processing of the record is restricted (GDPR article 18).
    Restricted,
    /// What would be changed is set apart in the intermediate archive, and stays there.
    Archived,
    /// The record or a document was changed in the vault.
    ChangedInVault,
}

impl Against {
    /// In a change of a stored record, if anything does.
    pub(crate) fn change(mapping: &Mapping, change: &Change, stored: &StoredRecord) -> Option<Self> {
        let content = change.touches_content();
        if stored.restricted && (content || !change.give.is_empty()) {
            return Some(Self::Restricted);
        }
        if !content {
            return None;
        }
        let mut fields = change.fields.keys().chain(change.document_fields.keys());
        let documents = !change.documents.is_empty();
        let apart = &stored.archived - &change.brought_back;
        if fields.any(|field| apart.contains(&field.category()))
            || (documents && !apart.is_disjoint(&mapping.document_categories()))
        {
            return Some(Self::Archived);
        }
        let is_anothers =
            |id: DocumentId| stored.documents.iter().any(|document| document.id == id && document.changed_in_vault);
        let of_another = change.documents.iter().filter_map(|document| document.replaces).any(is_anothers);
        (stored.changed_in_vault || of_another).then_some(Self::ChangedInVault)
    }

    /// Why what the source says was not taken over.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Restricted => Reason::Restricted,
            Self::Archived => Reason::Archived,
            Self::ChangedInVault => Reason::ChangedInVault,
        }
    }
}

/// What to change of a stored record so that it is as the source has it.
pub(crate) fn compare(
    mapping: &Mapping,
    candidate: &RecordCandidate,
    granted: &Granted,
    stored: &StoredRecord,
) -> Change {
    let mut change = Change::default();
    for field in mapping.fields() {
        let (new, old) = (candidate.fields.0.get(field), stored.fields.0.get(field));
        match candidate.document_fields.get(field) {
            Some(name) if named_document(old, &stored.documents) != Some(name.as_str()) => {
                change.document_fields.insert(field.clone(), name.clone());
            }
            None if new != old => drop(change.fields.insert(field.clone(), new.cloned())),
            Some(_) | None => {}
        }
    }
    for (position, document) in candidate.documents.iter().enumerate() {
        let known = counterpart(&stored.documents, document);
        if known.is_none_or(|known| known.sha256 != document.sha256) {
            change.documents.push(DocumentChange { document: position, replaces: known.map(|known| known.id) });
        }
    }
    // A source does not tell a consent given since from one that is older: Legal gives that one.
    let stays_closed = |terms: &&GrantTerms| {
        stored.objected_to.contains(&terms.purpose) || stored.grants.iter().any(|grant| says(grant, terms))
    };
    change.give = granted.given.iter().filter(|terms| !stays_closed(terms)).cloned().collect();
    let given_by_import = |grant: &&Grant| is_by_import(grant, stored);
    change.withdraw = taken_back(granted, stored).filter(given_by_import).map(|grant| grant.id).collect();
    change
}

/// Whether a consent is in force that the source says was not given, and that no import gave as far as the log tells:
/// the person may have given it since, so it is for people to say whether it is withdrawn.
pub(crate) fn keeps_consent(granted: &Granted, stored: &StoredRecord, now: Timestamp) -> bool {
    let in_force = |grant: &&Grant| grant.state(now) != GrantState::Expired;
    taken_back(granted, stored).filter(in_force).any(|grant| !is_by_import(grant, stored))
}

/// The grants not withdrawn that the source says were not given.
fn taken_back<'s>(granted: &'s Granted, stored: &'s StoredRecord) -> impl Iterator<Item = &'s Grant> {
    let refused = move |grant: &&Grant| granted.refused.iter().any(|terms| says(grant, terms));
    stored.grants.iter().filter(|grant| grant.withdrawn_at.is_none()).filter(refused)
}

/// An import brings no evidence.
fn is_by_import(grant: &Grant, stored: &StoredRecord) -> bool {
    grant.terms.evidence.is_none() && stored.given_by_imports.contains(&grant.id)
}

/// What a grants file says about one data subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Granted {
    /// What it gives.
    pub(crate) given: Vec<GrantTerms>,
    /// The consents that the source says were not given, and that nothing else gives.
    pub(crate) refused: Vec<GrantTerms>,
}

/// Whether a grant says what the terms of a grants file say, validity apart: a grant that was given
/// once is not given again, above all not after it was withdrawn.
fn says(grant: &Grant, terms: &GrantTerms) -> bool {
    say_the_same(&grant.terms, terms)
}

/// Whether two grants say the same, validity apart.
pub(crate) fn say_the_same(one: &GrantTerms, other: &GrantTerms) -> bool {
    (one.role, &one.purpose, one.basis, &one.article9, &one.fields)
        == (other.role, &other.purpose, other.basis, &other.article9, &other.fields)
}

fn named_document<'d>(value: Option<&Value>, documents: &'d [StoredDocument]) -> Option<&'d str> {
    let id = value?.as_str()?;
    documents.iter().find(|document| document.id.to_string() == id).map(|document| document.file_name.as_str())
}

/// A stored record as its candidate would have been: what the import wrote, and nothing else. Both
/// sides of the reconciliation are computed from this form.
pub(crate) fn as_candidate(mapping: &Mapping, candidate: &RecordCandidate, stored: &StoredRecord) -> Comparable {
    let mut comparable = Comparable::default();
    for field in mapping.fields() {
        match (stored.fields.0.get(field), candidate.document_fields.contains_key(field)) {
            (Some(id), true) => {
                let name = named_document(Some(id), &stored.documents).unwrap_or_default();
                comparable.document_fields.insert(field.clone(), name.to_owned());
            }
            (Some(value), false) => drop(comparable.fields.0.insert(field.clone(), value.clone())),
            (None, _) => {}
        }
    }
    let expected = candidate.documents.iter().filter_map(|document| counterpart(&stored.documents, document));
    comparable.documents = expected.map(|d| (d.file_name.clone(), d.sha256.clone())).collect();
    comparable
}

/// What both sides of a reconciliation must have in common. No `Debug`: all of it is content.
#[derive(Default, PartialEq)]
pub struct Comparable {
    /// The values, without the fields that name documents.
    pub fields: Fields,
    /// The fields that name a document, and its file name.
    pub document_fields: BTreeMap<FieldPath, String>,
    /// File name and SHA-256, in hexadecimal, of each document.
    pub documents: Vec<(String, String)>,
}

impl From<&RecordCandidate> for Comparable {
    fn from(candidate: &RecordCandidate) -> Self {
        Self {
            fields: candidate.fields.clone(),
            document_fields: candidate.document_fields.clone(),
            documents: candidate.documents.iter().map(|d| (d.file_name.clone(), d.sha256.clone())).collect(),
        }
    }
}
