#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use coffre_store::plain::{Damage, InspectError, OpenSourceError, PlainReader, SourceKind, TextEncoding, inspect};
use rusqlite::Connection;
use tempfile::TempDir;

fn kind_of(bytes: &[u8]) -> SourceKind {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("source");
    fs::write(&path, bytes).unwrap();
    inspect(&path).unwrap()
}

/// A database of a few pages, as bytes.
fn database() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    filled(&path, "");
    fs::read(path).unwrap()
}

fn filled(path: &Path, pragma: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(pragma).unwrap();
    db.execute_batch("CREATE TABLE CLIENT (NUMCLI TEXT, NOM TEXT)").unwrap();
    db.execute_batch("BEGIN").unwrap();
    for n in 0..2000 {
        db.execute("INSERT INTO CLIENT VALUES (?1, 'DURAND')", [format!("{n:08}")]).unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
    db
}

fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

fn access(name: &str) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0];
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(4096, 0);
    bytes
}

#[test]
fn a_sound_database_is_described() {
    let bytes = database();
    let SourceKind::Sqlite(file) = kind_of(&bytes) else { unreachable!() };
    assert_eq!((file.page_size, file.text, file.wal_mode, file.wal), (4096, TextEncoding::Utf8, false, None));
    assert_eq!(file.pages * 4096, bytes.len() as u64);
}

#[test]
fn mysql_dumps_are_named_with_their_version() {
    let dump = b"-- MySQL dump 10.13  Distrib 5.7.15, for Linux (x86_64)\n--\n-- Host: localhost\n";
    assert_eq!(kind_of(dump), SourceKind::MySqlDump { server: Some("5.7.15".into()) });
    let maria = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4.2-MariaDB\n-- Server version\t11.4.2-MariaDB\n";
    assert_eq!(kind_of(maria), SourceKind::MySqlDump { server: Some("11.4.2-MariaDB".into()) });
    // A schema without the opening comment, with a name in Latin-1.
    let bare = b"CREATE TABLE `CLIENT` (`NOM` char(30) COMMENT 'pr\xe9nom') ENGINE=InnoDB DEFAULT CHARSET=latin1;\n";
    assert_eq!(kind_of(bare), SourceKind::MySqlDump { server: None });
}

#[test]
fn other_formats_are_named() {
    let cases: Vec<(Vec<u8>, SourceKind)> = vec![
        (vec![], SourceKind::Empty),
        (access("Standard Jet DB"), SourceKind::Access { ace: false }),
        (access("Standard ACE DB"), SourceKind::Access { ace: true }),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n".to_vec(), SourceKind::SqliteDump),
        (b"--\n-- PostgreSQL database dump\n--\n".to_vec(), SourceKind::PostgresDump),
        (b"\x1f\x8b\x08\x00rest".to_vec(), SourceKind::Compressed("gzip")),
        (b"age-encryption.org/v1\n-> X25519 abc\n".to_vec(), SourceKind::Age),
        (b"** This file contains an SQLite 2.1 database **\0".to_vec(), SourceKind::Sqlite2),
        (b"NUMCLI;NOM\n00000001;DURAND\n".to_vec(), SourceKind::Text),
        (b"NUMCLI;NOM\n00000001;H\xe9lo\xefse\n".to_vec(), SourceKind::Text),
        (b"\x01\x02\x03 something else".to_vec(), SourceKind::Unknown),
        (vec![0; 8192], SourceKind::Damaged(Damage::Zeros)),
        (random(8192), SourceKind::Encrypted),
        (random(1024), SourceKind::Encrypted),
    ];
    for (bytes, expected) in cases {
        let found = kind_of(&bytes);
        assert_eq!(found, expected);
        assert!(!found.remedy().is_empty(), "{found} has no remedy");
    }
}

#[test]
fn a_sqlcipher_database_is_called_encrypted() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("secret.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA key = 'fictitious'; CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    drop(db);
    assert_eq!(inspect(&path).unwrap(), SourceKind::Encrypted);
}

#[test]
fn a_cut_or_damaged_header_is_told() {
    let whole = database();
    let length = whole.len() as u64;
    for cut in [4096, whole.len() / 2, whole.len() - 1] {
        let expected = SourceKind::Damaged(Damage::Truncated { expected: length, found: cut as u64 });
        assert_eq!(kind_of(&whole[..cut]), expected);
    }
    assert_eq!(kind_of(&whole[..50]), SourceKind::Damaged(Damage::Truncated { expected: 100, found: 50 }));
    for (offset, value, field) in [
        (16, 3, "page size"),
        (18, 9, "format version"),
        (20, 255, "reserved space"),
        (21, 65, "payload fractions"),
        (47, 5, "schema format"),
        (59, 4, "text encoding"),
    ] {
        let mut damaged = whole.clone();
        damaged[offset] = value;
        if offset == 20 {
            // 512-byte pages leave no room for 255 reserved bytes.
            damaged[16..18].copy_from_slice(&512_u16.to_be_bytes());
        }
        assert_eq!(kind_of(&damaged), SourceKind::Damaged(Damage::Header { field }));
    }
}

#[test]
fn a_log_that_cannot_be_read_is_not_taken_for_none() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    fs::write(&path, database()).unwrap();
    let log = dir.path().canonicalize().unwrap().join("legacy.sqlite-wal");
    fs::create_dir(&log).unwrap();
    let refused = inspect(&path).unwrap_err();
    assert!(matches!(&refused, InspectError::Read { path, .. } if *path == log), "{refused}");
}

#[test]
fn damaged_pages_are_found_before_anything_is_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    let mut bytes = database();
    let page = 3 * 4096;
    bytes[page..page + 64].fill(0xEE);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(inspect(&path), Ok(SourceKind::Sqlite(_))));
    assert!(matches!(PlainReader::open(&path), Err(OpenSourceError::Damaged { .. })));
}

#[test]
fn rows_that_break_the_applications_own_rules_are_not_damage() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE t (a INTEGER NOT NULL CHECK (a > 0), b TEXT); PRAGMA ignore_check_constraints=ON; \
         INSERT INTO t VALUES (-1, x'ff');",
    )
    .unwrap();
    drop(db);
    assert!(PlainReader::open(&path).is_ok());
}

#[test]
fn an_interrupted_write_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    let journal = dir.path().join("legacy.sqlite-journal");
    // A copy taken in the middle of a transaction, with its journal: what a power cut leaves.
    let live = dir.path().join("live.sqlite");
    let db = filled(&live, "PRAGMA cache_size = 1; PRAGMA cache_spill = 1;");
    db.execute_batch("BEGIN; UPDATE CLIENT SET NOM = 'X'").unwrap();
    fs::copy(&live, &path).unwrap();
    fs::copy(dir.path().join("live.sqlite-journal"), &journal).unwrap();
    let before = (fs::read(&path).unwrap(), fs::read(&journal).unwrap());
    assert!(inspect(&path).unwrap().readable().unwrap().interrupted);
    let error = PlainReader::open(&path).err().unwrap();
    assert!(matches!(error, OpenSourceError::Interrupted { .. }), "{error:?}");
    assert_eq!((fs::read(&path).unwrap(), fs::read(&journal).unwrap()), before);
}

#[test]
fn refusals_say_what_it_is_and_what_to_do() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("base.mdb");
    fs::write(&path, access("Standard Jet DB")).unwrap();
    let text = PlainReader::open(&path).err().unwrap().to_string();
    assert!(text.contains("a Microsoft Access database (Jet, .mdb): export it with mdbtools"), "{text}");
    let missing = PathBuf::from("/nowhere/legacy.sqlite");
    assert!(matches!(inspect(&missing), Err(InspectError::Missing { .. })));
    assert!(matches!(inspect(dir.path()), Err(InspectError::NotAFile { .. })));
}

#[test]
fn no_header_whatever_its_bytes_ends_in_a_panic_or_a_write() {
    let whole = database();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    for offset in 0..100 {
        for value in [0x00, 0x01, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[offset] = value;
            fs::write(&path, &damaged).unwrap();
            inspect(&path).unwrap();
            drop(PlainReader::open(&path));
            assert_eq!(fs::read(&path).unwrap(), damaged);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "byte {offset}");
        }
    }
}
