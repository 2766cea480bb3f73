//! The only place that opens a connection to a vault's database, and the settings all of them have.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffre_core::crypto::{SecretKey, hex};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

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

/// Opens a connection. A wrong key or a damaged first page is `NotADatabase`.
pub(crate) fn open(path: &Path, key: &SecretKey, purpose: Use) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Use::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    // From the first: a file that turns out not to be ours must not get what waits in the write-ahead log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Or it writes lines of its own to standard error, between ours; what it finds comes back as an error all the same.
    connection.execute_batch("PRAGMA cipher_log_level = NONE;")?;
    // A raw key: 256 random bits need no PBKDF2. Not a bound parameter: PRAGMA takes none.
    let digits = Zeroizing::new(hex(key.expose()));
    let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\";", digits.as_str()));
    connection.execute_batch(&pragma)?;
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
