//! Every way in which a static copy can be tampered with is found and named.

use super::*;
use crate::note::NoteError;

/// What a fault is, without its remedy.
fn fault(copy: &Copy) -> String {
    let text = copy.verify().unwrap_err().to_string();
    text.split([';', ':']).next().unwrap().to_owned()
}

#[test]
fn sound_copies_of_all_sizes_verify() {
    for size in [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 66_000] {
        let copy = Copy::of(&log(size));
        let report = copy.verify().unwrap();
        assert_eq!(report.head, head_of(&log(size)));
        assert_eq!(report.files, copy.0.len() as u64);
    }
}

#[test]
fn every_flipped_byte_of_a_copy_is_found_where_it_is() {
    let copy = Copy::of(&log(270));
    for (path, bytes) in &copy.0 {
        for at in 0..bytes.len() {
            let mut tampered = copy.clone();
            tampered.file(path)[at] ^= 1 << (at % 8);
            let found = tampered.verify().unwrap_err();
            let right = match (path.as_str(), &found) {
                ("checkpoint", LogFault::Head(_)) => true,
                (path, LogFault::Changed { index } | LogFault::Bundle { index, .. }) => {
                    Some(*index) == entry_at(path, bytes, at)
                }
                (path, LogFault::HashTile { path: found }) => found.to_string() == path,
                _ => false,
            };
            assert!(right, "byte {at} of {path}: {found}");
        }
    }
}

/// The index of the entry, its length included, at an offset of a bundle.
fn entry_at(path: &str, bundle: &[u8], offset: usize) -> Option<u64> {
    let (first, entries) = match path {
        "tile/entries/000" => (0, 256),
        "tile/entries/001.p/14" => (256, 14),
        _ => return None,
    };
    let position = (0..entries).find(|position| offset < offset_of(bundle, position + 1))?;
    Some(first + position as u64)
}

#[test]
fn every_removed_file_is_noticed() {
    let copy = Copy::of(&log(600));
    for (path, expected) in [
        ("checkpoint", "the copy has no file `checkpoint`"),
        ("tile/0/000", "the hash tile tile/0/000 is missing, cut or changed"),
        ("tile/0/002.p/88", "the hash tile tile/0/002.p/88 is missing, cut or changed"),
        ("tile/1/000.p/2", "the hash tile tile/1/000.p/2 is missing, cut or changed"),
        ("tile/entries/000", "entry 0 is missing"),
        ("tile/entries/001", "entry 256 is missing"),
        ("tile/entries/002.p/88", "the log was cut"),
    ] {
        let mut tampered = copy.clone();
        tampered.0.remove(path).unwrap();
        assert_eq!(fault(&tampered), expected);
    }
    assert_eq!(copy.0.len(), 8, "all but one file are named above");
}

#[test]
fn every_file_cut_or_lengthened_by_a_byte_is_noticed() {
    let copy = Copy::of(&log(270));
    for path in copy.0.keys() {
        let mut cut = copy.clone();
        cut.file(path).pop().unwrap();
        assert!(cut.verify().is_err(), "{path} cut");
        let mut longer = copy.clone();
        longer.file(path).push(0);
        assert!(longer.verify().is_err(), "{path} lengthened");
    }
}

#[test]
fn reordered_entries_are_named() {
    for (a, b) in [(0, 1), (3, 200), (7, 299), (298, 299)] {
        let mut entries = log(300);
        entries.swap(a, b);
        let mut copy = Copy::of(&log(300));
        copy.replace("tile/entries/", &Copy::of(&entries));
        let LogFault::Reordered { index, found_index } = copy.verify().unwrap_err() else {
            panic!("{a} and {b}");
        };
        assert_eq!((index, found_index), (a as u64, b as u64));
    }
}

#[test]
fn a_removed_entry_is_named_wherever_it_was() {
    for at in [0, 5, 255, 256, 298] {
        // Taken out of its bundle only.
        let mut from_bundle = Copy::of(&log(300));
        let path = if at < 256 { "tile/entries/000" } else { "tile/entries/001.p/44" };
        let start = offset_of(from_bundle.file(path), at % 256);
        let end = offset_of(from_bundle.file(path), at % 256 + 1);
        from_bundle.file(path).drain(start..end);
        assert!(matches!(from_bundle.verify(), Err(LogFault::Missing { index }) if index == at as u64), "{at}");

        // Taken out of the whole sequence, so that all later ones move up.
        let mut entries = log(300);
        entries.remove(at);
        let moved_up = Copy::of(&entries);
        let mut sequence = Copy::of(&log(300));
        *sequence.file("tile/entries/000") = moved_up.0["tile/entries/000"].clone();
        *sequence.file("tile/entries/001.p/44") = moved_up.0["tile/entries/001.p/43"].clone();
        assert!(matches!(sequence.verify(), Err(LogFault::Missing { index }) if index == at as u64), "{at}");
    }
}

/// Where an entry of a bundle begins.
fn offset_of(bundle: &[u8], position: usize) -> usize {
    (0..position).fold(0, |offset, _| offset + 2 + usize::from(bundle[offset + 1]))
}

#[test]
fn an_inserted_entry_is_named() {
    let mut entries = log(300);
    entries.insert(100, b"never logged".to_vec());
    entries.pop();
    let mut copy = Copy::of(&log(300));
    copy.replace("tile/entries/", &Copy::of(&entries));
    assert!(matches!(copy.verify(), Err(LogFault::Inserted { index: 100 })));
}

#[test]
fn an_entry_overwritten_with_another_one_is_named() {
    for other in [50, 99, 101, 200] {
        let mut entries = log(300);
        entries[100] = entry(other);
        let mut copy = Copy::of(&log(300));
        copy.replace("tile/entries/", &Copy::of(&entries));
        assert!(matches!(copy.verify(), Err(LogFault::Changed { index: 100 })), "{other}");
    }
}

#[test]
fn a_log_cut_at_any_place_says_how_much_is_left() {
    for have in [0, 1, 255, 256, 257, 298, 299] {
        let mut copy = Copy::of(&log(have));
        copy.replace("checkpoint", &Copy::of(&log(300)));
        match copy.verify().unwrap_err() {
            LogFault::Truncated { have: found, signed: 300 } => assert_eq!(found, have),
            other => panic!("{have}: {other}"),
        }
    }
    // Entries cut off within the last bundle.
    let mut copy = Copy::of(&log(300));
    let bundle = copy.file("tile/entries/001.p/44");
    bundle.truncate(offset_of(bundle, 40));
    assert!(matches!(copy.verify(), Err(LogFault::Truncated { have: 296, signed: 300 })));
}

#[test]
fn an_older_head_does_not_hide_the_newer_entries() {
    let newer = head_of(&log(300));
    let mut copy = Copy::of(&log(300));
    copy.replace("checkpoint", &Copy::of(&log(280)));
    assert!(matches!(copy.verify(), Err(LogFault::StaleHead { have: 300, signed: 280 })));
    // A whole older copy is sound in itself; only a head known from elsewhere tells.
    let older = Copy::of(&log(280));
    older.verify().unwrap();
    let error = verify_copy(&older, &key(), Some(ORIGIN), Some(&newer)).unwrap_err();
    let LogFault::NotAnExtension(error) = error else { panic!("{error}") };
    assert_eq!(error, NotAnExtension::Rollback { size: 280, known: 300 });
}

#[test]
fn a_copy_must_extend_the_known_head() {
    let copy = Copy::of(&log(600));
    let verify = |known: &TreeHead| match verify_copy(&copy, &key(), None, Some(known)) {
        Ok(_) => Ok(()),
        Err(LogFault::NotAnExtension(error)) => Err(error),
        Err(other) => panic!("{other}"),
    };
    for size in [0, 1, 255, 256, 300, 512, 599, 600] {
        assert_eq!(verify(&head_of(&log(size))), Ok(()), "{size}");
    }
    let mut other_past = log(300);
    other_past[20] = b"other".to_vec();
    assert_eq!(verify(&head_of(&other_past)), Err(NotAnExtension::Fork { known: 300 }));
    // Kept before a restore: of another generation, whose entries the log goes on from, or does not.
    let before = |entries: &[Vec<u8>]| TreeHead { origin: "vault.example/test/0".into(), ..head_of(entries) };
    assert_eq!(verify(&before(&log(300))), Ok(()));
    let other_log = || NotAnExtension::OtherLog { origin: ORIGIN.into(), known: "vault.example/test/0".into() };
    assert_eq!(verify(&before(&other_past)), Err(other_log()));
    assert_eq!(verify(&before(&log(601))), Err(other_log()), "entries were left behind");
}

#[test]
fn a_file_that_is_longer_than_any_is_wrong_as_far_as_it_is_read() {
    let whole = Copy::of(&log(300));
    for (path, found) in [
        ("checkpoint", "the note has no signatures"),
        ("tile/0/000", "the hash tile tile/0/000"),
        ("tile/1/000.p/1", "the hash tile tile/1/000.p/1"),
        ("tile/entries/000", "the bundle tile/entries/000 is malformed"),
    ] {
        let mut copy = whole.clone();
        copy.file(path).resize(LONGEST_FILE as usize + 1, b'x');
        let told = copy.verify().unwrap_err().to_string();
        assert!(told.starts_with(found), "{path}: {told}");
    }
    let longest = (0..256).map(|_| vec![b'x'; 65_535]).collect::<Vec<_>>();
    assert_eq!(entry_bundle(longest).unwrap().len() as u64, LONGEST_FILE);
}

#[test]
fn entries_changed_with_all_their_hashes_fail_against_the_root() {
    let mut entries = log(600);
    entries[300] = b"rewritten".to_vec();
    let rewritten = Copy::of(&entries);

    // The leaf in the tile too: the tile above it still tells where.
    let mut copy = Copy::of(&log(600));
    copy.replace("tile/entries/", &rewritten);
    copy.replace("tile/0/", &rewritten);
    assert!(matches!(copy.verify(), Err(LogFault::Root { from: 256, to: 512 })));

    // The whole tree: only the head is left to tell.
    copy.replace("tile/", &rewritten);
    assert!(matches!(copy.verify(), Err(LogFault::Root { from: 0, to: 600 })));

    // A head made by somebody else.
    let stranger = SigningKey::from_seed(KeyName::new("vault.example/test").unwrap(), &[9; 32]);
    let forged = head_of(&entries).sign(&stranger).unwrap();
    *copy.file("checkpoint") = forged.to_string().into_bytes();
    assert!(matches!(copy.verify(), Err(LogFault::Head(HeadError::Note(NoteError::NotSigned { .. })))));
}

#[test]
fn two_faults_at_once_do_not_hide_each_other() {
    // A changed entry, and a changed hash in another tile.
    let mut copy = Copy::of(&log(600));
    copy.file("tile/entries/000")[2] ^= 1;
    copy.file("tile/0/001")[0] ^= 1;
    assert_eq!(fault(&copy), "the hash tile tile/0/001 is missing, cut or changed");
    // The same in the partial tile, which no tile above covers.
    let mut copy = Copy::of(&log(600));
    copy.file("tile/entries/000")[2] ^= 1;
    copy.file("tile/0/002.p/88")[0] ^= 1;
    copy.verify().unwrap_err();
}

#[test]
fn a_copy_of_another_log_is_refused() {
    let error = verify_copy(&Copy::of(&log(3)), &key(), Some("vault.example/other"), None).unwrap_err();
    assert!(matches!(error, LogFault::Head(HeadError::Origin { .. })));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    struct Broken(Copy);
    impl CopySource for Broken {
        type Error = std::io::Error;

        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, std::io::Error> {
            match path {
                "tile/0/001.p/44" => Err(std::io::Error::other("no disk")),
                _ => Ok(self.0.0.get(path).cloned()),
            }
        }
    }
    let error = verify_copy(&Broken(Copy::of(&log(300))), &key(), None, None).unwrap_err();
    assert!(matches!(error, LogFault::Read { what, .. } if what == "tile/0/001.p/44"));
}
