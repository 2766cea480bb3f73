//! How much of the vault is of which epoch, counted a little at a time.

use std::collections::BTreeMap;

use coffre_core::ids::SubjectId;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use crate::error::ReadError;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Data subjects that are counted in one view.
const WINDOW: u32 = 1_000;

/// What is of one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtEpoch {
    /// Values: one for each category and version of a record.
    pub values: u64,
    /// Versions of documents.
    pub documents: u64,
    /// What requests and holds say.
    pub notes: u64,
}

/// A table with ciphertexts of data subjects, and where what is counted of it goes.
type Table = (&'static str, fn(&mut AtEpoch) -> &mut u64);

const TABLES: [Table; 4] = [
    ("record_values", |at| &mut at.values),
    ("documents", |at| &mut at.documents),
    ("holds", |at| &mut at.notes),
    ("filing_steps", |at| &mut at.notes),
];

impl Store {
    /// Counts what is of each epoch. Looks at every row, a thousand data subjects in a view.
    pub fn by_epoch(&self) -> Result<BTreeMap<u32, AtEpoch>, ReadError> {
        let (mut counted, mut after) = (BTreeMap::new(), Vec::new());
        while let Some(last) = self.snapshot()?.count_epochs(&after, &mut counted)? {
            after = last.as_bytes().to_vec();
        }
        Ok(counted)
    }
}

impl Snapshot<'_> {
    /// Counts some data subjects after one; gives the last, `None` behind the last.
    fn count_epochs(&self, after: &[u8], counted: &mut BTreeMap<u32, AtEpoch>) -> Result<Option<SubjectId>, ReadError> {
        self.ask(|reader| {
            let sql = "SELECT max(subject) FROM
                       (SELECT subject FROM subject_keys WHERE subject > ?1 ORDER BY subject LIMIT ?2)";
            let last: Option<Option<[u8; 16]>> =
                reader.keyring.prepare_cached(sql)?.query_row(params![after, WINDOW], |row| row.get(0)).optional()?;
            let Some(last) = last.flatten() else { return Ok(None) };
            for (table, place) in TABLES {
                count(&reader.vault, table, (after, &last), |epoch, rows| {
                    *place(counted.entry(epoch).or_default()) += rows;
                })?;
            }
            Ok(Some(SubjectId::from_bytes(last)))
        })
    }
}

fn count(
    vault: &Connection,
    table: &str,
    (after, last): (&[u8], &[u8]),
    mut each: impl FnMut(u32, u64),
) -> rusqlite::Result<()> {
    let sealed = if table == "filing_steps" { "AND sealed IS NOT NULL" } else { "" };
    let sql =
        format!("SELECT epoch, count(*) FROM {table} WHERE subject > ?1 AND subject <= ?2 {sealed} GROUP BY epoch");
    let mut statement = vault.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after, last])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get(1)?);
    }
    Ok(())
}
