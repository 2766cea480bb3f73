//! A database of more than 1 GiB, where the page of SQLite's locks lies among the others: no commit ever writes it.

use std::num::NonZeroU64;

use super::*;
use crate::store::Store;

/// Bytes of a value, and how many of them are more than 1 GiB.
const PART: u32 = 100_000_000;
const PARTS: u64 = 11;

#[test]
fn a_database_of_more_than_a_gibibyte_is_kept_read_and_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let mut known = vec![(bench.create(0), 0)];
    let insert = "INSERT INTO annotations (idx, sealed) VALUES (?1, zeroblob(?2))";
    for part in 0..PARTS {
        let far_from_any_entry = (1 << 40) + part;
        bench.connection(Database::Audit).execute(insert, (far_from_any_entry, PART)).unwrap();
        checkpoint_all(&bench.shared, bench.writer.files.as_ref().unwrap(), Leave::Space).unwrap();
    }
    assert!(bench.shared.layout.database(Database::Audit).metadata().unwrap().len() > 1 << 30);
    known.push((bench.create(1), 1));
    drop(bench);

    let options = OpenOptions { indexes: vec![email()], clock: Arc::new(SystemClock), readers: 2 };
    let identity = Identity::read(&crate::layout::Layout::new(&dir.path().join("vault")).server_identity()).unwrap();
    let store = Store::open(&dir.path().join("vault"), &identity, &options).unwrap();
    let captured = store.capture(&dir.path().join("spool"), NonZeroU64::MIN, "test").unwrap();
    assert!(captured.database_bytes > 1 << 30);
    drop(store);
    let bench = Bench::open(dir.path());
    assert!(known.iter().all(|(subject, number)| bench.holds(*subject, *number)));
}
