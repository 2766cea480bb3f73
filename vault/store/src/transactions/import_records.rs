//! Importing a batch of records: new ones and changes of earlier ones, each with its documents and
//! grants, and an entry of its own.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::audit::{Action, Draft};
use coffre_core::grant::GrantTerms;
use coffre_core::ids::{GrantId, SubjectId, Vicinity};
use coffre_core::record::{Category, FieldPath, Fields, RecordTypeName};
use serde_json::Value;
use thiserror::Error;

use super::{Transaction, amend_record, create_record, documents, grants, objections, retention, sources};
use crate::clock::SystemEntropy;
use crate::document::StagedDocument;
use crate::model::NewSubject;
use crate::writer::{Work, WorkError};

/// One record of an import.
pub enum ImportItem {
    /// A new record.
    New {
        /// The new data subject (`Store::new_subject`).
        subject: NewSubject,
        /// Its values, already checked.
        fields: Fields,
        /// Its documents, staged under the new subject.
        documents: Vec<StagedDocument>,
        /// The grants that the grants file gives on it.
        grants: Vec<GrantTerms>,
    },
    /// A change of a record that an earlier import brought.
    Change {
        /// The record.
        subject: SubjectId,
        /// The version that the source was compared with.
        expected_version: u32,
        /// The new values; `None` removes a field.
        changes: BTreeMap<FieldPath, Option<Value>>,
        /// Its documents, staged.
        documents: Vec<StagedDocument>,
        /// Categories whose fields hold documents: none is stored while one of them is set apart.
        of_documents: BTreeSet<Category>,
        /// Categories that are written although they are set apart: by what is written they belong in use again.
        brought_back: BTreeSet<Category>,
        /// The grants to give.
        give: Vec<GrantTerms>,
        /// The grants to withdraw.
        withdraw: Vec<GrantId>,
    },
}

/// Imports a batch: all of it or nothing.
pub struct ImportRecords {
    /// The records' type.
    pub record_type: RecordTypeName,
    /// The records.
    pub items: Vec<ImportItem>,
}

/// A batch that was not imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A record was changed or erased while the batch was prepared.
    #[error("record {subject} was changed while it was compared: run the import again")]
    Stale {
        /// The record.
        subject: SubjectId,
    },
    /// Processing of a record was restricted (GDPR article 18) while the batch was prepared.
    #[error("processing of record {subject} was restricted while it was compared: run the import again")]
    Restricted {
        /// The record.
        subject: SubjectId,
    },
    /// What would be changed of a record was set apart in the intermediate archive while the batch was prepared.
    #[error("record {subject} was set apart while it was compared: run the import again")]
    Archived {
        /// The record.
        subject: SubjectId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for ImportRecords {
    type Output = ();
    type Error = ImportError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), ImportError> {
        let kind = &self.record_type;
        for item in self.items {
            match item {
                ImportItem::New { subject, fields, documents, grants } => {
                    let mut entry = base.clone();
                    create_record::insert(work, kind, &subject, &fields, &mut entry)?;
                    work.log(entry);
                    attach(work, kind, subject.id, documents, &base)?;
                    give(work, kind, subject.id, subject.vicinity, grants, &base)?;
                }
                ImportItem::Change {
                    subject,
                    expected_version,
                    changes,
                    documents,
                    of_documents,
                    brought_back,
                    give: new,
                    withdraw,
                } => {
                    let entry = Draft { action: Action::ImportChange, ..base.clone() };
                    let mut touched: BTreeSet<Category> = changes.keys().map(FieldPath::category).collect();
                    if !documents.is_empty() {
                        touched.extend(of_documents);
                    }
                    touched.retain(|category| !brought_back.contains(category));
                    let writes = !(changes.is_empty() && documents.is_empty() && new.is_empty());
                    if writes {
                        open_to_imports(work, subject, &touched)?;
                    }
                    amend(work, kind, subject, expected_version, changes, &entry)?;
                    if !documents.is_empty() {
                        sources::note(work, subject, &entry)?;
                    }
                    attach(work, kind, subject, documents, &entry)?;
                    let new = not_objected_to(work, subject, new)?;
                    give(work, kind, subject, None, new, &base)?;
                    for grant in withdraw {
                        if let Some(grant) = grants::withdraw(work, grant)? {
                            let entry = Draft { action: Action::WithdrawGrant, ..base.clone() };
                            log_grant(work, kind, &grant, entry);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Refuses to write to a record whose processing is restricted, and to these categories if they are set apart. A grant
/// is withdrawn all the same.
fn open_to_imports(work: &Work<'_>, subject: SubjectId, touched: &BTreeSet<Category>) -> Result<(), ImportError> {
    let restricted = || {
        let sql = "SELECT 1 FROM records WHERE subject = ?1 AND restricted <> 0";
        work.around.vault.prepare_cached(sql)?.exists([subject.as_bytes()])
    };
    if work.try_run(restricted())? {
        return Err(ImportError::Restricted { subject });
    }
    let archived = work.try_run(retention::archived(work, subject))?;
    if archived.is_disjoint(touched) { Ok(()) } else { Err(ImportError::Archived { subject }) }
}

fn amend(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    expected_version: u32,
    changes: BTreeMap<FieldPath, Option<Value>>,
    entry: &Draft,
) -> Result<(), ImportError> {
    let current = work.record(kind, subject)?.map(|record| record.version);
    if current != Some(expected_version) {
        return Err(ImportError::Stale { subject });
    }
    if changes.is_empty() {
        return Ok(());
    }
    amend_record::amend(work, kind, subject, expected_version, changes, entry.clone())?;
    Ok(())
}

fn attach(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    staged: Vec<StagedDocument>,
    entry: &Draft,
) -> Result<(), WorkError> {
    for document in staged {
        let document = documents::insert(work, document)?;
        let mut entry = entry.clone();
        entry.record_type = Some(kind.clone());
        entry.subjects = vec![subject];
        entry.document = Some(document);
        work.log(entry);
    }
    Ok(())
}

/// Those for purposes that the person has not objected to. A source does not tell a consent given since from one that is
/// older: Legal gives that one.
fn not_objected_to(work: &Work<'_>, subject: SubjectId, terms: Vec<GrantTerms>) -> Result<Vec<GrantTerms>, WorkError> {
    let mut open = Vec::with_capacity(terms.len());
    for terms in terms {
        if objections::objected_at(work, subject, &terms.purpose)?.is_none() {
            open.push(terms);
        }
    }
    Ok(open)
}

fn give(
    work: &mut Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    vicinity: Option<Vicinity>,
    terms: Vec<GrantTerms>,
    base: &Draft,
) -> Result<(), WorkError> {
    for terms in terms {
        let id = GrantId::within(vicinity, &mut SystemEntropy);
        let grant = grants::insert(work, kind, subject, id, terms)?;
        log_grant(work, kind, &grant, Draft { action: Action::GiveGrant, ..base.clone() });
    }
    Ok(())
}

fn log_grant(work: &mut Work<'_>, kind: &RecordTypeName, grant: &coffre_core::grant::Grant, mut entry: Draft) {
    entry.purpose = Some(grant.terms.purpose.clone());
    grants::about(&mut entry, kind, grant);
    work.log(entry);
}
