//! What must hold of a vault whatever happened to it.

use std::collections::BTreeSet;
use std::path::Path;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::merkle::{leaf_hash, root_of};
use coffre_core::tlog::TreeHead;
use coffre_store::Store;

/// Every entry, after checking each leaf against its hash and all of them against the signed head,
/// and that time never runs backwards.
pub(crate) fn log_agrees_with_its_head(store: &Store) -> Vec<Entry> {
    let signed = store.tree_head();
    let head = TreeHead::open(signed.note.as_bytes(), store.verification_key(), Some(store.origin())).unwrap();
    let logged = store.snapshot().unwrap().hashed_entries(0, usize::MAX >> 1).unwrap();
    assert!(logged.iter().zip(0..).all(|(entry, index)| entry.index == index), "a gap in the log");
    assert!(logged.iter().all(|entry| leaf_hash(entry.leaf.as_ref().unwrap()) == entry.hash), "a leaf is not its hash");
    assert_eq!((head.size, signed.size), (logged.len() as u64, logged.len() as u64));
    assert_eq!(root_of(logged.iter().map(|entry| entry.hash)), head.root);
    let entries: Vec<Entry> =
        logged.iter().map(|entry| Entry::from_leaf(entry.leaf.as_ref().unwrap()).unwrap()).collect();
    assert!(entries.windows(2).all(|pair| pair[0].time <= pair[1].time), "time runs backwards");
    entries
}

/// One upload entry per stored document, one file per stored document, and nothing besides; none of
/// the erased.
pub(crate) fn documents_and_entries_agree(store: &Store, vault: &Path) {
    let mut logged = BTreeSet::new();
    let entries = log_agrees_with_its_head(store);
    let erased: BTreeSet<SubjectId> = entries
        .iter()
        .filter(|entry| entry.what.action == Action::Erase)
        .flat_map(|entry| entry.what.subjects.clone())
        .collect();
    for entry in entries {
        if matches!(entry.what.action, Action::UploadDocument | Action::Import)
            && let Some(document) = entry.what.document
            && !entry.what.subjects.iter().any(|subject| erased.contains(subject))
        {
            assert!(logged.insert(format!("{}-{}", document.id, document.version)), "two entries for one upload");
        }
    }
    let mut files = BTreeSet::new();
    for folder in std::fs::read_dir(vault.join("documents")).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            assert!(!folder.ends_with("staging"), "something is left in staging");
            files.insert(file.unwrap().file_name().into_string().unwrap());
        }
    }
    assert_eq!(files, logged, "files and entries");
    assert_eq!(store.statistics().unwrap().documents, logged.len() as u64, "rows and entries");
}
