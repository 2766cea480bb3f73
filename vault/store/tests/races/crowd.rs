//! Many writers and readers at once: receipts are distinct and consecutive, equal denials are one entry,
//! and a snapshot sees one state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use coffre_core::audit::{Action, Decision, Draft, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::record::Fields;
use coffre_store::transactions::{AmendRecord, CreateRecord};
use coffre_store::{Depends, Disclosure, Store};
use serde_json::json;

use crate::support::{create, draft, kind, make, note, open, path, sample};

fn entries(store: &Store) -> Vec<Entry> {
    let logged = store.snapshot().unwrap().entries(0, usize::MAX >> 1).unwrap();
    logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect()
}

/// Keeps the writer waiting, behind an entry, until what this gives is dropped: a crowd is one whatever the processors do.
fn held(store: &Store) -> Sender<()> {
    let (let_go, is_let_go) = channel();
    let (came, has_come) = channel();
    let (draft, depends) = (draft(Action::Read), Depends::default());
    store.disclose_then(Disclosure { draft, reason: None, claims: Vec::new(), depends }, move |_| {
        came.send(()).unwrap();
        let _gone = is_let_go.recv();
    });
    // Its entry is in the log: nobody else comes before it.
    has_come.recv().unwrap();
    let_go
}

#[test]
fn hundreds_of_writers_get_receipts_of_their_own_one_after_the_other() {
    const THREADS: u32 = 8;
    const EACH: u32 = 50;
    /// So many of them come at once, the others while the writer is at work.
    const AT_ONCE: u32 = 45;
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let (let_go, all_have_come) = (held(&store), Barrier::new(THREADS as usize + 1));
    let write = |thread: u32| {
        let send = |n: u32| {
            let transaction =
                CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(thread * EACH + n) };
            let base = draft(Action::Create);
            (base.request, store.transact(transaction, base, None, Depends::default()))
        };
        let mut waiting: Vec<_> = (0..AT_ONCE).map(send).collect();
        all_have_come.wait();
        waiting.extend((AT_ONCE..EACH).map(send));
        waiting.into_iter().map(|(request, pending)| (request, pending.wait().unwrap())).collect::<Vec<_>>()
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || write(thread))).collect();
        all_have_come.wait();
        drop(let_go);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let indexes: BTreeSet<u64> = answers.iter().map(|(_, (_, receipt))| receipt.index()).collect();
    let expected: BTreeSet<u64> = (2..2 + u64::from(THREADS * EACH)).collect();
    assert_eq!(indexes, expected, "distinct and consecutive");

    let entries = entries(&store);
    for (request, (subject, receipt)) in &answers {
        let entry = &entries[usize::try_from(receipt.index()).unwrap()];
        assert_eq!((entry.what.request, &entry.what.subjects), (*request, &vec![*subject]), "a receipt of another's");
        assert_eq!(entry.time, receipt.time());
    }
    let groups: BTreeSet<_> = entries.iter().map(|entry| entry.time).collect();
    assert!(groups.len() < answers.len() / 4, "{} groups for {} writes", groups.len(), answers.len());
}

fn denial(subject: SubjectId, cause: &str) -> Draft {
    let mut entry = draft(Action::Read);
    (entry.decision, entry.cause, entry.subjects) = (Decision::Deny, Some(cause.to_owned()), vec![subject]);
    entry
}

#[test]
fn equal_denials_become_one_counted_entry() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let (subject, other) = (create(&store, 1), create(&store, 2));
    // Behind the entry that holds the writer.
    let before = store.tree_head().size + 1;
    let let_go = held(&store);
    let deny =
        |draft| store.disclose(Disclosure { draft, reason: None, claims: Vec::new(), depends: Depends::default() });
    let drafts = (0..300).map(|n| match n % 3 {
        0 => denial(subject, "no-grant"),
        1 => denial(other, "no-grant"),
        _ => denial(subject, "withheld"),
    });
    let sent: Vec<_> = drafts.map(deny).collect();
    drop(let_go);
    let receipts: Vec<u64> = sent.into_iter().map(|pending| pending.wait().unwrap().index()).collect();

    let mut counted: BTreeMap<(Vec<SubjectId>, Option<String>), u64> = BTreeMap::new();
    let entries = entries(&store);
    let denials = &entries[usize::try_from(before).unwrap()..];
    for entry in denials {
        assert_eq!(entry.what.decision, Decision::Deny);
        *counted.entry((entry.what.subjects.clone(), entry.what.cause.clone())).or_default() +=
            entry.what.count.unwrap_or(1);
    }
    assert_eq!(counted.values().copied().collect::<Vec<_>>(), [100, 100, 100], "none is lost, none counted twice");
    assert!(denials.len() < 100, "{} entries for 300 denials", denials.len());
    for (receipt, n) in receipts.iter().zip(0..) {
        let entry = &entries[usize::try_from(*receipt).unwrap()].what;
        let expected = if n % 3 == 1 { other } else { subject };
        assert_eq!(entry.subjects, [expected], "the receipt of another denial");
    }
}

#[test]
fn a_snapshot_sees_one_state_whatever_is_written_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let stop = AtomicBool::new(false);
    let (mail, illness) = ([path("contact.email")], [path("health.illnesses")]);
    // Both categories always say the number of the version that wrote them.
    let amend = |version: u32| {
        let next = json!(format!("{}", version + 1));
        let changes = [(mail[0].clone(), Some(next.clone())), (illness[0].clone(), Some(next))].into();
        let amend = AmendRecord { record_type: kind(), subject, expected_version: version, changes };
        store.transact(amend, draft(Action::Amend), None, Depends::default()).wait().unwrap().0
    };
    amend(1);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = store.snapshot().unwrap();
                    let version = snapshot.record(&kind(), subject).unwrap().unwrap().version;
                    let one = snapshot.fields(&kind(), subject, &mail).unwrap();
                    let written = store.tree_head().size;
                    while store.tree_head().size < written + 2 && !stop.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                    let other = snapshot.fields(&kind(), subject, &illness).unwrap();
                    assert_eq!(snapshot.versions(subject).unwrap().len(), usize::try_from(version).unwrap());
                    drop(snapshot);
                    let (one_receipt, other_receipt) =
                        (note(&store, subject, &mail, &one).unwrap(), note(&store, subject, &illness, &other).unwrap());
                    let value = |fields: Fields| fields.0.into_values().next().unwrap();
                    let (one, other) =
                        (value(one.open(&one_receipt).unwrap()), value(other.open(&other_receipt).unwrap()));
                    assert_eq!((&one, &other), (&json!(version.to_string()), &one), "two states in one snapshot");
                }
            });
        }
        let newest = (2..120).fold(2, |version, _| amend(version));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(newest, 120);
    });
}
