//! What a restore to a moment brings back and the log names no more: the entries that did were pruned, and what did not stand any
//! more was not carried over. The restore names it again, so that all that is stored is what the log says.

use std::collections::BTreeMap;

use coffre_core::audit::{Carried, DocumentRef, Draft, Entry, SealedValue};
use coffre_core::crypto::{hex, sha256};
use coffre_core::ids::{DocumentId, SubjectId};
use rusqlite::Connection;

use super::log::PAGE;
use crate::error::ReadError;
use crate::log_file;

/// An entry names at most so many values, to stay far below the longest leaf.
const NAMED: usize = 250;

/// What is stored of a record and named by no entry.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    values: Vec<SealedValue>,
    documents: Vec<DocumentRef>,
}

impl Unnamed {
    /// What is stored of some records and named by no entry of the log. One that was never pruned names everything.
    pub(super) fn find(
        vault: &Connection,
        audit: &Connection,
        subjects: impl Iterator<Item = SubjectId>,
    ) -> Result<BTreeMap<SubjectId, Self>, ReadError> {
        let mut next = log_file::minimum_index(audit)?;
        if next == 0 {
            return Ok(BTreeMap::new());
        }
        let stored = subjects.map(|subject| Ok((subject, Self::stored(vault, subject)?)));
        let mut unnamed = stored.collect::<Result<BTreeMap<_, _>, ReadError>>()?;
        loop {
            let page = log_file::entries(audit, next, PAGE)?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            for logged in &page {
                let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
                for named in Carried::of(logged.index, entry.what) {
                    if let Some(of_record) = unnamed.get_mut(&named.subject) {
                        of_record.leave_out(&named);
                    }
                }
            }
        }
        unnamed.retain(|_, of_record| !of_record.values.is_empty() || !of_record.documents.is_empty());
        Ok(unnamed)
    }

    /// Everything that is stored of a record.
    fn stored(vault: &Connection, subject: SubjectId) -> Result<Self, ReadError> {
        let sql = "SELECT category, version, sealed FROM record_values WHERE subject = ?1";
        let mut statement = vault.prepare_cached(sql)?;
        let rows = statement.query_map([subject.as_bytes()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        let mut values = Vec::new();
        for row in rows {
            let (category, version, sealed) = row?;
            let category = category.parse().map_err(|_| ReadError::Format { what: "category" })?;
            values.push(SealedValue { category, version, sha256: hex(&sha256(&sealed)) });
        }
        let sql = "SELECT document, version, sealed_sha256 FROM documents WHERE subject = ?1";
        let mut statement = vault.prepare_cached(sql)?;
        let rows = statement.query_map([subject.as_bytes()], |row| {
            let sha256 = Some(hex(&row.get::<_, Vec<u8>>(2)?));
            Ok(DocumentRef { id: DocumentId::from_bytes(row.get(0)?), version: row.get(1)?, sha256 })
        })?;
        Ok(Self { values, documents: rows.collect::<Result<_, _>>()? })
    }

    fn leave_out(&mut self, named: &Carried) {
        self.values.retain(|value| !named.values.contains(value));
        self.documents.retain(|document| named.document.as_ref() != Some(document));
    }

    /// Entries that name it.
    pub(super) fn entries(&self, base: &Draft) -> impl Iterator<Item = Draft> {
        let values = self.values.chunks(NAMED).map(|values| Draft { values: values.to_vec(), ..base.clone() });
        let documents =
            self.documents.iter().map(|document| Draft { document: Some(document.clone()), ..base.clone() });
        values.chain(documents)
    }
}
