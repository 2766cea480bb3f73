//! Importing a batch of records: each with its documents and grants, and an entry of its own.

use coffre_core::audit::{Action, Draft};
use coffre_core::grant::GrantTerms;
use coffre_core::ids::SubjectId;
use coffre_core::record::{Fields, RecordTypeName};
use thiserror::Error;

use super::{Transaction, create_record, documents, grants};
use crate::document::StagedDocument;
use crate::model::NewSubject;
use crate::writer::{Work, WorkError};

/// One record of an import.
pub struct ImportItem {
    /// The new data subject (`Store::new_subject`).
    pub subject: NewSubject,
    /// Its values, already checked.
    pub fields: Fields,
    /// Its documents, staged under the new subject.
    pub documents: Vec<StagedDocument>,
    /// The grants that the grants file gives on it.
    pub grants: Vec<GrantTerms>,
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for ImportRecords {
    /// The new records, in the batch's order.
    type Output = Vec<SubjectId>;
    type Error = ImportError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Vec<SubjectId>, ImportError> {
        let mut created = Vec::with_capacity(self.items.len());
        for item in self.items {
            let mut entry = base.clone();
            create_record::insert(work, &self.record_type, &item.subject, &item.fields, &mut entry)?;
            work.log(entry);
            for staged in item.documents {
                let document = documents::insert(work, staged)?;
                let mut entry = base.clone();
                entry.record_type = Some(self.record_type.clone());
                entry.subjects = vec![item.subject.id];
                entry.document = Some(document);
                work.log(entry);
            }
            for terms in item.grants {
                let grant = grants::insert(work, &self.record_type, item.subject.id, terms)?;
                let mut entry = base.clone();
                entry.action = Action::GiveGrant;
                entry.purpose = Some(grant.terms.purpose.clone());
                grants::about(&mut entry, &self.record_type, &grant);
                work.log(entry);
            }
            created.push(item.subject.id);
        }
        Ok(created)
    }
}
