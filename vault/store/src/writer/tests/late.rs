//! A clock that was ahead when the process ended, and no longer is.

use super::broken::{Fate, break_commit};
use super::*;

/// A clock that stands still.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The entries of a write are appended at the next start, with the time that they were made at.
#[test]
fn nothing_in_the_log_is_earlier_than_what_a_crash_left_pending() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let ahead = SystemClock.now().plus_seconds(7_200);
    let mut bench = Bench::open_by(dir.path(), Arc::new(Standing(ahead))).unwrap();
    break_commit(&mut bench.writer.files.as_mut().unwrap().audit, Fate::NotPersisted, 1);
    bench.commit(record(new_subject(), 1), Action::Create).unwrap_err();
    drop(bench);
    let mut bench = Bench::open(dir.path());
    assert_eq!(bench.shared.now(), ahead, "it was committed then");
    bench.create(2);
    let times: Vec<Timestamp> = bench.entries().iter().map(|entry| entry.time).collect();
    assert_eq!(times.len(), 3);
    assert!(times.is_sorted(), "{times:?}");
}
