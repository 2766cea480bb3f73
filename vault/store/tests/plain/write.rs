#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use coffre_store::plain::{PlainWriter, SourceValue, WriteError};
use tempfile::TempDir;

const SCHEMA: &str = "CREATE TABLE t (k TEXT, v BLOB)";

#[test]
fn the_same_rows_make_the_same_file() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str| {
        let path = dir.path().join(name);
        let writer = PlainWriter::create(&path, SCHEMA).unwrap();
        for n in 0..500_i64 {
            writer.insert("t", &[SourceValue::Integer(n), SourceValue::Blob(vec![7; 3000])]).unwrap();
        }
        writer.finish().unwrap();
        fs::read(path).unwrap()
    };
    assert_eq!(write("a.sqlite"), write("b.sqlite"));
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written_stays() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("legacy.sqlite");
    fs::write(&path, "precious").unwrap();
    assert!(matches!(PlainWriter::create(&path, SCHEMA), Err(WriteError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let other = dir.path().join("other.sqlite");
    let writer = PlainWriter::create(&other, SCHEMA).unwrap();
    assert!(matches!(writer.insert("absent", &[SourceValue::Null]), Err(WriteError::Database { .. })));
    drop(writer);
    // Somebody else was faster.
    let writer = PlainWriter::create(&other, SCHEMA).unwrap();
    fs::write(&other, "precious").unwrap();
    assert!(matches!(writer.finish(), Err(WriteError::Io { .. })));
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}
