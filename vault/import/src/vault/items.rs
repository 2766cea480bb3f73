//! From a batch of admissions to the items of one transaction, with their documents staged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use coffre_core::grant::GrantTerms;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::{Category, FieldPath};
use coffre_store::transactions::ImportItem;
use coffre_store::{DocumentInfo, DocumentWriter, NewSubject, StagedDocument};
use serde_json::Value;

use super::staging::finish_all;
use super::{VaultFault, VaultTarget};
use crate::candidate::{DocumentCandidate, RecordCandidate};
use crate::plan::{Change, DocumentChange};
use crate::target::{Admission, DocumentBodies};

/// An admission whose record is known.
enum Prepared<'a> {
    New {
        subject: NewSubject,
        candidate: &'a RecordCandidate,
        grants: &'a [GrantTerms],
    },
    Change {
        subject: SubjectId,
        documents: Vec<DocumentInfo>,
        candidate: &'a RecordCandidate,
        version: u32,
        change: &'a Change,
    },
}

impl VaultTarget<'_> {
    /// The items of a batch. Nothing of it is in the vault yet: dropped, it leaves nothing.
    pub(super) fn items(
        &self,
        batch: &[Admission],
        bodies: &dyn DocumentBodies,
    ) -> Result<Vec<ImportItem>, VaultFault> {
        let prepared =
            batch.iter().zip(self.store.new_subjects()).map(|(admission, subject)| self.prepare(admission, subject));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        let documents = prepared.iter().flat_map(|record| {
            record.wanted().into_iter().map(move |(document, replaces)| self.write(record, document, replaces, bodies))
        });
        let mut staged = finish_all(documents)?.into_iter();
        let item = |record: Prepared<'_>| {
            let documents = staged.by_ref().take(record.wanted().len()).collect();
            record.item(documents, &self.of_documents)
        };
        Ok(prepared.into_iter().map(item).collect())
    }

    /// With whom it is about, if that is somebody new.
    fn prepare<'a>(&self, admission: &'a Admission, subject: NewSubject) -> Result<Prepared<'a>, VaultFault> {
        match admission {
            Admission::New { candidate, grants } => Ok(Prepared::New { subject, candidate, grants }),
            Admission::Change { candidate, version, change } => {
                let (subject, documents) = self.subject_of(&candidate.key)?;
                Ok(Prepared::Change { subject, documents, candidate, version: *version, change })
            }
        }
    }

    /// A document, encrypted into staging and not durable yet.
    fn write(
        &self,
        record: &Prepared<'_>,
        document: &DocumentCandidate,
        replaces: Option<DocumentId>,
        bodies: &dyn DocumentBodies,
    ) -> Result<DocumentWriter, VaultFault> {
        let (kind, name, media_type) = (&self.kind, &document.file_name, document.media_type);
        let mut writer = match record {
            Prepared::New { subject, .. } => self.store.stage_for_new(kind, subject, name, media_type)?,
            Prepared::Change { subject, .. } => {
                self.store.stage_document(kind, *subject, replaces, name, media_type)?
            }
        };
        let mut body = bodies.open(document).map_err(VaultFault::Copy)?;
        io::copy(&mut body, &mut writer).map_err(VaultFault::Copy)?;
        Ok(writer)
    }
}

impl Prepared<'_> {
    /// The documents to store, and those that they replace.
    fn wanted(&self) -> Vec<(&DocumentCandidate, Option<DocumentId>)> {
        match self {
            Self::New { candidate, .. } => candidate.documents.iter().map(|document| (document, None)).collect(),
            Self::Change { candidate, change, .. } => {
                let of = |wanted: &DocumentChange| {
                    candidate.documents.get(wanted.document).map(|document| (document, wanted.replaces))
                };
                change.documents.iter().filter_map(of).collect()
            }
        }
    }

    fn item(self, documents: Vec<StagedDocument>, of_documents: &BTreeSet<Category>) -> ImportItem {
        let names = self.wanted().into_iter().map(|(document, _)| document.file_name.clone());
        let mut ids: BTreeMap<String, DocumentId> = names.zip(documents.iter().map(StagedDocument::id)).collect();
        match self {
            Self::New { subject, candidate, grants } => {
                let mut fields = candidate.fields.clone();
                fields.0.extend(document_values(&candidate.document_fields, &ids));
                ImportItem::New { subject, fields, documents, grants: grants.to_vec() }
            }
            Self::Change { subject, documents: mut known, candidate, version, change } => {
                // One that is not stored now is as the source has it: others may have its name.
                known.sort_by_key(|document| !candidate.documents.iter().any(|of| is_of(document, of)));
                for document in known {
                    ids.entry(document.file_name).or_insert(document.id);
                }
                let mut changes = change.fields.clone();
                let renamed = document_values(&change.document_fields, &ids);
                changes.extend(renamed.into_iter().map(|(field, value)| (field, Some(value))));
                let (give, withdraw) = (change.give.clone(), change.withdraw.clone());
                let (of_documents, brought_back) = (of_documents.clone(), change.brought_back.clone());
                ImportItem::Change {
                    subject,
                    expected_version: version,
                    changes,
                    documents,
                    of_documents,
                    brought_back,
                    give,
                    withdraw,
                }
            }
        }
    }
}

/// Whether a document of a record is one of the source.
fn is_of(stored: &DocumentInfo, candidate: &DocumentCandidate) -> bool {
    (&stored.file_name, &stored.sha256) == (&candidate.file_name, &candidate.sha256)
}

/// The values of fields that name documents: their identifiers.
fn document_values(
    fields: &BTreeMap<FieldPath, String>,
    ids: &BTreeMap<String, DocumentId>,
) -> Vec<(FieldPath, Value)> {
    let value = |(field, name): (&FieldPath, &String)| Some((field.clone(), Value::from(ids.get(name)?.to_string())));
    fields.iter().filter_map(value).collect()
}
