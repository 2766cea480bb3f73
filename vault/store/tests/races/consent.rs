//! Readers in a crowd while a consent is given and withdrawn: no read that rests on it comes after its
//! withdrawal in the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use coffre_core::audit::{Action, Decision, Entry, GrantRef};
use coffre_core::grant::{Grant, GrantState};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_store::{CommitError, Depends, Disclosure, Store};

use crate::grants::{give, withdraw};
use crate::support::{create, draft, kind, make, open, path};
use crate::terms::consent;

const READERS: usize = 6;
const CONSENTS: u32 = 25;
/// A consent is withdrawn once so many reads have rested on it.
const READS: u32 = 12;

/// What became of one attempt to read.
enum Attempt {
    Allowed,
    Denied,
    Moved,
}

/// Decides and discloses as an application's server does.
fn attempt(store: &Store, subject: SubjectId) -> Attempt {
    let snapshot = store.snapshot().unwrap();
    let access_point = snapshot.access_point();
    let in_force = |grant: &Grant| grant.state(store.now()) == GrantState::Valid;
    let grant = snapshot.grants(subject).unwrap().into_iter().find(in_force);
    let fields = [path("contact.email")];
    let mut entry = draft(Action::Read);
    (entry.record_type, entry.subjects) = (Some(kind()), vec![subject]);
    let content = if let Some(grant) = &grant {
        entry.grants = vec![GrantRef { id: grant.id, version: grant.version, basis: grant.terms.basis }];
        entry.fields = fields.to_vec();
        Some(snapshot.fields(&kind(), subject, &fields).unwrap())
    } else {
        entry.decision = Decision::Deny;
        None
    };
    drop(snapshot);
    let valid_until = grant.and_then(|grant| grant.terms.valid_until);
    let depends = Depends { access_point, subjects: vec![subject], valid_until, ..Depends::default() };
    let claims = content.iter().map(|content| content.claim().clone()).collect();
    match store.disclose(Disclosure { draft: entry, reason: None, claims, depends }).wait() {
        Ok(receipt) => content.map_or(Attempt::Denied, |content| {
            assert_eq!(content.open(&receipt).unwrap().0.len(), 1);
            Attempt::Allowed
        }),
        Err(CommitError::Moved) => Attempt::Moved,
        Err(other) => unreachable!("{other}"),
    }
}

#[test]
fn no_read_rests_on_a_consent_after_its_withdrawal() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let (stop, allowed, moved) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let mut withdrawn: BTreeMap<GrantId, u64> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    match attempt(&store, subject) {
                        Attempt::Allowed => allowed.fetch_add(1, Ordering::Relaxed),
                        Attempt::Moved => moved.fetch_add(1, Ordering::Relaxed),
                        Attempt::Denied => 0,
                    };
                }
            });
        }
        for _ in 0..CONSENTS {
            let until = allowed.load(Ordering::Relaxed) + READS;
            let grant = give(&store, subject, consent(None));
            while allowed.load(Ordering::Relaxed) < until {
                std::thread::yield_now();
            }
            withdrawn.insert(grant.id, withdraw(&store, grant.id));
        }
        stop.store(true, Ordering::Relaxed);
    });

    let entries = store.snapshot().unwrap().entries(0, usize::MAX >> 1).unwrap();
    let mut reads = 0;
    for logged in entries {
        let entry = Entry::from_leaf(&logged.leaf).unwrap().what;
        if entry.action == Action::Read && entry.decision == Decision::Allow {
            reads += 1;
            let grant = &entry.grants[0];
            assert_eq!(grant.version, 1, "it rests on a consent that it saw withdrawn");
            assert!(logged.index < withdrawn[&grant.id], "entry {} rests on a withdrawn consent", logged.index);
        }
    }
    assert_eq!(reads, allowed.load(Ordering::Relaxed));
    assert!(reads >= CONSENTS * READS, "{reads} reads, {} decided again", moved.load(Ordering::Relaxed));
}
