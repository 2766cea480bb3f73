//! Walks the tables side by side in the order of their keys and gathers the rows of each data
//! subject: one data subject in memory at a time, whatever the size of the database.

use std::iter::Peekable;

use coffre_store::plain::{KeyedRows, ReadError, SourceRow, Table};

use super::{Legacy, LegacyError};
use crate::map::{MappedRow, SubjectRows};
use crate::reject::{Reason, Reject, shown};

/// What stands next in the order of keys.
pub(crate) enum Joined {
    /// A data subject with all its rows.
    Subject(SubjectRows),
    /// A row that belongs to none.
    Stray(Reject),
}

/// The data subjects of a legacy database.
pub(crate) struct Subjects<'l> {
    legacy: &'l Legacy<'l>,
    /// By the position of their table in the mapping: the data subjects' own first.
    streams: Vec<Peekable<KeyedRows<'l>>>,
}

impl<'l> Subjects<'l> {
    pub(super) fn new(legacy: &'l Legacy<'_>) -> Result<Self, LegacyError> {
        let all: Vec<&Table> = legacy.tables.iter().collect();
        let order = legacy.reader.key_order(&all)?;
        let streams = legacy.tables.iter().map(|table| legacy.reader.rows(table, order).peekable()).collect();
        Ok(Self { legacy, streams })
    }

    fn advance(&mut self) -> Result<Option<Joined>, LegacyError> {
        let Some((position, key)) = self.lowest()? else { return Ok(None) };
        if position > 0 || key.is_empty() {
            return self.stray(position, &key).map(Some);
        }
        let mut tables = Vec::with_capacity(self.streams.len());
        for position in 0..self.streams.len() {
            tables.push(self.rows_of(position, &key)?);
        }
        Ok(Some(Joined::Subject(SubjectRows { key, tables })))
    }

    /// The lowest key that comes next, and the first table that has it.
    fn lowest(&mut self) -> Result<Option<(usize, Vec<u8>)>, LegacyError> {
        let mut lowest: Option<(usize, Vec<u8>)> = None;
        for (position, stream) in self.streams.iter_mut().enumerate() {
            let key = match stream.peek() {
                None => continue,
                Some(Ok(row)) => &row.key,
                Some(Err(_)) => return Err(failure(stream)),
            };
            if lowest.as_ref().is_none_or(|(_, low)| key < low) {
                lowest = Some((position, key.clone()));
            }
        }
        Ok(lowest)
    }

    fn stray(&mut self, position: usize, key: &[u8]) -> Result<Joined, LegacyError> {
        let row = self.next_of(position, key)?.map_or(0, |row| row.row);
        let (table, column) = self.legacy.mapping.tables.get(position).map(|t| (t.name.clone(), t.key.clone())).unzip();
        let reason = if key.is_empty() { Reason::MissingKey } else { Reason::Orphan };
        Ok(Joined::Stray(Reject { table: table.unwrap_or_default(), row, key: shown(key), column, reason }))
    }

    fn rows_of(&mut self, position: usize, key: &[u8]) -> Result<Vec<MappedRow>, LegacyError> {
        let mut rows = Vec::new();
        while let Some(row) = self.next_of(position, key)? {
            let document = self.legacy.document(position, &row)?;
            rows.push(MappedRow { row: row.row, values: row.values, document });
        }
        Ok(rows)
    }

    /// The next row of a table, if it has this key.
    fn next_of(&mut self, position: usize, key: &[u8]) -> Result<Option<SourceRow>, LegacyError> {
        let Some(stream) = self.streams.get_mut(position) else { return Ok(None) };
        let same = |row: &Result<SourceRow, ReadError>| row.as_ref().is_ok_and(|row| row.key == key);
        match stream.next_if(same) {
            Some(row) => Ok(Some(row?)),
            None if stream.peek().is_some_and(Result::is_err) => Err(failure(stream)),
            None => Ok(None),
        }
    }
}

/// The error that a stream stands on.
fn failure(stream: &mut Peekable<KeyedRows<'_>>) -> LegacyError {
    match stream.next() {
        Some(Err(error)) => error.into(),
        // Asked only where an error was seen.
        _ => ReadError::KeyOrder { table: String::new(), row: 0 }.into(),
    }
}

impl Iterator for Subjects<'_> {
    type Item = Result<Joined, LegacyError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
