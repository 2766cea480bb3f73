//! A table of a foreign database with the columns that are wanted of it, verified to exist.

use thiserror::Error;

use super::reader::{PlainReader, ReadError};

/// A table or column that a mapping names and the database does not have.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// No such table.
    #[error("there is no table {table}; the database has {}: correct the mapping", listed(present))]
    MissingTable {
        /// The name wanted.
        table: String,
        /// The names there are.
        present: Vec<String>,
    },
    /// No such column.
    #[error("table {table} has no column {column}; it has {}: correct the mapping", listed(present))]
    MissingColumn {
        /// The table.
        table: String,
        /// The name wanted.
        column: String,
        /// The names there are.
        present: Vec<String>,
    },
    /// A view, or a table WITHOUT ROWID: its rows cannot be named.
    #[error(
        "{table} is a view or has no row ids: copy it into an ordinary table (CREATE TABLE … AS SELECT * FROM {table}) in a copy of the database"
    )]
    NoRowId {
        /// The table.
        table: String,
    },
    /// The schema itself cannot be read.
    #[error("the database's list of tables cannot be read: import another copy")]
    Database {
        /// What `SQLite` reports.
        source: rusqlite::Error,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A table to read: its key, the columns to fetch of each row, and the columns whose values are
/// only opened on demand. Exists only for names that the database really has.
#[derive(Debug, Clone)]
pub struct Table {
    name: String,
    rowid: &'static str,
    key: String,
    columns: Vec<String>,
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns that are fetched, in the order they were asked for.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn quoted(&self) -> String {
        quote(&self.name)
    }

    pub(super) fn rowid(&self) -> &'static str {
        self.rowid
    }

    pub(super) fn key(&self) -> String {
        quote(&self.key)
    }

    pub(super) fn column_list(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|c| quote(c)).collect();
        // A row of a table of which nothing is fetched still exists.
        if quoted.is_empty() { "NULL".to_owned() } else { quoted.join(", ") }
    }

    pub(super) fn read_error(&self, source: rusqlite::Error) -> ReadError {
        ReadError::Database { table: self.name.clone(), source }
    }
}

/// A name as SQL writes it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl PlainReader {
    /// The table of this name, with its key column, the columns to fetch and those opened on demand.
    pub fn table(&self, name: &str, key: &str, fetched: &[&str], on_demand: &[&str]) -> Result<Table, SchemaError> {
        let tables = self.names(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            None,
        )?;
        let views = self.names("SELECT name FROM sqlite_schema WHERE type = 'view'", None)?;
        let Some(actual) = tables.iter().find(|t| t.eq_ignore_ascii_case(name)) else {
            return Err(if views.iter().any(|v| v.eq_ignore_ascii_case(name)) {
                SchemaError::NoRowId { table: name.to_owned() }
            } else {
                SchemaError::MissingTable { table: name.to_owned(), present: tables }
            });
        };
        let present = self.names("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1", Some(actual))?;
        let find = |column: &str| {
            present.iter().find(|c| c.eq_ignore_ascii_case(column)).cloned().ok_or_else(|| SchemaError::MissingColumn {
                table: actual.clone(),
                column: column.to_owned(),
                present: present.clone(),
            })
        };
        on_demand.iter().try_for_each(|column| find(column).map(drop))?;
        let rowid = self.rowid_name(actual, &present)?;
        let columns = fetched.iter().map(|column| find(column)).collect::<Result<_, _>>()?;
        Ok(Table { name: actual.clone(), rowid, key: find(key)?, columns })
    }

    /// The name under which the row id is reachable: an ordinary column may have taken some of them.
    fn rowid_name(&self, table: &str, present: &[String]) -> Result<&'static str, SchemaError> {
        let free = |name: &&str| !present.iter().any(|c| c.eq_ignore_ascii_case(name));
        let name = ["_rowid_", "rowid", "oid"].into_iter().find(free);
        let works =
            |name: &str| self.connection.prepare(&format!("SELECT {name} FROM {} LIMIT 0", quote(table))).is_ok();
        name.filter(|name| works(name)).ok_or_else(|| SchemaError::NoRowId { table: table.to_owned() })
    }

    fn names(&self, sql: &str, parameter: Option<&str>) -> Result<Vec<String>, SchemaError> {
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(parameter))?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                let bytes = row.get_ref(0)?.as_bytes().unwrap_or_default();
                names.push(String::from_utf8_lossy(bytes).into_owned());
            }
            Ok(names)
        };
        read().map_err(|source| SchemaError::Database { source })
    }
}
