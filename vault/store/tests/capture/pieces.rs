//! The base of the log is in pieces: what did not change since the base before is stored once, and goes with the last base
//! that has it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use coffre_core::audit::{Action, Draft};
use coffre_core::spool::{Chain, ContentHash, MainManifest, Manifest, Needed, ObjectName, Ordinal, Side, Signed};
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::{CaptureError, CaptureOptions, Depends, Disclosure, Identity, Store, finish_restore};

use crate::support::{create, draft, make, open, read, sample};
use crate::{KEEP, manifest, place};

/// Makes the log longer by so many entries of some two kilobytes.
fn lengthen(store: &Store, entries: u32) {
    let entry = || {
        let draft = Draft { operator: Some("x".repeat(2_000)), ..draft(Action::Search) };
        store.disclose(Disclosure { draft, reason: None, claims: Vec::new(), depends: Depends::default() })
    };
    let under_way: Vec<_> = (0..entries).map(|_| entry()).collect();
    for entry in under_way {
        entry.wait().unwrap();
    }
}

/// The pieces of a base, which must be all there and be its bytes.
fn pieces(spool: &Path, store: &Store, number: u64) -> Vec<ContentHash> {
    let signed: Signed<MainManifest> = manifest(spool, store, number);
    let base = &signed.manifest.chains.audit.base;
    let objects = base.objects(store.generation(), Chain::Audit);
    let read = |object: &Needed| {
        let bytes = fs::read(spool.join(object.name.path(store.scope()))).unwrap();
        assert_eq!((bytes.len() as u64, ContentHash::of(&bytes)), (object.size, object.sha256));
        bytes
    };
    assert_eq!(objects.iter().map(|object| read(object).len() as u64).sum::<u64>(), base.size);
    objects.iter().map(|object| object.sha256).collect()
}

/// What is in the spool's folder of pieces.
fn stored(spool: &Path, store: &Store) -> BTreeSet<String> {
    let folder = spool.join(Side::Main.vault_folder(store.scope())).join("pieces");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn names<'p>(pieces: impl IntoIterator<Item = &'p ContentHash>) -> BTreeSet<String> {
    pieces.into_iter().map(|sha256| format!("{sha256}.pages")).collect()
}

#[test]
fn bases_of_a_long_log_have_what_did_not_change_in_common_and_restore() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    let capture = || store.capture(&spool, KEEP, "coffre test").unwrap().number;
    let subject = create(&store, 1);
    lengthen(&store, 22_000);
    let first = pieces(&spool, &store, capture());
    assert!(first.len() >= 4, "{}", first.len());
    create(&store, 2);
    let second = pieces(&spool, &store, capture());
    // The first has the file's header, and at the end is what was added.
    let (one, other): (BTreeSet<_>, BTreeSet<_>) = (first.iter().collect(), second.iter().collect());
    assert!(one.intersection(&other).count() >= first.len() - 3, "{first:?} {second:?}");
    assert_ne!((first.first(), first.last()), (second.first(), second.last()));
    assert_eq!(stored(&spool, &store), names(first.iter().chain(&second)));

    // What an interruption left goes with the next base, and so does what only a base has that goes.
    let left = ContentHash::of(b"left over");
    fs::write(spool.join(format!("{}/pieces/{left}.pages", Side::Main.vault_folder(store.scope()))), "left over")
        .unwrap();
    lengthen(&store, 1);
    let third = pieces(&spool, &store, capture());
    assert_eq!(stored(&spool, &store), names(second.iter().chain(&third)));

    let to = dir.path().join("restored/vault");
    let fetched = place(&spool, &store, 3, &to);
    drop(store);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    finish_restore(&to, &recovery, &fetched, Timestamp::from_micros(1), &mut SystemEntropy, &mut |_| ()).unwrap();
    let store = open(&dir.path().join("restored"));
    let all = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];
    assert_eq!(read(&store, subject, &all), sample(1));

    // The restored vault goes on in the same spool: pieces of the generation before stay, and are not stored twice.
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let goes_on = pieces(&spool, &store, 1);
    assert_eq!(stored(&spool, &store), names(second.iter().chain(&third).chain(&goes_on)));
    assert!(goes_on.iter().any(|piece| third.contains(piece)));
}

#[test]
fn a_piece_that_was_damaged_in_the_spool_is_stored_anew() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    let capture = || store.capture(&spool, KEEP, "coffre test").unwrap().number;
    lengthen(&store, 22_000);
    let first = pieces(&spool, &store, capture());
    // One in the middle, which does not change.
    let name = format!("{}/pieces/{}.pages", Side::Main.vault_folder(store.scope()), first[1]);
    let whole = fs::read(spool.join(&name)).unwrap();
    for damaged in [whole[..whole.len() - 1].to_vec(), [&[whole[0] ^ 1], &whole[1..]].concat()] {
        fs::write(spool.join(&name), damaged).unwrap();
        let next = pieces(&spool, &store, capture());
        assert_eq!(next[1], first[1]);
    }
}

#[test]
fn a_base_that_comes_to_nothing_leaves_no_piece_behind() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    lengthen(&store, 11_000);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let before = stored(&spool, &store);
    // In the second piece: the first is another one each time, since the log goes on.
    let file = fs::File::options().read(true).write(true).open(dir.path().join("vault/audit.db")).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 17 << 20).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 17 << 20).unwrap();
    for number in 2..5 {
        create(&store, number);
        let failed = store.capture(&spool, KEEP, "coffre test").unwrap_err();
        assert!(matches!(failed, CaptureError::Page { file: "audit.db", .. }), "{failed}");
        assert_eq!(stored(&spool, &store), before);
    }
    file.write_all_at(&byte, 17 << 20).unwrap();
    store.capture(&spool, KEEP, "coffre test").unwrap();
    assert!(pieces(&spool, &store, 2).len() > 1);
}

#[test]
fn a_base_for_many_segments_rests_on_what_was_read_and_one_that_is_asked_for_reads_everything() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    lengthen(&store, 22_000);
    store.follow(CaptureOptions { little: 1, ..CaptureOptions::new(spool.clone(), KEEP, "coffre test") }).unwrap();
    let ask = || store.capture(&spool, KEEP, "coffre test").map(|captured| captured.number);
    let number = ask().unwrap();
    let first = pieces(&spool, &store, number);
    // In the second piece, which nobody changes.
    let file = fs::File::options().read(true).write(true).open(dir.path().join("vault/audit.db")).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 17 << 20).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 17 << 20).unwrap();
    let (generation, side, next) = (store.generation(), Side::Main, Ordinal::new(number + 1).unwrap());
    let manifest = spool.join(ObjectName::Manifest { generation, side, number: next }.path(store.scope()));
    while !manifest.exists() {
        lengthen(&store, 1_000);
    }
    let second = pieces(&spool, &store, number + 1);
    assert_eq!(second[1], first[1], "as it was read");
    assert_ne!(second.last(), first.last());

    let failed = ask().unwrap_err();
    assert!(matches!(failed, CaptureError::Page { file: "audit.db", .. }), "{failed}");
    file.write_all_at(&byte, 17 << 20).unwrap();
    assert_eq!(pieces(&spool, &store, ask().unwrap())[1], first[1]);
}

#[test]
fn nothing_goes_while_a_manifest_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    let capture = || store.capture(&spool, KEEP, "coffre test").unwrap().number;
    let all: BTreeSet<String> =
        [capture(), capture()].iter().flat_map(|n| names(&pieces(&spool, &store, *n))).collect();
    let signed: Signed<MainManifest> = manifest(&spool, &store, 2);
    let damaged = spool.join(signed.manifest.name().path(store.scope()));
    let whole = fs::read(&damaged).unwrap();
    fs::write(&damaged, &whole[1..]).unwrap();
    let third = names(&pieces(&spool, &store, capture()));
    assert_eq!(stored(&spool, &store), all.union(&third).cloned().collect());
    fs::write(&damaged, &whole).unwrap();
    let fourth = names(&pieces(&spool, &store, capture()));
    assert_eq!(stored(&spool, &store), third.union(&fourth).cloned().collect());
}
