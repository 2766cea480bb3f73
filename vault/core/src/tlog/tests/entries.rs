//! Stored entries against heads.

use super::*;

fn stored(entries: &[Vec<u8>]) -> Vec<StoredEntry<Vec<u8>>> {
    let entries = entries.iter().enumerate();
    entries
        .map(|(index, leaf)| StoredEntry { index: index as u64, leaf: Some(leaf.clone()), hash: leaf_hash(leaf) })
        .collect()
}

fn verify(entries: Vec<StoredEntry<Vec<u8>>>, heads: &[TreeHead]) -> Result<EntriesReport, LogFault> {
    verify_entries(entries.into_iter().map(Ok::<_, Infallible>), heads)
}

#[test]
fn a_sound_log_gives_its_frontier() {
    let head = head_of(&log(300));
    let report = verify(stored(&log(300)), std::slice::from_ref(&head)).unwrap();
    assert_eq!(report.frontier.root(), head.root);
    assert_eq!(report.unsigned, 0);
    let report = verify(stored(&log(310)), &[head_of(&log(300)), head_of(&[]), head_of(&log(20))]).unwrap();
    assert_eq!(report.frontier.size(), 310);
    assert_eq!(report.unsigned, 10);
    assert_eq!(verify(Vec::new(), &[]).unwrap().unsigned, 0);
}

#[test]
fn every_changed_byte_of_an_entry_or_hash_names_the_entry() {
    let heads = [head_of(&log(20))];
    for index in 0..20 {
        for at in 0..entry(index).len() {
            let mut entries = stored(&log(20));
            entries[index as usize].leaf.as_mut().unwrap()[at] ^= 1;
            let found = verify(entries, &heads).unwrap_err();
            assert!(matches!(found, LogFault::Changed { index: found } if found == index));
        }
        let mut entries = stored(&log(20));
        entries[index as usize].hash = leaf_hash(b"other");
        let found = verify(entries, &heads).unwrap_err();
        assert!(matches!(found, LogFault::Changed { index: found } if found == index));
    }
}

#[test]
fn an_entry_changed_with_its_hash_lies_between_two_heads() {
    let mut changed = log(300);
    changed[120] = b"rewritten".to_vec();
    let found = verify(stored(&changed), &[head_of(&log(100)), head_of(&log(200)), head_of(&log(300))]);
    assert!(matches!(found, Err(LogFault::Root { from: 100, to: 200 })));
}

#[test]
fn missing_reordered_and_cut_entries_are_named() {
    let heads = [head_of(&log(20))];
    let mut missing = stored(&log(20));
    missing.remove(7);
    assert!(matches!(verify(missing, &heads), Err(LogFault::Missing { index: 7 })));

    let mut renumbered = log(20);
    renumbered.swap(3, 9);
    let hashes = stored(&log(20));
    let swapped_leaves = stored(&renumbered)
        .into_iter()
        .zip(hashes)
        .map(|(entry, true_one)| StoredEntry { hash: true_one.hash, ..entry })
        .collect();
    assert!(matches!(verify(swapped_leaves, &heads), Err(LogFault::Reordered { index: 3, found_index: 9 })));

    let mut repeated = stored(&log(20));
    let again = repeated[4].clone();
    repeated.insert(9, again);
    assert!(matches!(verify(repeated, &heads), Err(LogFault::Reordered { index: 9, found_index: 4 })));

    let cut = verify(stored(&log(15)), &heads);
    assert!(matches!(cut, Err(LogFault::Truncated { have: 15, signed: 20 })));
}

#[test]
fn heads_of_a_generation_before_count_as_well() {
    let of_before = |entries: &[Vec<u8>]| TreeHead { origin: "vault.example/test/0".into(), ..head_of(entries) };
    let heads = |before| [head_of(&log(20)), before];
    assert!(verify(stored(&log(20)), &heads(of_before(&log(5)))).is_ok());
    let mut other = log(5);
    other[3] = b"other".to_vec();
    let found = verify(stored(&log(20)), &heads(of_before(&other)));
    assert!(matches!(found, Err(LogFault::Root { from: 0, to: 5 })));
}

#[test]
fn two_heads_of_one_size_cannot_both_be_right() {
    let mut other = log(20);
    other[3] = b"other".to_vec();
    let found = verify(stored(&log(20)), &[head_of(&log(20)), head_of(&other)]);
    assert!(matches!(found, Err(LogFault::Root { to: 20, .. })));
}

#[test]
fn a_failing_source_names_the_entry() {
    let entries = stored(&log(5)).into_iter().map(Ok).chain([Err(std::io::Error::other("no disk"))]);
    let found = verify_entries(entries, &[]).unwrap_err();
    assert!(matches!(found, LogFault::Read { what, .. } if what == "entry 5"));
}
