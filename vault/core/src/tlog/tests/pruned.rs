//! Logs whose first entries were pruned: what an entry of the log says was pruned may be absent, and nothing else.

use super::*;
use crate::audit::{Action, Decision, Draft};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// A log that says at one place that it was pruned.
fn pruned_at(size: u64, at: u64, minimum_index: u64) -> Vec<Vec<u8>> {
    let mut entries = log(size);
    let draft = Draft {
        minimum_index: Some(minimum_index),
        ..Draft::new(Action::PruneLog, Decision::Allow, RequestId::from_bytes([0; 16]))
    };
    entries[at as usize] = draft.at(Timestamp::from_micros(0)).leaf().unwrap();
    entries
}

fn stored(entries: &[Vec<u8>], gone: impl Fn(u64) -> bool) -> Vec<StoredEntry<Vec<u8>>> {
    let stored = |(index, leaf): (u64, &Vec<u8>)| {
        let (hash, leaf) = (leaf_hash(leaf), Some(leaf.clone()).filter(|_| !gone(index)));
        StoredEntry { index, leaf, hash }
    };
    (0..).zip(entries).map(stored).collect()
}

fn verify(entries: &[Vec<u8>], gone: impl Fn(u64) -> bool) -> Result<EntriesReport, LogFault> {
    verify_entries(stored(entries, gone).into_iter().map(Ok::<_, Infallible>), &[head_of(entries)])
}

#[test]
fn entries_are_absent_only_as_far_as_a_later_entry_says() {
    let entries = pruned_at(40, 30, 16);
    let report = verify(&entries, |index| index < 16).unwrap();
    assert_eq!((report.minimum_index, report.frontier.root()), (16, head_of(&entries).root));
    // A pruning that was not gone through with.
    assert_eq!(verify(&entries, |index| index < 9).unwrap().minimum_index, 9);
    assert!(matches!(verify(&entries, |index| index < 17), Err(LogFault::Missing { index: 16 })));
    assert!(matches!(verify(&entries, |index| index < 31), Err(LogFault::Missing { index: 0 })));
    assert!(matches!(verify(&entries, |index| index < 16 || index == 20), Err(LogFault::Missing { index: 20 })));
    assert!(matches!(verify(&log(40), |index| index < 16), Err(LogFault::Missing { index: 0 })));
    assert!(matches!(verify(&entries, |_| true), Err(LogFault::Missing { index: 0 })));
}

#[test]
fn an_entry_that_was_put_in_allows_nothing() {
    let (entries, forged) = (log(40), pruned_at(40, 30, 16));
    let mut stored = stored(&entries, |index| index < 16);
    stored[30].leaf = Some(forged[30].clone());
    let found = verify_entries(stored.into_iter().map(Ok::<_, Infallible>), &[head_of(&entries)]);
    assert!(matches!(found, Err(LogFault::Changed { index: 30 })));
}

#[test]
fn changed_hashes_of_pruned_entries_are_found() {
    let entries = pruned_at(40, 30, 16);
    let mut stored = stored(&entries, |index| index < 16);
    stored[3].hash = leaf_hash(b"other");
    let found = verify_entries(stored.into_iter().map(Ok::<_, Infallible>), &[head_of(&entries)]);
    assert!(matches!(found, Err(LogFault::Root { from: 0, to: 40 })));
}

/// A copy without the first bundles.
fn copy_from(entries: &[Vec<u8>], minimum_index: u64) -> Copy {
    let rest = entries.iter().skip(minimum_index as usize).map(Ok::<_, Infallible>);
    let mut export = Export::new(rest, sign(&head_of(entries)), &key(), Some(ORIGIN)).unwrap();
    let passed = entries.iter().take(minimum_index as usize).flat_map(|entry| export.pass(leaf_hash(entry)));
    let mut files: Vec<ExportedFile> = passed.collect();
    files.extend(export.map(|file| file.unwrap()));
    Copy(files.into_iter().map(|file| (file.path, file.bytes)).collect())
}

#[test]
fn a_copy_of_a_pruned_log_is_the_whole_one_without_its_first_bundles() {
    let entries = pruned_at(1_100, 1_050, 768);
    let (mut whole, copy) = (Copy::of(&entries), copy_from(&entries, 768));
    let report = copy.verify().unwrap();
    assert_eq!((report.minimum_index, report.files), (768, copy.0.len() as u64));
    for bundle in ["tile/entries/000", "tile/entries/001", "tile/entries/002"] {
        whole.0.remove(bundle).unwrap();
    }
    assert_eq!(copy, whole);
}

#[test]
fn a_copy_misses_nothing_that_no_entry_says_was_pruned() {
    let missing = |copy: &Copy| match copy.verify() {
        Err(LogFault::Missing { index }) => index,
        other => panic!("{other:?}"),
    };
    let entries = pruned_at(1_100, 1_050, 512);
    assert_eq!(missing(&copy_from(&entries, 768)), 512);
    let mut hole = copy_from(&entries, 512);
    hole.0.remove("tile/entries/003").unwrap();
    assert_eq!(missing(&hole), 768);
    assert_eq!(missing(&copy_from(&log(1_100), 512)), 0);
    // Without the entry that says so, there is nobody to believe.
    let mut cut = copy_from(&entries, 512);
    cut.0.retain(|path, _| !path.starts_with("tile/entries/"));
    assert!(matches!(cut.verify(), Err(LogFault::Truncated { have: 0, .. })));
}

#[test]
fn every_changed_hash_of_pruned_entries_is_found() {
    let copy = copy_from(&pruned_at(600, 550, 256), 256);
    for at in 0..8192 {
        let mut tampered = copy.clone();
        tampered.file("tile/0/000")[at] ^= 1;
        assert!(tampered.verify().is_err(), "byte {at}");
    }
}
