//! A vault whose writer has gone: closed in good order, or fallen over. It answers, and says that it
//! is not ready.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use coffre_core::audit::{Action, Draft};
use coffre_store::transactions::CreateRecord;
use coffre_store::{CommitError, Depends, Store, Transaction, Unavailable, Work};

use crate::support::{create, draft, kind, make, open, sample};

/// A mistake in the program.
struct Fall;

impl Transaction for Fall {
    type Output = ();
    type Error = Infallible;

    fn run(self, _: &mut Work<'_>, _: Draft) -> Result<(), Infallible> {
        panic!("this transaction always panics: it is meant to")
    }
}

fn is_gone(store: &Store) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while store.readiness() != Err(Unavailable::Stopping) {
        assert!(Instant::now() < deadline, "it still calls itself ready");
    }
    let create = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(9) };
    let refused = store.transact(create, draft(Action::Create), None, Depends::default()).wait();
    assert!(matches!(refused, Err(CommitError::Unavailable(Unavailable::Stopping))));
}

#[test]
fn a_closed_vault_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    assert_eq!(store.readiness(), Ok(()));
    store.close();
    is_gone(&store);
    drop(store);
    assert!(open(dir.path()).snapshot().unwrap().record(&kind(), subject).unwrap().is_some());
}

#[test]
fn a_vault_whose_writer_fell_over_is_not_ready_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let fallen = store.transact(Fall, draft(Action::Amend), None, Depends::default()).wait();
    assert!(matches!(fallen, Err(CommitError::Unavailable(Unavailable::Stopping))));
    is_gone(&store);
    drop(store);
    let store = open(dir.path());
    assert!(store.snapshot().unwrap().record(&kind(), subject).unwrap().is_some());
    assert_eq!(store.tree_head().size, 2, "nothing of the fallen transaction");
}
