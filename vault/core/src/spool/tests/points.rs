//! Which point is restored, and when none is.

use super::*;

#[test]
fn the_newest_point_is_the_last_manifest_and_the_newest_keyring() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    let later = spool.keyring_manifest(generation(1), None, 300_000);
    spool.add_keyring(&later);
    let point = spool.point(Wanted::Newest).unwrap();
    assert_eq!(point.main, spool.main[2]);
    assert_eq!(point.keyring, spool.keyring[3]);
    assert_eq!(point.leaves_behind, None);
}

#[test]
fn an_older_point_says_what_it_leaves_behind_and_takes_the_newest_keyring() {
    let spool = Spool::with(generation(1), None, 0, 3);
    let point = spool.point(Wanted::Exactly(generation(1), ordinal(1))).unwrap();
    assert_eq!(point.main, spool.main[0]);
    assert_eq!(point.keyring, spool.keyring[2]);
    assert_eq!(point.leaves_behind, Some(ordinal(3)));
    let absent = spool.point(Wanted::Exactly(generation(1), ordinal(4)));
    assert_eq!(absent, Err(NoPoint::NotThere { generation: generation(1), number: ordinal(4) }));
}

#[test]
fn a_restored_generation_is_the_newest() {
    let old = Spool::with(generation(2), None, 0, 3);
    let spool = Spool::with(generation(1), Some(&old), 300_000, 1).and(&old);
    let point = spool.point(Wanted::Newest).unwrap();
    assert_eq!(point.main.manifest.heading.generation, generation(1));
    assert_eq!(point.keyring.manifest.heading.generation, generation(1));
    // The old generation opens with the keyring of the new one, which came from it.
    let old_point = spool.point(Wanted::NewestOf(generation(2))).unwrap();
    assert_eq!(old_point.main, old.main[2]);
    assert_eq!(old_point.keyring.manifest.heading.generation, generation(1));
}

#[test]
fn two_vaults_that_go_on_are_not_chosen_between() {
    let old = Spool::with(generation(1), None, 0, 2);
    let (a, b) = (generation(2), generation(3));
    let twice = Spool::with(a, Some(&old), 300_000, 1).and(&Spool::with(b, Some(&old), 300_000, 1)).and(&old);
    let divided = |generations| Err(NoPoint::Faults { faults: vec![Fault::Divided { generations }] });
    assert_eq!(twice.point(Wanted::Newest), divided(vec![a, b]));
    assert_eq!(twice.point(Wanted::NewestOf(b)).unwrap().keyring.manifest.heading.generation, b);

    // The old vault was not stopped: it makes a backup after the new one began.
    let mut revived = old.clone();
    revived.capture(generation(1), None, 400_000);
    let both = Spool::with(a, Some(&old), 300_000, 1).and(&revived);
    assert_eq!(both.point(Wanted::Newest), divided(vec![a, generation(1)]));

    // Backups from before the new one began were merely not restored.
    let mut longer = old.clone();
    longer.capture(generation(1), None, 200_000);
    let lost = Spool::with(a, Some(&old), 300_000, 1).and(&longer);
    assert_eq!(lost.point(Wanted::Newest).unwrap().main.manifest.heading.generation, a);
}

#[test]
fn an_unsound_newest_manifest_is_not_passed_over() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    let last = spool.notes.iter_mut().find(|(name, _)| *name == manifest_name(Side::Main, generation(1), 3)).unwrap();
    last.1.truncate(100);
    assert_eq!(spool.point(Wanted::Newest), Err(NoPoint::NewestUnsound { generation: generation(1) }));
    let older = spool.point(Wanted::Exactly(generation(1), ordinal(2))).unwrap();
    assert_eq!(older.leaves_behind, Some(ordinal(3)));
}

#[test]
fn every_object_of_the_point_must_be_there() {
    let whole = Spool::with(generation(1), None, 0, 2);
    let point = whole.point(Wanted::Newest).unwrap();
    let needed: Vec<_> = point.main.manifest.needed().into_iter().chain(point.keyring.manifest.needed()).collect();
    assert_eq!(needed.len(), 7);
    for object in needed {
        let mut spool = whole.clone();
        spool.listing.remove(&object.name);
        let Err(NoPoint::Faults { faults }) = spool.point(Wanted::Newest) else { panic!("{:?}", object.name) };
        assert!(matches!(&faults[..], [Fault::Missing { object: path, .. }] if *path == object.name.path(&scope())));
    }
}

#[test]
fn a_keyring_that_does_not_reach_far_enough_is_refused() {
    let mut spool = Spool::with(generation(1), None, 0, 3);
    spool.remove(manifest_name(Side::Keyring, generation(1), 3));
    let Err(NoPoint::Faults { faults }) = spool.point(Wanted::Newest) else { panic!() };
    assert!(matches!(faults[..], [Fault::Keyring { needed, .. }] if needed == ordinal(3)));
    assert!(spool.point(Wanted::Exactly(generation(1), ordinal(2))).is_ok());

    spool.notes.retain(|(name, _)| name.side() == Side::Main);
    let Err(NoPoint::Faults { faults }) = spool.point(Wanted::Newest) else { panic!() };
    assert!(matches!(faults[..], [Fault::Keyring { .. }]));
    assert_eq!(Spool::default().point(Wanted::Newest), Err(NoPoint::Empty));
}

#[test]
fn messages_name_the_object_and_end_with_the_remedy() {
    let spool = Spool::with(generation(1), None, 0, 1);
    let mut without = spool.clone();
    for object in spool.main[0].manifest.needed() {
        without.listing.remove(&object.name);
    }
    let mut cut = spool;
    cut.notes[1].1.truncate(9);
    let texts = [
        without.point(Wanted::Newest).unwrap_err().to_string(),
        Spool::default().point(Wanted::Newest).unwrap_err().to_string(),
        Fault::Gap { side: Side::Main, generation: generation(1), from: ordinal(2), to: ordinal(3) }.to_string(),
        Fault::Divided { generations: vec![generation(1), generation(2)] }.to_string(),
        cut.survey().faults[0].to_string(),
    ];
    let folder = Side::Main.vault_folder(&scope());
    let texts = texts.map(|text| text.replace(&folder, "main/V").replace(&generation(1).to_string(), "G1"));
    let hash = ContentHash::of(inventory().as_bytes());
    assert_eq!(
        texts.join("\n").replace(&hash.to_string(), "HASH").replace(&generation(2).to_string(), "G2"),
        "the restore point is not complete: main/V/inventories/HASH.txt is missing, \
         main/V/G1/manifests/0000000000000001.note needs it: copy it from another destination; and 5 more\n\
         there is no backup of this vault here: check the path, the environment and the vault\n\
         main: manifests 2 to 3 of generation G1 are missing: copy them from another destination\n\
         generations G1, G2 go on side by side: stop all vaults but one, then name the generation to restore\n\
         main/V/G1/manifests/0000000000000001.note is not a sound manifest: it is not signed by the vault — \
         the note has no signatures after a last blank line; it is cut short or was never signed: \
         take the file from another copy"
    );
}

#[test]
fn two_places_together_have_what_either_has_and_the_first_one_s_where_both_do() {
    let name = |number| manifest_name(Side::Main, generation(1), number);
    let whole = Spool::with(generation(1), None, 0, 3);
    let (mut ours, mut theirs) = (whole.clone(), whole.clone());
    ours.remove(name(1));
    theirs.remove(name(3));
    let damaged = &mut theirs.notes.iter_mut().find(|(note, _)| *note == name(2)).unwrap().1;
    damaged.truncate(100);
    let both = ours.history::<MainManifest>().with(&theirs.history());
    let survey = Survey::of(&whole.listing, both, whole.history(), &scope());
    let numbers = survey.main.generation(generation(1)).unwrap().manifests().map(|signed| signed.manifest.name());
    assert_eq!(numbers.collect::<Vec<_>>(), [name(1), name(2), name(3)]);
    // Nothing is amiss in the order, and what one of them has damaged is told.
    assert!(matches!(&survey.faults[..], [Fault::Manifest { object, .. }] if *object == name(2).path(&scope())));
}
