//! The log's tree: tiles and proofs lead to the signed head, whatever stands in the file that is kept of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[expect(dead_code, reason = "this file needs a vault, not its records")]
mod support;

use coffre_core::audit::Action;
use coffre_core::merkle::{Hash, verify_consistency, verify_inclusion};
use coffre_core::time::Timestamp;
use coffre_core::tlog::{NotAnExtension, TreeHead};
use coffre_store::{Depends, Disclosure, LogTree, LogTreeError, Store};
use support::{draft, make, open};

/// Lets the log grow to a size.
fn grow(store: &Store, size: u64) {
    let denial =
        || Disclosure { draft: draft(Action::Read), reason: None, claims: vec![], depends: Depends::default() };
    let pending: Vec<_> = (store.tree_head().size..size).map(|_| store.disclose(denial())).collect();
    for entry in pending {
        entry.wait().unwrap();
    }
    assert_eq!(store.tree_head().size, size);
}

fn head(store: &Store) -> TreeHead {
    TreeHead::open(store.tree_head().note.as_bytes(), store.verification_key(), Some(store.origin())).unwrap()
}

fn leaf(store: &Store, index: u64) -> Hash {
    store.snapshot().unwrap().leaf_hashes(index, 1).unwrap()[0]
}

fn proves(store: &Store, tree: &LogTree) {
    let head = head(store);
    assert_eq!(tree.root_at(head.size).unwrap(), head.root);
    for index in [0, 255, 256, head.size - 1] {
        let proof = tree.inclusion(index, head.size).unwrap();
        assert_eq!(verify_inclusion(leaf(store, index), index, head.size, &proof, head.root), Ok(()));
    }
    let before = tree.root_at(300).unwrap();
    let proof = tree.consistency(300, head.size).unwrap();
    assert_eq!(verify_consistency((300, before), (head.size, head.root), &proof), Ok(()));
}

#[test]
fn proofs_lead_to_the_head_and_nothing_is_computed_twice() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    grow(&store, 600);
    let (tree, file) = (LogTree::of(&store), dir.path().join("vault/tiles"));
    proves(&store, &tree);
    let kept = std::fs::read(&file).unwrap();
    assert_eq!(kept.len(), 16 + 2 * 32, "two tiles are full");
    grow(&store, 800);
    proves(&store, &tree);
    let more = std::fs::read(&file).unwrap();
    assert_eq!((more.len(), &more[..kept.len()]), (16 + 3 * 32, &kept[..]));
    proves(&store, &LogTree::of(&store));
}

/// Nobody asks for a proof: the next start finds the roots all the same.
#[test]
fn the_roots_of_tiles_are_kept_as_the_log_grows() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let file = dir.path().join("vault/tiles");
    for size in [255, 256, 700] {
        let store = open(dir.path());
        grow(&store, size);
        let kept = std::fs::read(&file).unwrap_or_default();
        let tiles = usize::try_from(size / 256).unwrap();
        assert_eq!(kept.len(), if tiles == 0 { 0 } else { 16 + 32 * tiles });
        drop(store);
    }
    let (kept, store) = (std::fs::read(&file).unwrap(), open(dir.path()));
    std::fs::remove_file(&file).unwrap();
    proves(&store, &LogTree::of(&store));
    assert_eq!(std::fs::read(&file).unwrap(), kept, "they are those that the leaves lead to");
}

#[test]
fn a_file_that_does_not_lead_to_the_head_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    grow(&store, 600);
    proves(&store, &LogTree::of(&store));
    let file = dir.path().join("vault/tiles");
    let right = std::fs::read(&file).unwrap();
    let mut changed = right.clone();
    changed[20] ^= 1;
    let longer = [&right[..], &[7; 320]].concat();
    for (wrong, becomes) in
        [(changed, &right), (right[..50].to_vec(), &right), (b"something".to_vec(), &right), (longer.clone(), &longer)]
    {
        std::fs::write(&file, wrong).unwrap();
        proves(&store, &LogTree::of(&store));
        assert_eq!(std::fs::read(&file).unwrap(), *becomes, "what lies beyond the log is not looked at");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    proves(&store, &LogTree::of(&store));
}

#[test]
fn tiles_are_as_long_as_the_log_and_never_longer() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    grow(&store, 600);
    let tree = LogTree::of(&store);
    let tile = |path: &str| tree.tile(path.parse().unwrap()).unwrap();
    assert_eq!(tile("tile/0/001").unwrap()[..32], *leaf(&store, 256).as_bytes());
    assert_eq!(tile("tile/0/002.p/88").unwrap().len(), 88 * 32);
    assert_eq!(tile("tile/0/002.p/3").unwrap(), tile("tile/0/002.p/88").unwrap()[..96]);
    assert_eq!(tile("tile/1/000.p/2").unwrap().len(), 64);
    assert_eq!(tile("tile/1/000.p/1").unwrap(), *tree.root_at(256).unwrap().as_bytes());
    let entries = tile("tile/entries/002.p/1").unwrap();
    let first = store.snapshot().unwrap().entries(512, 1).unwrap().remove(0).leaf;
    assert_eq!(entries[2..], first);
    for absent in
        ["tile/0/002", "tile/0/002.p/89", "tile/0/003.p/1", "tile/1/000.p/3", "tile/2/000.p/1", "tile/entries/002"]
    {
        assert_eq!(tile(absent), None, "{absent}");
    }
}

#[test]
fn what_is_beyond_the_log_or_of_another_past_is_told() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    grow(&store, 300);
    let tree = LogTree::of(&store);
    assert!(matches!(tree.root_at(301), Err(LogTreeError::Beyond { have: 300, asked: 301 })));
    assert!(matches!(tree.inclusion(300, 300), Err(LogTreeError::Sizes(_))));
    assert!(matches!(tree.consistency(301, 300), Err(LogTreeError::Beyond { have: 300, asked: 301 })));
    assert!(matches!(tree.consistency(300, 299), Err(LogTreeError::Sizes(_))));
    let known = head(&store);
    grow(&store, 301);
    assert_eq!(tree.goes_on_from(&known).unwrap(), Ok(()));
    let longer = TreeHead { size: 302, ..known.clone() };
    assert_eq!(tree.goes_on_from(&longer).unwrap(), Err(NotAnExtension::Rollback { size: 301, known: 302 }));
    let forked = TreeHead { root: Hash::empty_root(), ..known };
    assert_eq!(tree.goes_on_from(&forked).unwrap(), Err(NotAnExtension::Fork { known: 300 }));
}

#[test]
fn a_period_begins_at_its_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    grow(&store, 40);
    let snapshot = store.snapshot().unwrap();
    let first = |time| snapshot.first_entry_at(time, 40).unwrap();
    let all = snapshot.entries(0, 40).unwrap();
    let time = |index: usize| coffre_core::audit::Entry::from_leaf(&all[index].leaf).unwrap().time;
    assert_eq!((first(Timestamp::from_micros(0)), first(time(39).plus_seconds(1))), (0, 40));
    for index in 0..40 {
        let expected = (0..40).find(|n| time(*n) >= time(index)).unwrap();
        assert_eq!(first(time(index)), expected as u64);
    }
}
