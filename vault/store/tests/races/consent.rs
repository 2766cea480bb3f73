//! Readers in a crowd while a consent is given and withdrawn: no read that rests on it comes after its
//! withdrawal in the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use coffre_core::audit::{Action, Decision, Entry, GrantRef};
use coffre_core::grant::{Grant, GrantState};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::Fields;
use coffre_store::{CommitError, Depends, Disclosure, ReadError, Snapshot, Store, Undisclosed};

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

/// The consent in force, and what it opens.
fn look(
    store: &Store,
    view: &Snapshot<'_>,
    subject: SubjectId,
) -> Result<Option<(Grant, Undisclosed<Fields>)>, ReadError> {
    // As a server does, also where nothing comes of it.
    view.record(&kind(), subject)?;
    let grants = view.grants(subject)?;
    let fields = view.fields(&kind(), subject, &[path("contact.email")])?;
    let in_force = grants.iter().find(|grant| grant.state(store.now()) == GrantState::Valid);
    Ok(in_force.map(|grant| (grant.clone(), fields)))
}

/// Decides and discloses as an application's server does: by what is remembered, if it is.
fn attempt(store: &Store, subject: SubjectId) -> Attempt {
    let remembered = store.remembered();
    let (seen, access_point) = match look(store, &remembered, subject) {
        Ok(seen) => (seen, remembered.access_point()),
        Err(error) => {
            assert!(matches!(error, ReadError::NotRemembered), "{error}");
            let snapshot = store.snapshot().unwrap();
            (look(store, &snapshot, subject).unwrap(), snapshot.access_point())
        }
    };
    let fields = [path("contact.email")];
    let mut entry = draft(Action::Read);
    (entry.record_type, entry.subjects) = (Some(kind()), vec![subject]);
    let valid_until = seen.as_ref().and_then(|(grant, _)| grant.terms.valid_until);
    let content = if let Some((grant, content)) = seen {
        entry.grants = vec![GrantRef { id: grant.id, version: grant.version, basis: grant.terms.basis }];
        entry.fields = fields.to_vec();
        Some(content)
    } else {
        entry.decision = Decision::Deny;
        None
    };
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
