//! Each thing that can be wrong with manifests, and the fault that names it.

use super::*;

fn note_of(spool: &mut Spool, name: ObjectName) -> &mut Vec<u8> {
    &mut spool.notes.iter_mut().find(|(note, _)| *note == name).unwrap().1
}

fn faults(spool: &Spool) -> Vec<Fault> {
    spool.survey().faults
}

/// Replaces the last main manifest by a changed one that the vault signs all the same.
fn resigned(change: impl FnOnce(&mut MainManifest)) -> Spool {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    let mut manifest = spool.main[2].manifest.clone();
    spool.remove(manifest.name());
    change(&mut manifest);
    let note = sign(&manifest, &signing_key()).unwrap();
    spool.list(&manifest, &note);
    spool
}

#[test]
fn a_whole_history_has_no_fault() {
    let old = Spool::with(generation(1), None, 0, 3);
    let spool = Spool::with(generation(2), Some(&old), 300_000, 2).and(&old);
    let survey = spool.survey();
    assert_eq!(survey.faults, []);
    assert_eq!(survey.notices, []);
    assert_eq!(survey.main.current(), Ok(Some(generation(2))));
}

#[test]
fn an_unsigned_or_foreign_manifest_is_named() {
    let name = manifest_name(Side::Main, generation(1), 2);
    let mut spool = Spool::with(generation(1), None, 0, 3);
    let note = note_of(&mut spool, name);
    *note = String::from_utf8(note.clone()).unwrap().replace("production\"", "recette\"").into_bytes();
    let faults = faults(&spool);
    // Its base of the log has no object of its own: that its place is not accounted for is no other fault.
    let [Fault::Manifest { object, cause }] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!(*object, name.path(&scope()));
    assert!(cause.contains("not signed by the vault"), "{cause}");
}

#[test]
fn a_damaged_manifest_hides_no_lost_segment_of_the_log() {
    let whole = || {
        let mut spool = Spool::with(generation(1), None, 0, 3);
        note_of(&mut spool, manifest_name(Side::Main, generation(1), 2)).truncate(9);
        spool
    };
    let gap =
        |at| Fault::ChainGap { chain: Chain::Audit, generation: generation(1), from: ordinal(at), to: ordinal(at) };
    let gaps = |spool: &Spool| -> Vec<Fault> {
        faults(spool).into_iter().filter(|fault| matches!(fault, Fault::ChainGap { .. })).collect()
    };
    assert_eq!(gaps(&whole()), []);
    // Its bases stood beside the chains: they took no place there.
    let mut beside = whole();
    beside.listing.insert(segment(2), 9000);
    assert_eq!(gaps(&beside), [gap(2)]);
    // What is after the newest base is nothing that an older manifest said.
    let mut after = whole();
    let audit = ObjectName::Segment { generation: generation(1), chain: Chain::Audit, position: ordinal(5) };
    after.listing.insert(audit, 9000);
    assert_eq!(gaps(&after), [gap(4)]);
}

#[test]
fn swapped_manifests_are_both_named() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    let (first, second) = (manifest_name(Side::Main, generation(1), 1), manifest_name(Side::Main, generation(1), 2));
    let (a, b) = (note_of(&mut spool, first).clone(), note_of(&mut spool, second).clone());
    *note_of(&mut spool, first) = b;
    *note_of(&mut spool, second) = a;
    let misplaced = |object: ObjectName, belongs: ObjectName| Fault::Misplaced {
        object: object.path(&scope()),
        belongs: belongs.path(&scope()),
    };
    assert_eq!(faults(&spool), [misplaced(first, second), misplaced(second, first)]);
}

#[test]
fn missing_manifests_are_a_gap_with_its_ends() {
    let mut spool = Spool::with(generation(1), None, 0, 6);
    for number in [2, 3, 5] {
        spool.remove(manifest_name(Side::Keyring, generation(1), number));
    }
    let gap =
        |from, to| Fault::Gap { side: Side::Keyring, generation: generation(1), from: ordinal(from), to: ordinal(to) };
    assert_eq!(faults(&spool), [gap(2, 3), gap(5, 5)]);
}

#[test]
fn a_gap_at_the_start_is_one_unless_retention_says_otherwise() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    spool.remove(manifest_name(Side::Main, generation(1), 1));
    let from_1 = Fault::Gap { side: Side::Main, generation: generation(1), from: ordinal(1), to: ordinal(1) };
    assert_eq!(faults(&spool), [from_1]);

    let mut spool = resigned(|manifest| manifest.heading.retained_from = ordinal(2));
    spool.remove(manifest_name(Side::Main, generation(1), 1));
    assert_eq!(faults(&spool), []);
}

#[test]
fn another_history_is_a_fork() {
    let fork = |what| Fault::Fork { object: manifest_name(Side::Main, generation(1), 3).path(&scope()), what };
    let previous = resigned(|m| m.heading.previous = Some(ContentHash::of(b"another")));
    assert_eq!(faults(&previous), [fork("the manifest before it is another")]);
    let chain = resigned(|m| m.chains.vault.base.previous = Some(ContentHash::of(b"another")));
    assert_eq!(faults(&chain), [fork("the object before its base is another")]);
    let origin = format!("coffre.example/production/{}", generation(1));
    let root = resigned(|m| m.audit_head = head(&origin, 200, 9));
    assert_eq!(faults(&root), [fork("the audit log has another root at the same size")]);
    let parent = Spool::with(generation(9), None, 0, 1);
    let parent = resigned(|m| m.heading.parent = Some(parent.main[0].as_parent()));
    assert!(faults(&parent).contains(&Fault::Fork {
        object: manifest_name(Side::Main, generation(1), 1).path(&scope()),
        what: "another parent than the newest manifest of its generation names",
    }));
}

#[test]
fn what_only_grows_must_not_shrink() {
    let backwards =
        |what| [Fault::Backwards { object: manifest_name(Side::Main, generation(1), 3).path(&scope()), what }];
    let origin = format!("coffre.example/production/{}", generation(1));
    assert_eq!(faults(&resigned(|m| m.heading.time = time(0))), backwards("time"));
    assert_eq!(faults(&resigned(|m| m.audit_head = head(&origin, 199, 3))), backwards("size of the audit log"));
    assert_eq!(faults(&resigned(|m| m.audit_head = head("another", 300, 3))), backwards("origin of the audit log"));
    let earlier = resigned(|m| m.chains.vault = base(Place::FIRST, "vault again"));
    assert!(faults(&earlier).contains(&backwards("position in a chain")[0]));
}

#[test]
fn positions_that_nobody_accounts_for_are_a_gap_in_the_chain() {
    let mut gap = resigned(|m| {
        m.chains.audit = base(Place { position: ordinal(6), previous: Some(ContentHash::of(b"x")) }, "audit 6");
    });
    let stale = ObjectName::Base { generation: generation(1), chain: Chain::Audit, position: ordinal(3) };
    gap.listing.remove(&stale);
    let expected = Fault::ChainGap { chain: Chain::Audit, generation: generation(1), from: ordinal(3), to: ordinal(5) };
    assert_eq!(faults(&gap), [expected]);
}

/// A base that stands beside a chain, at the place of its last segment.
fn beside(position: u64, segment: &str, text: &str) -> Reach {
    let (position, sha256) = (ordinal(position), ContentHash::of(segment.as_bytes()));
    let reach = base(Place { position, previous: Some(sha256) }, text);
    Reach { last: Link { position, sha256 }, ..reach }
}

fn segment(position: u64) -> ObjectName {
    ObjectName::Segment { generation: generation(1), chain: Chain::Vault, position: ordinal(position) }
}

#[test]
fn a_chain_goes_on_beside_a_base_and_all_of_it_has_to_be_there() {
    let mut spool = resigned(|m| m.chains.vault = beside(4, "segment 4", "vault 4"));
    let stale = ObjectName::Base { generation: generation(1), chain: Chain::Vault, position: ordinal(3) };
    spool.listing.remove(&stale);
    let gap = |from, to| Fault::ChainGap {
        chain: Chain::Vault,
        generation: generation(1),
        from: ordinal(from),
        to: ordinal(to),
    };
    // The base takes no segment's place.
    spool.listing.extend([(segment(3), 9000), (segment(5), 9000)]);
    assert_eq!(faults(&spool), [gap(4, 4)]);
    spool.listing.remove(&segment(5));
    assert_eq!(faults(&spool), [gap(4, 4)], "what leads up to the newest base, with nothing after it");
    spool.listing.remove(&segment(3));
    assert_eq!(faults(&spool), [gap(3, 4)]);
    spool.listing.extend([(segment(3), 9000), (segment(4), 9000), (segment(5), 9000)]);
    assert_eq!(faults(&spool), []);
    assert_eq!(spool.survey().notices, []);
    let after: Vec<_> = segments_after(&spool.listing, generation(1), Chain::Vault, ordinal(2)).collect();
    assert_eq!(after, [(ordinal(3), 9000), (ordinal(4), 9000), (ordinal(5), 9000)]);
    let continued = spool.survey().continued(generation(1), Chain::Vault, ordinal(4));
    assert_eq!(continued, Some(ContentHash::of(b"segment 4")));
    // Once nothing older is promised, nothing has to lead up to it.
    let mut spool = resigned(|m| {
        m.chains.vault = beside(4, "segment 4", "vault 4");
        m.heading.retained_from = ordinal(3);
    });
    spool.listing.insert(segment(5), 9000);
    assert!(!faults(&spool).iter().any(|fault| matches!(fault, Fault::ChainGap { chain: Chain::Vault, .. })));
}

#[test]
fn a_segment_at_the_place_of_a_base_in_the_chain_is_a_fork() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    spool.listing.insert(segment(3), 9000);
    let what = "a base backup stands at its position";
    assert_eq!(faults(&spool), [Fault::Fork { object: segment(3).path(&scope()), what }]);
}

#[test]
fn a_manifest_that_contradicts_itself_is_not_signed() {
    let spool = Spool::with(generation(1), None, 0, 2);
    let wrong = |change: fn(&mut MainManifest)| {
        let mut manifest = spool.main[1].manifest.clone();
        change(&mut manifest);
        sign(&manifest, &signing_key()).unwrap_err()
    };
    let contradicts = |change| assert!(matches!(wrong(change), ManifestError::Contradiction { .. }));
    contradicts(|m| m.heading.previous = None);
    contradicts(|m| m.heading.retained_from = ordinal(3));
    contradicts(|m| m.chains.vault.base.page_count = 3);
    contradicts(|m| m.chains.vault.base.previous = None);
    contradicts(|m| m.chains.audit.base.pieces.as_mut().unwrap().size = 0);
    contradicts(|m| m.chains.audit.base.pieces.as_mut().unwrap().size = 4_095);
    contradicts(|m| m.chains.audit.base.pieces.as_mut().unwrap().sha256.truncate(1));
    contradicts(|m| m.chains.audit.base.pieces.as_mut().unwrap().sha256.reverse());
    // The vault's and the keyring's are one object each: copies of the keyring expire, and pieces are shared.
    contradicts(|m| m.chains.vault.base.pieces = m.chains.audit.base.pieces.clone());
    contradicts(|m| m.chains.vault.last.position = ordinal(1));
    contradicts(|m| m.chains.vault.last.sha256 = ContentHash::of(b"no segment that it names"));
    assert!(matches!(
        wrong(|m| m.chains.vault.last.position = ordinal(9)),
        ManifestError::Segments { chain: Chain::Vault }
    ));
    assert!(matches!(wrong(|m| m.audit_head = "no head".into()), ManifestError::Head(_)));
}

#[test]
fn missing_short_and_unclaimed_objects_are_named() {
    let mut spool = Spool::with(generation(1), None, 0, 2);
    let base =
        |position| ObjectName::Base { generation: generation(1), chain: Chain::Vault, position: ordinal(position) };
    spool.listing.remove(&base(1));
    spool.listing.insert(base(2), 8191);
    spool.listing.insert(base(3), 8192);
    let survey = spool.survey();
    let path = |position| base(position).path(&scope());
    let needed_by = manifest_name(Side::Main, generation(1), 1).path(&scope());
    assert_eq!(
        survey.faults,
        [
            Fault::Missing { object: path(1), needed_by },
            Fault::WrongSize { object: path(2), expected: 8192, found: 8191 }
        ]
    );
    assert_eq!(survey.notices, [Notice::Unclaimed { object: path(3) }]);
}

#[test]
fn a_piece_that_bases_have_in_common_is_named_once_and_one_that_none_names_is_told() {
    let mut spool = Spool::with(generation(1), None, 0, 2);
    let piece = |text: &str| ObjectName::Piece(ContentHash::of(text.as_bytes()));
    let shared = piece(&format!("first {}", generation(1)));
    spool.listing.remove(&shared);
    spool.listing.insert(piece("left over"), 4096);
    let survey = spool.survey();
    let needed_by = manifest_name(Side::Main, generation(1), 1).path(&scope());
    assert_eq!(survey.faults, [Fault::Missing { object: shared.path(&scope()), needed_by }]);
    assert_eq!(survey.notices, [Notice::UnclaimedPieces { count: 1 }]);
    assert!(spool.point(Wanted::Newest).is_err());
}

#[test]
fn a_keyring_copy_past_its_retention_is_noticed() {
    let mut spool = Spool::with(generation(1), None, 0, 2);
    let mut third = spool.keyring_manifest(generation(1), None, 200_000);
    third.heading.retained_from = ordinal(2);
    spool.add_keyring(&third);
    let survey = spool.survey();
    assert_eq!(survey.faults, []);
    let base = ObjectName::Base { generation: generation(1), chain: Chain::Keyring, position: ordinal(1) };
    let expired = |name: ObjectName| Notice::Expired { object: name.path(&scope()) };
    assert_eq!(survey.notices, [expired(base), expired(manifest_name(Side::Keyring, generation(1), 1))]);
    // What should be gone may be, and must be right where it is not.
    let size = spool.listing.insert(base, 1).unwrap();
    let object = base.path(&scope());
    assert_eq!(spool.survey().faults, [Fault::WrongSize { object, expected: size, found: 1 }]);
    spool.listing.remove(&base);
    assert_eq!(spool.survey().faults, []);
}

#[test]
fn removed_or_replaced_newest_manifests_are_found_by_what_was_known() {
    let spool = Spool::with(generation(1), None, 0, 3);
    let compare = |spool: &Spool, known| spool.survey().compare_with_known(Side::Main, known, &scope());
    let (second, third) = (Known::of(&spool.main[1]), Known::of(&spool.main[2]));
    assert_eq!(compare(&spool, &second), None);
    assert_eq!(compare(&spool, &third), None);

    let older = Spool::with(generation(1), None, 0, 2);
    let path = |number| manifest_name(Side::Main, generation(1), number).path(&scope());
    assert_eq!(compare(&older, &third), Some(Fault::Rollback { known: path(3), found: path(2) }));
    assert_eq!(compare(&Spool::default(), &third), Some(Fault::Rollback { known: path(3), found: "none".into() }));

    let other = Spool::with(generation(1), None, 7, 3);
    let what = "another manifest was here before";
    assert_eq!(compare(&other, &second), Some(Fault::Fork { object: path(2), what }));
}
