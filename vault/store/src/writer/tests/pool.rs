//! Readers that were given up: others are opened in their place, if not at once then later.

use super::*;
use crate::ReadError;

#[test]
fn a_reader_that_cannot_be_opened_now_is_opened_later() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let (one, other) = (bench.readers.take(&bench.shared).unwrap(), bench.readers.take(&bench.shared).unwrap());
    for reader in [one, other] {
        drop(reader);
        bench.readers.give_up();
    }
    let (there, away) = (dir.path().join("vault/keyring.db"), dir.path().join("vault/away"));
    std::fs::rename(&there, &away).unwrap();
    for _ in 0..5 {
        // An error, and not a wait without end.
        let refused = Snapshot::begin(&bench.shared, &bench.readers).map(drop).unwrap_err();
        assert!(matches!(refused, ReadError::Database(_)), "{refused}");
    }
    std::fs::rename(&away, &there).unwrap();
    let both = [bench.snapshot(), bench.snapshot()];
    assert!(both.iter().all(|snapshot| snapshot.record(&kind(), subject).unwrap().is_some()), "as many as before");
}
