#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use coffre_store::plain::{BlobError, KeyOrder, PlainReader, PlainWriter, SchemaError, SourceRow, SourceValue};
use rusqlite::Connection;
use tempfile::TempDir;

fn text(bytes: &[u8]) -> SourceValue {
    SourceValue::Text(bytes.to_vec())
}

struct Made {
    _dir: TempDir,
    path: PathBuf,
}

fn database(sql: &str) -> Made {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("l'été 100% #1.sqlite");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    Made { _dir: dir, path }
}

fn keys(reader: &PlainReader, key: &str) -> (KeyOrder, Vec<String>) {
    let table = reader.table("t", key, &[], &[]).unwrap();
    let order = reader.key_order(&[&table]).unwrap();
    let key_of = |row: Result<SourceRow, _>| String::from_utf8(row.unwrap().key).unwrap();
    (order, reader.rows(&table, order).map(key_of).collect())
}

#[test]
fn text_is_the_bytes_of_the_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    let writer = PlainWriter::create(&path, "CREATE TABLE t (k CHAR(8), v TEXT, b BLOB)").unwrap();
    let latin = text(b"H\xe9lo\xefse\0\x81  ");
    writer.insert("t", &[text(b"1"), latin.clone(), SourceValue::Blob(vec![0xff, 0])]).unwrap();
    writer.insert("t", &[text(b"2"), SourceValue::Null, SourceValue::Real(1.5)]).unwrap();
    writer.insert("t", &[text(b"3"), text(b""), SourceValue::Integer(i64::MIN)]).unwrap();
    writer.finish().unwrap();
    let reader = PlainReader::open(&path).unwrap();
    let table = reader.table("T", "K", &["B", "v"], &[]).unwrap();
    let rows: Vec<_> = reader.rows(&table, KeyOrder::Stored).map(Result::unwrap).collect();
    assert_eq!(rows[0].values, [SourceValue::Blob(vec![0xff, 0]), latin]);
    assert_eq!(rows[1].values, [SourceValue::Real(1.5), SourceValue::Null]);
    assert_eq!(rows[2].values, [SourceValue::Integer(i64::MIN), text(b"")]);
    assert_eq!(reader.count(&table).unwrap(), 3);
    assert_eq!(format!("{:?}", rows[0].values), "[SourceValue(blob), SourceValue(text)]");
}

#[test]
fn padded_keys_keep_the_stored_order() {
    let made = database(
        "CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('B  '), ('A '), (NULL), ('A'), ('AB'), (NULL), ('A!')",
    );
    let reader = PlainReader::open(&made.path).unwrap();
    let (order, keys) = keys(&reader, "k");
    assert_eq!((order, keys), (KeyOrder::Stored, ["", "", "A", "A", "A!", "AB", "B"].map(str::to_owned).into()));
}

#[test]
fn irregular_keys_are_walked_by_their_text() {
    let made = database(
        "CREATE TABLE t (k); INSERT INTO t VALUES (12), ('  9'), ('10'), (NULL), (x'3131'), ('caf\u{e9}'), ('  ')",
    );
    let reader = PlainReader::open(&made.path).unwrap();
    let (order, keys) = keys(&reader, "k");
    assert_eq!((order, keys), (KeyOrder::Trimmed, ["", "", "10", "11", "12", "9", "café"].map(str::to_owned).into()));
}

#[test]
fn nocase_columns_and_taken_rowid_names_do_not_confuse() {
    let made = database(
        "CREATE TABLE t (k TEXT COLLATE NOCASE, _rowid_ TEXT, rowid TEXT); CREATE INDEX i ON t (k); \
         INSERT INTO t VALUES ('a', 'x', 'y'), ('B', 'x', 'y')",
    );
    let reader = PlainReader::open(&made.path).unwrap();
    assert_eq!(keys(&reader, "k").1, ["B", "a"]);
}

/// More rows than a page, without an index and with one; some without a key, some with the same.
#[test]
fn every_row_comes_once_whatever_the_number_of_pages() {
    let rows = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 269999)";
    let made = database(&format!(
        "CREATE TABLE t (k TEXT); CREATE TABLE u (k TEXT); CREATE INDEX i ON u (k); {rows} INSERT INTO t SELECT \
         CASE WHEN i % 100 = 0 THEN NULL ELSE printf('%08d', i * 7919 % 270000 / 3) END FROM n; INSERT INTO u SELECT k FROM t LIMIT 70000"
    ));
    let reader = PlainReader::open(&made.path).unwrap();
    for (name, rows) in [("t", 270_000), ("u", 70_000)] {
        let table = reader.table(name, "k", &[], &[]).unwrap();
        let (mut seen, mut keyless, mut last) = (std::collections::BTreeSet::new(), 0, Vec::new());
        for row in reader.rows(&table, KeyOrder::Stored) {
            let row = row.unwrap();
            assert!(row.key >= last);
            assert!(seen.insert(row.row));
            keyless += usize::from(row.key.is_empty());
            last = row.key;
        }
        assert_eq!((seen.len(), keyless), (rows, rows / 100), "{name}");
    }
}

#[test]
fn what_a_mapping_misnames_is_told_with_what_there_is() {
    let made = database(
        "CREATE TABLE CLIENT (NUMCLI TEXT, NOM TEXT); CREATE VIEW V AS SELECT * FROM CLIENT; CREATE TABLE W (a TEXT PRIMARY KEY) WITHOUT ROWID",
    );
    let reader = PlainReader::open(&made.path).unwrap();
    let error = |name: &str, columns: &[&str]| reader.table(name, "NUMCLI", columns, &[]).unwrap_err();
    assert_eq!(
        error("CLIENTS", &[]).to_string(),
        "there is no table CLIENTS; the database has CLIENT, W: correct the mapping"
    );
    assert_eq!(
        error("client", &["NOM", "PRENOM"]).to_string(),
        "table CLIENT has no column PRENOM; it has NUMCLI, NOM: correct the mapping"
    );
    assert!(matches!(error("V", &[]), SchemaError::NoRowId { .. }));
    assert!(matches!(reader.table("W", "a", &[], &[]), Err(SchemaError::NoRowId { .. })));
    assert!(matches!(reader.table("CLIENT", "NUMCLI", &[], &["PDF"]), Err(SchemaError::MissingColumn { .. })));
}

#[test]
fn large_values_are_read_in_pieces() {
    let made = database(
        "CREATE TABLE t (k TEXT, pdf BLOB); INSERT INTO t VALUES ('1', randomblob(300000)), ('2', NULL), ('3', 7), ('4', x''); \
         CREATE TABLE g (k TEXT, pdf BLOB, w AS (length(pdf))); INSERT INTO g VALUES ('1', x'010203')",
    );
    let reader = PlainReader::open(&made.path).unwrap();
    let table = reader.table("t", "k", &[], &["pdf"]).unwrap();
    let mut blob = reader.blob(&table, "pdf", 1).unwrap();
    let mut bytes = Vec::new();
    blob.read_to_end(&mut bytes).unwrap();
    assert_eq!((blob.length(), bytes.len()), (300_000, 300_000));
    for (row, expected) in [(2, "null"), (3, "integer"), (99, "absent")] {
        assert!(matches!(reader.blob(&table, "pdf", row), Err(BlobError::NotBytes { class }) if class == expected));
    }
    assert_eq!(reader.blob(&table, "pdf", 4).unwrap().length(), 0);
    let generated = reader.table("g", "k", &[], &["pdf"]).unwrap();
    let mut bytes = Vec::new();
    reader.blob(&generated, "pdf", 1).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn a_database_in_wal_mode_is_read_with_its_log_and_not_written() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    let application = Connection::open(&path).unwrap();
    application
        .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('in the log')")
        .unwrap();
    let before = contents(&path);
    let reader = PlainReader::open(&path).unwrap();
    application.execute_batch("INSERT INTO t VALUES ('later')").unwrap();
    assert_eq!(keys(&reader, "k").1, ["in the log"]);
    drop(reader);
    assert_eq!(contents(&path), before, "the database file is untouched");
    drop(application);
    // Closed, it needs no log: nothing is created beside it, even where nothing could be.
    let alone = contents(&path);
    let reader = PlainReader::open(&path).unwrap();
    assert_eq!(keys(&reader, "k").1, ["in the log", "later"]);
    drop(reader);
    assert_eq!((contents(&path), fs::read_dir(dir.path()).unwrap().count()), (alone, 1));
}

#[test]
fn behind_a_link_the_log_beside_the_database_itself_is_read() {
    let dir = TempDir::new().unwrap();
    let (real, link) = (dir.path().join("data/legacy.sqlite"), dir.path().join("legacy.sqlite"));
    fs::create_dir(dir.path().join("data")).unwrap();
    let application = Connection::open(&real).unwrap();
    application.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (k TEXT)").unwrap();
    application.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES ('in the log')").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let reader = PlainReader::open(&link).unwrap();
    assert_eq!(keys(&reader, "k").1, ["in the log"]);
}

#[test]
fn an_application_that_writes_meanwhile_does_not_change_what_is_read() {
    let made = database("CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('a')");
    let reader = PlainReader::open(&made.path).unwrap();
    let application = Connection::open(&made.path).unwrap();
    application.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(application.execute_batch("INSERT INTO t VALUES ('b')").is_err(), "its commit waits");
    assert_eq!(keys(&reader, "k").1, ["a"]);
    drop(reader);
    application.execute_batch("INSERT INTO t VALUES ('b')").unwrap();
}

#[test]
fn what_nothing_locks_is_told_when_an_application_has_written_to_it() {
    let made = database("PRAGMA journal_mode=WAL; CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('a')");
    let reader = PlainReader::open(&made.path).unwrap();
    let application = Connection::open(&made.path).unwrap();
    application.execute_batch("INSERT INTO t VALUES (hex(zeroblob(9000)))").unwrap();
    assert!(reader.is_unchanged(), "that is in its log");
    // It is taken into the file when the application ends.
    drop(application);
    assert!(!reader.is_unchanged());
    assert!(PlainReader::open(&made.path).unwrap().is_unchanged());
}

#[test]
fn utf_16_is_handed_over_as_utf_8() {
    let made = database("PRAGMA encoding='UTF-16le'; CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('Hélène')");
    let reader = PlainReader::open(&made.path).unwrap();
    assert_eq!(reader.text_encoding(), coffre_store::plain::TextEncoding::Utf16Le);
    assert_eq!(keys(&reader, "k").1, ["Hélène"]);
}

fn contents(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
