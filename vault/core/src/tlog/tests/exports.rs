//! What a static copy consists of, and when none is made.

use super::*;

fn export(entries: &[Vec<u8>], head: &TreeHead) -> Result<Vec<ExportedFile>, ExportError<Infallible>> {
    Export::new(entries.iter().map(Ok), sign(head), &key(), Some(ORIGIN)).unwrap().collect()
}

#[test]
fn an_empty_log_is_a_head_only() {
    let files = export(&[], &head_of(&[])).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "checkpoint");
}

/// The copy of `docs/formats/audit-log.md`.
#[test]
fn a_small_copy_is_as_documented() {
    let files = export(&log(3), &head_of(&log(3))).unwrap();
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["tile/entries/000.p/3", "tile/0/000.p/3", "checkpoint"]);
    assert_eq!(files[0].bytes, b"\0\x0b{\"entry\":0}\0\x0b{\"entry\":1}\0\x0b{\"entry\":2}");
    let hashes: Vec<_> = log(3).iter().flat_map(|entry| *leaf_hash(entry).as_bytes()).collect();
    assert_eq!(files[1].bytes, hashes);
    assert_eq!(String::from_utf8(files[2].bytes.clone()).unwrap(), CHECKPOINT);
}

#[test]
fn a_larger_copy_has_full_and_partial_tiles_of_every_level() {
    let files = export(&log(66_000), &head_of(&log(66_000))).unwrap();
    let size_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.bytes.len());
    assert_eq!(size_of("tile/0/256"), Some(8192));
    assert_eq!(size_of("tile/0/257.p/208"), Some(208 * 32));
    assert_eq!(size_of("tile/1/000"), Some(8192));
    assert_eq!(size_of("tile/1/001.p/1"), Some(32));
    assert_eq!(size_of("tile/2/000.p/1"), Some(32));
    assert_eq!(files.iter().filter(|file| file.path.starts_with("tile/entries/")).count(), 258);
    assert_eq!(files.len(), 258 * 2 + 2 + 1 + 1);
    assert_eq!(files.last().unwrap().path, "checkpoint");
}

#[test]
fn entries_after_the_signed_head_are_left_out() {
    let head = head_of(&log(300));
    assert_eq!(export(&log(400), &head), export(&log(300), &head));
}

#[test]
fn a_log_that_is_not_the_signed_one_gets_no_checkpoint() {
    let mut changed = log(300);
    changed[7] = b"changed".to_vec();
    let mut long = log(300);
    long[299] = vec![b'x'; 65_536];
    for (entries, expected) in [
        (changed, ExportError::Root),
        (log(299), ExportError::Truncated { have: 299, signed: 300 }),
        (long, ExportError::TooLong { index: 299, length: 65_536 }),
    ] {
        let note = sign(&head_of(&log(300)));
        let mut export = Export::new(entries.iter().map(Ok::<_, Infallible>), note, &key(), None).unwrap();
        let files: Vec<_> = export.by_ref().collect();
        assert!(files.iter().flatten().all(|file| file.path != "checkpoint"));
        assert_eq!(files.last(), Some(&Err(expected)));
        assert_eq!(export.next(), None, "nothing comes after a fault");
    }
}

#[test]
fn a_head_that_is_not_believed_is_not_exported() {
    let other = SigningKey::from_seed(KeyName::new("other").unwrap(), &[2; 32]).verification_key();
    let note = sign(&head_of(&log(3)));
    let entries = log(3).into_iter().map(Ok::<_, Infallible>);
    assert!(matches!(Export::new(entries, note, &other, None), Err(HeadError::Note(_))));
}

#[test]
fn a_failing_source_names_the_entry() {
    let entries = [Ok(entry(0)), Err("disk")];
    let note = sign(&head_of(&log(3)));
    let files: Vec<_> = Export::new(entries.into_iter(), note, &key(), None).unwrap().collect();
    assert_eq!(files, [Err(ExportError::Source { index: 1, source: "disk" })]);
}
