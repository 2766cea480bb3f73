//! The only place that opens a connection to a vault's database, and the settings all of them have.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffre_core::crypto::SecretKey;
use coffre_core::keyset::Keyset;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, ffi};

use crate::error::disk_is_full;
use crate::layout::{Database, Layout};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Makes the file if it is not there.
    Create,
    /// The writer's.
    Write,
    /// A reader's: `query_only`.
    Read,
}

/// Opens a connection to a database of a vault.
pub(crate) fn open_own(
    layout: &Layout,
    keys: &Keyset,
    database: Database,
    purpose: Use,
) -> rusqlite::Result<Connection> {
    open(&layout.database(database), database.key(keys), purpose)
}

/// Opens a connection. A wrong key or a damaged first page is `NotADatabase`.
pub(crate) fn open(path: &Path, key: &SecretKey, purpose: Use) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Use::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let vfs = coffre_pages::vfs_name().ok_or(rusqlite::Error::InvalidQuery)?;
    let connection = Connection::open_with_flags_and_vfs(path, flags, vfs)?;
    // From the first: a file that turns out not to be ours must not get what waits in the write-ahead log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Plans do not depend on bound values: or a statement with a bound LIMIT would be compiled again each time it runs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Or it writes lines of its own to standard error, between ours; what it finds comes back as an error all the same.
    connection.execute_batch("PRAGMA cipher_log_level = NONE;")?;
    coffre_pages::give_key(&connection, key.expose())?;
    connection.execute_batch(
        "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;",
    )?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    if purpose == Use::Read {
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000;")?;
    }
    Ok(connection)
}

/// Begins a view of the database as it is now.
pub(crate) fn begin_view(view: &Connection) -> rusqlite::Result<()> {
    view.execute_batch("BEGIN")?;
    // It begins with what is first read.
    view.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// Whether a connection that only reads has met a page whose MAC is wrong.
///
/// From then on, and for good, SQLCipher gives zeros for every page that is not in its cache. Most are refused by SQLite, but
/// the last page of a long value is taken as it is. So the answer in which it happened, and all later ones, are
/// not to be believed. SQLCipher marks the connection as read-only, which costs nothing to ask.
pub(crate) fn met_damage(connection: &Connection) -> bool {
    connection.is_readonly(MAIN_DB).unwrap_or(true)
}

/// The same of a connection that may be within a write transaction, where SQLCipher leaves no such mark.
pub(crate) fn has_failed(connection: &Connection) -> bool {
    let asked = connection.prepare_cached("PRAGMA cipher_status");
    let status = asked.and_then(|mut asked| asked.query_row([], |row| row.get::<_, String>(0)));
    !status.is_ok_and(|status| status == "1")
}

/// Whether a page was met that is not the one that was written last.
pub(crate) fn is_another_page(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == coffre_pages::IS_NOT_THE_PAGE)
}

/// Whether the system could not read a file: what is in it may be as it was.
pub(crate) fn is_unread(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_READ)
}

/// Whether an error says that a file is damaged, or that the system cannot read it: what is derived is made anew for either.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    is_another_page(error)
        || is_unread(error)
        || matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether an error is of the system at the moment, and says nothing of what the file holds: no space, no more files to open.
pub(crate) fn is_of_the_moment(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked};
    let busy = matches!(error.sqlite_error_code(), Some(CannotOpen | DatabaseBusy | DatabaseLocked));
    busy || disk_is_full(error)
}

/// Whether a connection is to be closed after an error: the file is damaged, or could not be read.
pub(crate) fn is_spoiled_by(error: &rusqlite::Error) -> bool {
    is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// Counts the frames in the write-ahead log as commits report them. Must come after
/// `wal_autocheckpoint`, which would silently remove the hook.
pub(crate) fn watch_wal(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicU64>> {
    let frames = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&frames);
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
        counter.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    //! SQLCipher as it is, which `met_damage` rests on.
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    const ROWS: i64 = 60;
    /// One page and part of a second: the second is the value's last.
    const LENGTH: usize = 6_000;
    const PAGE: usize = 4_096;

    fn value(connection: &Connection, id: i64) -> rusqlite::Result<Vec<u8>> {
        connection.query_row("SELECT v FROM t WHERE id = ?1", [id], |row| row.get(0))
    }

    /// The file of a database whose rows are all known.
    fn make(path: &Path, key: &SecretKey) -> Vec<u8> {
        std::fs::write(path, []).unwrap();
        let connection = open(path, key, Use::Create).unwrap();
        connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB NOT NULL)").unwrap();
        for id in 1..=ROWS {
            connection.execute("INSERT INTO t VALUES (?1, ?2)", (id, vec![7; LENGTH])).unwrap();
        }
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(connection);
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_connection_that_met_damage_says_so_and_never_recovers() {
        let dir = tempfile::tempdir().unwrap();
        let (path, key) = (dir.path().join("t.db"), SecretKey::from_bytes(&[5; 32]));
        let sound = make(&path, &key);
        let (mut silent, mut spread) = (0, 0);
        for page in 1..sound.len() / PAGE {
            let mut damaged = sound.clone();
            damaged[page * PAGE + PAGE / 2] ^= 1;
            std::fs::write(&path, damaged).unwrap();
            let connection = open(&path, &key, Use::Read).unwrap();
            let mut met = false;
            for id in 1..=ROWS {
                let answer = value(&connection, id);
                let right = answer.as_ref().is_ok_and(|value| *value == [7; LENGTH]);
                spread += u32::from(met && !right); // sound itself, and asked for later
                met |= met_damage(&connection);
                assert!(right || met, "page {page}: a wrong answer without a mark");
                assert_eq!(has_failed(&connection), met, "page {page}: the mark and the status");
                silent += u32::from(answer.is_ok() && !right);
            }
            assert!(met, "page {page}: nobody came across it");
            let again = open(&path, &key, Use::Read).unwrap();
            assert!(!met_damage(&again), "a new connection has met nothing yet");
        }
        assert!(silent > 0, "SQLite takes zeros at the end of a value: if no longer, this is simpler");
        assert!(spread > 0, "SQLCipher gives zeros from then on: if no longer, this is simpler");
    }
}
