//! Streams the rows of a table in the order of a key, in flat memory whatever the table's size.
//!
//! A page of keys and row ids is taken at a time, each row fetched when its turn comes. Where an
//! index serves the order a page is a short walk of it; where none does, `SQLite` scans the table and
//! keeps only the page's rows (ORDER BY with LIMIT), so that nothing is sorted on disk.

use std::collections::VecDeque;
use std::fmt;

use rusqlite::params;
use rusqlite::types::ValueRef;

use super::reader::{PlainReader, ReadError};
use super::schema::Table;
use super::value::SourceValue;

/// Keys taken at a time where an index serves the order: a few MiB.
const PAGE: u32 = 65_536;
/// Where none does, each page costs a scan of the table, so there are fewer of them: some 25 MiB.
const SCANNED_PAGE: u32 = 262_144;

/// In which order keys are walked, so that tables can be joined by walking them side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrder {
    /// As stored: every key is printable text without leading blanks, so trailing padding does not
    /// disturb the order, and an index can serve it.
    Stored,
    /// By the key as text without surrounding blanks: numbers, other bytes and leading blanks occur.
    Trimmed,
}

/// A row, with the values of the columns that its [`Table`] fetches.
/// `Debug` leaves out the key.
#[derive(Clone, PartialEq)]
pub struct SourceRow {
    /// `SQLite`'s row id, by which the row can be found again.
    pub row: i64,
    /// The key as text without surrounding blanks and NUL bytes; empty when there is none.
    pub key: Vec<u8>,
    /// The values, in the table's order of columns.
    pub values: Vec<SourceValue>,
}

impl fmt::Debug for SourceRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceRow({}, {:?})", self.row, self.values)
    }
}

struct Position {
    key: Option<Vec<u8>>,
    row: i64,
}

/// The rows of a table in the order of its key; those without a key come first.
pub struct KeyedRows<'r> {
    reader: &'r PlainReader,
    table: &'r Table,
    order: KeyOrder,
    page_size: u32,
    page: VecDeque<Position>,
    after: Option<Position>,
    last_key: Vec<u8>,
    exhausted: bool,
}

impl PlainReader {
    /// The order in which all of these tables can be walked side by side.
    pub fn key_order(&self, tables: &[&Table]) -> Result<KeyOrder, ReadError> {
        for table in tables {
            let key = table.key();
            let sql = format!(
                "SELECT EXISTS(SELECT 1 FROM {} WHERE {key} IS NOT NULL AND \
                 (typeof({key}) <> 'text' OR {key} GLOB ' *' OR {key} GLOB '*[^ -~]*'))",
                table.quoted()
            );
            let irregular: bool = self.connection.query_row(&sql, [], |r| r.get(0)).map_err(|e| table.read_error(e))?;
            if irregular {
                return Ok(KeyOrder::Trimmed);
            }
        }
        Ok(KeyOrder::Stored)
    }

    /// The rows of a table in the order of its key.
    pub fn rows<'r>(&'r self, table: &'r Table, order: KeyOrder) -> KeyedRows<'r> {
        KeyedRows {
            reader: self,
            table,
            order,
            page_size: if self.is_indexed(table, order) { PAGE } else { SCANNED_PAGE },
            page: VecDeque::new(),
            after: None,
            last_key: Vec::new(),
            exhausted: false,
        }
    }

    /// Whether an index serves the order; not, when `SQLite` would sort. A database that cannot be
    /// asked fails at the first page.
    fn is_indexed(&self, table: &Table, order: KeyOrder) -> bool {
        let key = order.expression(table);
        let (from, rowid) = (table.quoted(), table.rowid());
        let sql = format!("EXPLAIN QUERY PLAN SELECT {key}, {rowid} FROM {from} ORDER BY {key}, {rowid} LIMIT 1");
        let plan = || {
            let mut statement = self.connection.prepare(&sql)?;
            let steps = statement.query_map([], |row| row.get::<_, String>(3))?;
            steps.collect::<Result<Vec<_>, _>>()
        };
        plan().is_ok_and(|steps| !steps.iter().any(|step| step.contains("TEMP B-TREE")))
    }
}

impl KeyOrder {
    /// What is ordered by, in SQL.
    fn expression(self, table: &Table) -> String {
        match self {
            Self::Stored => format!("{} COLLATE BINARY", table.key()),
            Self::Trimmed => format!("trim(CAST({} AS TEXT)) COLLATE BINARY", table.key()),
        }
    }
}

impl KeyedRows<'_> {
    fn take_page(&mut self) -> Result<(), ReadError> {
        let page = self.query_page().map_err(|e| self.table.read_error(e))?;
        // Rows without a key are pages of their own; the first page of keys follows them.
        let among_keyless = !matches!(&self.after, Some(Position { key: Some(_), .. }));
        if page.is_empty() && among_keyless {
            self.after = Some(Position { key: Some(Vec::new()), row: i64::MIN });
            self.page = self.query_page().map_err(|e| self.table.read_error(e))?.into();
        } else {
            self.page = page.into();
        }
        self.exhausted = self.page.is_empty();
        Ok(())
    }

    fn query_page(&self) -> rusqlite::Result<Vec<Position>> {
        let rowid = self.table.rowid();
        let (key, from, page) = (self.order.expression(self.table), self.table.quoted(), self.page_size);
        let mut statement;
        let mut rows = match &self.after {
            // Not written as a row value: of those SQLite makes no index search here.
            Some(Position { key: Some(last), row }) => {
                statement = self.reader.connection.prepare_cached(&format!(
                    "SELECT {key}, {rowid} FROM {from} WHERE {key} >= ?1 AND ({key} > ?1 OR {rowid} > ?2) \
                     ORDER BY {key}, {rowid} LIMIT {page}"
                ))?;
                statement.query(params![SourceValue::Text(last.clone()), row])?
            }
            keyless => {
                statement = self.reader.connection.prepare_cached(&format!(
                    "SELECT NULL, {rowid} FROM {from} WHERE {} IS NULL AND {rowid} > ?1 ORDER BY {rowid} LIMIT {page}",
                    self.table.key()
                ))?;
                statement.query([keyless.as_ref().map_or(i64::MIN, |p| p.row)])?
            }
        };
        let mut positions = Vec::new();
        while let Some(row) = rows.next()? {
            let key = match row.get_ref(0)? {
                ValueRef::Text(bytes) => Some(bytes.to_vec()),
                _ => None,
            };
            positions.push(Position { key, row: row.get(1)? });
        }
        Ok(positions)
    }

    fn fetch(&mut self, position: Position) -> Result<SourceRow, ReadError> {
        let row = position.row;
        let values = self.values(row).map_err(|e| self.table.read_error(e))?;
        let key = trimmed(position.key.as_deref().unwrap_or_default()).to_vec();
        if key < self.last_key {
            return Err(ReadError::KeyOrder { table: self.table.name().to_owned(), row });
        }
        self.last_key.clone_from(&key);
        self.after = Some(position);
        Ok(SourceRow { row, key, values })
    }

    fn values(&self, row: i64) -> rusqlite::Result<Vec<SourceValue>> {
        let sql = format!(
            "SELECT {} FROM {} WHERE {} = ?1",
            self.table.column_list(),
            self.table.quoted(),
            self.table.rowid()
        );
        let mut statement = self.reader.connection.prepare_cached(&sql)?;
        statement.query_row([row], |row| {
            (0..self.table.columns().len()).map(|i| row.get_ref(i).map(SourceValue::from)).collect()
        })
    }
}

impl Iterator for KeyedRows<'_> {
    type Item = Result<SourceRow, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.exhausted
            && let Err(error) = self.take_page()
        {
            self.exhausted = true;
            return Some(Err(error));
        }
        let position = self.page.pop_front()?;
        let fetched = self.fetch(position);
        if fetched.is_err() {
            self.page.clear();
            self.exhausted = true;
        }
        Some(fetched)
    }
}

/// Without the padding of fixed-width fields: blanks, and the NUL bytes that COBOL calls LOW-VALUES.
fn trimmed(key: &[u8]) -> &[u8] {
    let padding = |b: &u8| *b == b' ' || *b == 0;
    let start = key.iter().position(|b| !padding(b)).unwrap_or(key.len());
    let end = key.iter().rposition(|b| !padding(b)).map_or(start, |last| last + 1);
    key.get(start..end).unwrap_or_default()
}
