//! A write-ahead log whose frames go in one piece: what is committed is in it for whoever reads it, however it came there.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use coffre_pages::vfs_name;
use rusqlite::{Connection, OpenFlags};

/// Rows of 900 bytes: four to a page.
const MORE: &str = "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 400)
                    INSERT INTO t (v) SELECT randomblob(900) FROM c;";
const OTHERS: &str = "UPDATE t SET v = randomblob(900);";
const ONE: &str = "UPDATE t SET v = randomblob(900) WHERE n = 7;";

fn open(path: &Path) -> Connection {
    let name = vfs_name().unwrap();
    let connection = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), name).unwrap();
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    connection.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(())).unwrap();
    connection
}

/// All of a database, sound.
fn content(connection: &Connection) -> Vec<(i64, Vec<u8>)> {
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut rows = connection.prepare("SELECT n, v FROM t ORDER BY n").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// What SQLite itself makes of the files as they are, as after a crash.
fn after_a_crash(path: &Path, round: usize) -> Vec<(i64, Vec<u8>)> {
    let with = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let copy = path.with_extension(format!("copy{round}"));
    for end in ["", "-wal"] {
        fs::copy(with(path, end), with(&copy, end)).unwrap();
    }
    content(&Connection::open(copy).unwrap())
}

#[test]
fn a_log_holds_what_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    for synchronous in ["FULL", "NORMAL"] {
        let path = folder.path().join(format!("{synchronous}.db"));
        let (writer, reader) = (open(&path), open(&path));
        writer.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA cache_size = 10;")).unwrap();
        writer.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, v BLOB NOT NULL);").unwrap();
        let steps = [
            format!("BEGIN; {MORE} COMMIT;"),
            ONE.to_owned(),
            // More than the cache holds: pages come into the log before the commit, and again.
            format!("BEGIN; {MORE} {OTHERS} {ONE} COMMIT;"),
            // What is in the log of this is of no commit, and the next ones are written over it.
            format!("BEGIN; {OTHERS} {MORE} ROLLBACK;"),
            ONE.to_owned(),
            format!("BEGIN; {ONE} SAVEPOINT one; {OTHERS} ROLLBACK TO one; {MORE} COMMIT;"),
            "PRAGMA wal_checkpoint(RESTART);".to_owned(),
            ONE.to_owned(),
            format!("BEGIN; {OTHERS} COMMIT;"),
        ];
        for (round, step) in steps.iter().enumerate() {
            writer.execute_batch(step).unwrap();
            let expected = content(&writer);
            assert!(content(&reader) == expected, "{synchronous}, step {round}: another connection");
            assert!(after_a_crash(&path, round) == expected, "{synchronous}, step {round}: a crash");
        }
    }
}
