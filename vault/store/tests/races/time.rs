//! A clock that jumps: time never runs backwards in the log, nor for what rests on a validity.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use coffre_core::audit::{Action, Entry};
use coffre_core::grant::GrantState;
use coffre_core::ids::SubjectId;
use coffre_core::time::Timestamp;
use coffre_store::clock::Clock;
use coffre_store::{CommitError, Depends, Disclosure, Identity, Layout, OpenOptions, Store};

use crate::grants::give;
use crate::support::{create, draft, make, options};
use crate::terms::consent;

/// A clock that shows what it is set to, in seconds.
#[derive(Default)]
struct Wound(AtomicI64);

impl Wound {
    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }
}

/// Well after the vault was made, whose first entry has the system's time.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(10_000_000_000 + seconds)
}

fn open(dir: &Path, clock: &Arc<Wound>) -> Store {
    let vault = dir.join("vault");
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    Store::open(&vault, &identity, &OpenOptions { clock, ..options() }).unwrap()
}

fn read(store: &Store, subject: SubjectId, valid_until: Option<Timestamp>) -> Result<u64, bool> {
    let access_point = store.snapshot().unwrap().access_point();
    let depends = Depends { access_point, subjects: vec![subject], valid_until, ..Depends::default() };
    let mut draft = draft(Action::Read);
    draft.subjects = vec![subject];
    let disclosed = store.disclose(Disclosure { draft, reason: None, claims: Vec::new(), depends }).wait();
    disclosed.map(|receipt| receipt.index()).map_err(|error| matches!(error, CommitError::Moved))
}

#[test]
fn time_never_runs_backwards_not_even_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let clock = Arc::new(Wound::default());
    let store = open(dir.path(), &clock);
    for seconds in [100, 50, 70, 0, 101] {
        clock.set(seconds);
        create(&store, u32::try_from(seconds).unwrap());
        assert!(store.now() >= at(100), "the vault's time went back to {}", store.now());
    }
    drop(store);
    clock.set(1);
    let store = open(dir.path(), &clock);
    assert_eq!((store.now(), store.clock_time()), (at(101), at(1)));
    create(&store, 1);
    let snapshot = store.snapshot().unwrap();
    let entries = snapshot.entries(1, 100).unwrap();
    let times: Vec<Timestamp> = entries.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap().time).collect();
    assert_eq!(times, [100, 100, 100, 100, 101, 101].map(at));
}

#[test]
fn a_grant_that_ends_between_decision_and_commit_is_decided_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let clock = Arc::new(Wound::default());
    clock.set(100);
    let store = open(dir.path(), &clock);
    let subject = create(&store, 1);
    let grant = give(&store, subject, consent(Some(at(200))));
    let until = grant.terms.valid_until;
    clock.set(199);
    assert_eq!(grant.state(store.now()), GrantState::Valid);
    read(&store, subject, until).unwrap();
    clock.set(200);
    assert_eq!(read(&store, subject, until), Err(true), "moved: the end is not included");
    let depends = Depends { valid_until: until, ..Depends::default() };
    assert!(!store.still_holds(&depends));

    // What has ended once has ended, even if the clock is put back: the log says so.
    create(&store, 2);
    clock.set(150);
    assert_eq!(read(&store, subject, until), Err(true));
    assert!(!store.still_holds(&depends), "a long stream goes on under an ended grant");
    assert_eq!(grant.state(store.now()), GrantState::Expired, "it would be decided the same again, for ever");
}
