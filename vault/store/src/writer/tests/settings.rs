//! What every connection is set to, read back from SQLite itself; and that commits are counted.

use rusqlite::types::FromSql;

use super::*;
use crate::connection::{self, Use};

fn pragma<T: FromSql>(connection: &Connection, name: &str) -> T {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
}

/// The settings that durability and secrecy rest on.
fn check(connection: &Connection, what: &str, synchronous: i64, query_only: i64) {
    assert_eq!(pragma::<String>(connection, "journal_mode"), "wal", "{what}");
    assert_eq!(pragma::<i64>(connection, "synchronous"), synchronous, "{what}: synchronous");
    assert_eq!(pragma::<i64>(connection, "wal_autocheckpoint"), 0, "{what}: wal_autocheckpoint");
    assert_eq!(pragma::<i64>(connection, "secure_delete"), 1, "{what}: secure_delete");
    assert_eq!(pragma::<i64>(connection, "temp_store"), 2, "{what}: temp_store");
    assert_eq!(pragma::<i64>(connection, "query_only"), query_only, "{what}: query_only");
    assert_eq!(pragma::<String>(connection, "cipher_status"), "1", "{what}: encrypted");
    assert_eq!(pragma::<String>(connection, "cipher_use_hmac"), "1", "{what}: a MAC for each page");
    let config = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    assert!(connection.db_config(config).unwrap(), "{what}: no checkpoint at close");
}

const FULL: i64 = 2;
const NORMAL: i64 = 1;

#[test]
fn every_connection_has_the_settings_that_the_promises_rest_on() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let check_all = |bench: &Bench| {
        for database in [Database::Vault, Database::Keyring, Database::Audit, Database::Index] {
            let synchronous = if database == Database::Index { NORMAL } else { FULL };
            check(bench.connection(database), &format!("the writer's {database:?}"), synchronous, 0);
        }
    };
    check_all(&bench);
    for _ in 0..2 {
        let reader = bench.readers.take(&bench.shared).unwrap();
        for (connection, what) in
            [(&reader.vault, "vault"), (&reader.keyring, "keyring"), (&reader.audit, "audit"), (&reader.index, "index")]
        {
            check(connection, &format!("a reader's {what}"), FULL, 1);
            assert!(connection.execute_batch("CREATE TABLE mine (x)").is_err(), "a reader wrote");
        }
    }
    // The same after a failure, when the files are opened again; and what is made anew.
    broken::break_commit(&mut bench.writer.files.as_mut().unwrap().vault, broken::Fate::NotPersisted, 1);
    bench.commit(record(new_subject(), 1), Action::Create).unwrap_err();
    bench.create(2);
    check_all(&bench);
    let path = dir.path().join("new.db");
    let key = coffre_core::crypto::SecretKey::random(&mut SystemEntropy);
    std::fs::write(&path, []).unwrap();
    check(&connection::open(&path, &key, Use::Create).unwrap(), "a new database", FULL, 0);
}

#[test]
fn the_hook_counts_the_frames_of_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let longest = |bench: &Bench| bench.writer.files.as_ref().unwrap().longest_wal();
    checkpoint_all(&bench.shared, bench.writer.files.as_ref().unwrap(), Leave::Nothing).unwrap();
    let mut before = longest(&bench);
    assert_eq!(before, 0);
    for number in 0..3 {
        bench.create(number);
        assert!(longest(&bench) > before, "a commit was not counted");
        before = longest(&bench);
    }
    // A frame is a page and its header of 24 bytes, after the log's header of 32.
    let frames = |database| (std::fs::metadata(bench.shared.layout.wal(database)).unwrap().len() - 32) / (4096 + 24);
    let longest_file = [Database::Vault, Database::Keyring, Database::Audit, Database::Index].map(frames);
    assert_eq!(longest_file.into_iter().max(), Some(before), "the counter and the files");
    checkpoint_all(&bench.shared, bench.writer.files.as_ref().unwrap(), Leave::Space).unwrap();
    assert_eq!(longest(&bench), 0);
}
