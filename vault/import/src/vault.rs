//! The store as the target of an import. Whatever is read to compare goes through the audit log like
//! any other read: one entry for a batch.

mod history;
mod items;
mod staging;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::error::Error;
use std::io;

use coffre_core::audit::{Action, Draft};
use coffre_core::ids::SubjectId;
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use coffre_core::search::SearchIndex;
use coffre_store::transactions::{ImportError, ImportRecords};
use coffre_store::{
    Claim, CommitError, Depends, Disclosure, DocumentInfo, HitKind, ReadError, Receipt, RecordState, Snapshot,
    StageError, Store, Unavailable, Undisclosed, WrongReceipt,
};
use thiserror::Error;

use self::history::{ByImports, by_imports};
pub(crate) use self::staging::finish_all;
use crate::mapping::Mapping;
use crate::target::{
    Admission, Admitting, DocumentBodies, ImportTarget, Known, StoredDocument, StoredRecord, TargetError,
};

/// Why the vault could not do its part.
#[derive(Debug, Error)]
enum VaultFault {
    #[error("the mapping's key field cannot be searched exactly: give it `search = \"exact\"` in its record type")]
    KeyNotIndexed,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("it cannot serve now")]
    Unavailable(#[source] Unavailable),
    #[error(transparent)]
    Compare(CommitError<Infallible>),
    #[error(transparent)]
    Receipt(#[from] WrongReceipt),
    #[error(transparent)]
    Commit(CommitError<ImportError>),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error("a document of the source could not be brought over")]
    Copy(#[source] io::Error),
    #[error("a record was erased while it was compared: run the import again")]
    Gone,
}

impl From<CommitError<Infallible>> for VaultFault {
    fn from(error: CommitError<Infallible>) -> Self {
        match error {
            CommitError::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Compare(other),
        }
    }
}

impl From<CommitError<ImportError>> for VaultFault {
    fn from(error: CommitError<ImportError>) -> Self {
        match error {
            CommitError::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Commit(other),
        }
    }
}

impl From<VaultFault> for TargetError {
    fn from(fault: VaultFault) -> Self {
        let cause: Box<dyn Error + Send + Sync> = Box::new(fault);
        Self(cause)
    }
}

/// At most this many subjects are named in one entry, so that it stays within its length.
const IN_ONE_ENTRY: usize = 400;

/// An open vault.
pub struct VaultTarget<'v> {
    store: &'v Store,
    kind: RecordTypeName,
    key: SearchIndex,
    fields: Vec<FieldPath>,
    of_documents: BTreeSet<Category>,
    base: Draft,
}

impl<'v> VaultTarget<'v> {
    /// A vault that takes what a mapping brings. The base entry says who imports.
    pub fn new(store: &'v Store, mapping: &Mapping, indexes: &[SearchIndex], base: Draft) -> Result<Self, TargetError> {
        let is_key =
            |index: &&SearchIndex| &index.record_type == mapping.record_type() && &index.field == mapping.key_field();
        let key = indexes.iter().find(is_key).cloned().ok_or(VaultFault::KeyNotIndexed)?;
        let fields = mapping.fields().into_iter().cloned().collect();
        let of_documents = mapping.document_categories();
        Ok(Self { store, kind: mapping.record_type().clone(), key, fields, of_documents, base })
    }

    fn known(&self, keys: &[&str], asked: Asked) -> Result<Vec<Known>, VaultFault> {
        let mut known = Vec::with_capacity(keys.len());
        for keys in keys.chunks(IN_ONE_ENTRY) {
            let sealed = self.look(keys, asked)?;
            let receipt = self.note(&sealed)?;
            for found in sealed {
                known.push(match found {
                    Sealed::Absent => Known::Absent,
                    Sealed::Erased => Known::Erased,
                    Sealed::Several => Known::Several,
                    Sealed::Present(record) => self.open(*record, receipt.as_ref(), asked)?,
                });
            }
        }
        Ok(known)
    }

    /// What there is under these keys, not yet disclosed.
    fn look(&self, keys: &[&str], asked: Asked) -> Result<Vec<Sealed>, VaultFault> {
        let snapshot = self.store.snapshot()?;
        let looked = keys.iter().map(|key| self.look_up(&snapshot, key, asked));
        let mut sealed = looked.collect::<Result<Vec<_>, _>>()?;
        drop(snapshot);
        // Whoever was erased while that view was looked through is not found any more, and it does not know of the erasure.
        let snapshot = self.store.snapshot()?;
        for (key, absent) in keys.iter().zip(&mut sealed).filter(|(_, of_key)| matches!(of_key, Sealed::Absent)) {
            if snapshot.was_erased(&self.key, key)? {
                *absent = Sealed::Erased;
            }
        }
        Ok(sealed)
    }

    fn look_up(&self, snapshot: &Snapshot<'_>, key: &str, asked: Asked) -> Result<Sealed, VaultFault> {
        let hits = snapshot.find(&self.key, key, 2)?;
        let mut hits = hits.into_iter().filter(|hit| hit.kind == HitKind::Written);
        let Some(hit) = hits.next() else { return Ok(Sealed::Absent) };
        if hits.next().is_some() {
            return Ok(Sealed::Several);
        }
        let Some(state) = snapshot.record(&self.kind, hit.subject)? else { return Err(VaultFault::Gone) };
        let (by_imports, grants, objections) = match asked {
            Asked::ToCompare => {
                let grants = snapshot.grants(hit.subject)?.to_vec();
                let by_imports = by_imports(snapshot, hit.subject, state.version, &grants)?;
                (by_imports, grants, snapshot.objections(hit.subject)?)
            }
            Asked::ToProve => (ByImports::default(), Vec::new(), Vec::new()),
        };
        Ok(Sealed::Present(Box::new(SealedRecord {
            subject: hit.subject,
            state,
            by_imports,
            fields: snapshot.fields(&self.kind, hit.subject, &self.fields)?,
            documents: snapshot.documents(&self.kind, hit.subject)?,
            grants,
            objected_to: objections.into_iter().map(|objection| objection.purpose).collect(),
        })))
    }

    /// Commits the entry that says what was compared; none when there is nothing.
    fn note(&self, sealed: &[Sealed]) -> Result<Option<Receipt>, VaultFault> {
        let present: Vec<&SealedRecord> = sealed.iter().filter_map(Sealed::record).collect();
        if present.is_empty() {
            return Ok(None);
        }
        let mut draft = self.base.clone();
        draft.action = Action::CompareImport;
        draft.record_type = Some(self.kind.clone());
        draft.subjects = present.iter().map(|record| record.subject).collect();
        draft.fields.clone_from(&self.fields);
        let claims: Vec<Claim> =
            present.iter().flat_map(|r| [r.fields.claim().clone(), r.documents.claim().clone()]).collect();
        let disclosure = Disclosure { draft, reason: None, claims, depends: Depends::default() };
        Ok(Some(self.store.disclose(disclosure).wait()?))
    }

    fn open(&self, record: SealedRecord, receipt: Option<&Receipt>, asked: Asked) -> Result<Known, VaultFault> {
        let receipt = receipt.ok_or(WrongReceipt)?;
        let (state, by_imports) = (record.state, record.by_imports);
        let mut documents = Vec::new();
        for info in record.documents.open(receipt)? {
            let sha256 = match asked {
                Asked::ToCompare => info.sha256,
                Asked::ToProve => {
                    let hashed = self.store.document_sha256(&self.kind, record.subject, info.id, info.version)?;
                    hashed.ok_or(VaultFault::Gone)?
                }
            };
            let changed_in_vault = !by_imports.documents.contains(&info.id);
            documents.push(StoredDocument { id: info.id, file_name: info.file_name, sha256, changed_in_vault });
        }
        Ok(Known::Present(Box::new(StoredRecord {
            version: state.version,
            created_at: state.created_at,
            changed_at: state.updated_at,
            restricted: state.restricted,
            archived: state.archived,
            changed_in_vault: !by_imports.record,
            fields: record.fields.open(receipt)?,
            documents,
            grants: record.grants,
            given_by_imports: by_imports.grants,
            objected_to: record.objected_to,
        })))
    }

    /// A record's subject and its documents, for naming them in a change.
    fn subject_of(&self, key: &str) -> Result<(SubjectId, Vec<DocumentInfo>), VaultFault> {
        let sealed = self.look(&[key], Asked::ToProve)?;
        let receipt = self.note(&sealed)?.ok_or(VaultFault::Gone)?;
        match sealed.into_iter().next() {
            Some(Sealed::Present(record)) => Ok((record.subject, record.documents.open(&receipt)?)),
            _ => Err(VaultFault::Gone),
        }
    }
}

impl ImportTarget for VaultTarget<'_> {
    fn find(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        Ok(self.known(keys, Asked::ToCompare)?)
    }

    fn admit(&self, batch: &[Admission], bodies: &dyn DocumentBodies) -> Result<Admitting, TargetError> {
        let items = self.items(batch, bodies)?;
        let records = ImportRecords { record_type: self.kind.clone(), items };
        let pending = self.store.transact(records, self.base.clone(), None, Depends::default());
        Ok(Admitting::new(move || Ok(pending.wait().map(drop).map_err(VaultFault::from)?)))
    }

    fn read_back(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        Ok(self.known(keys, Asked::ToProve)?)
    }
}

/// What records are looked up for.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// To find out what an import would change.
    ToCompare,
    /// To prove that what was brought is there.
    ToProve,
}

/// What there is under a key, not yet disclosed.
enum Sealed {
    Absent,
    Erased,
    Several,
    Present(Box<SealedRecord>),
}

impl Sealed {
    fn record(&self) -> Option<&SealedRecord> {
        match self {
            Self::Present(record) => Some(record),
            Self::Absent | Self::Erased | Self::Several => None,
        }
    }
}

struct SealedRecord {
    subject: SubjectId,
    state: RecordState,
    by_imports: ByImports,
    fields: Undisclosed<Fields>,
    documents: Undisclosed<Vec<DocumentInfo>>,
    grants: Vec<coffre_core::grant::Grant>,
    objected_to: BTreeSet<String>,
}
