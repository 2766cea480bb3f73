//! The table `meta`, in `vault.db` and in `audit.db`: single facts under their names.

use rusqlite::{Connection, OptionalExtension as _};

/// The fact under a name, if there is one.
pub(crate) fn get(database: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = database.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    statement.query_row([key], |row| row.get(0)).optional()
}

/// The fact under a name that every vault has.
pub(crate) fn required(database: &Connection, key: &str) -> rusqlite::Result<String> {
    get(database, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Writes a fact under a name, in the place of the one before.
pub(crate) fn set(database: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let mut statement = database.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    statement.execute([key, value]).map(drop)
}

/// Forgets the fact under a name.
pub(crate) fn remove(database: &Connection, key: &str) -> rusqlite::Result<()> {
    database.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([key]).map(drop)
}
