//! Whatever is done to a stored backup is found, and named.

use std::fs;
use std::path::Path;

use coffre_backup::destination::FileSystem;
use coffre_backup::ship::KnownPoint;
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_backup::{Cancelled, Observer, Progress, Sources};
use coffre_core::spool::{Fault, Notice, Pinned};

use super::vault::Vault;

fn verified_at(root: &Path, pinned: &Pinned, known: &KnownPoint, depth: Depth) -> Verified {
    let place = FileSystem::new(root);
    verify(&Sources::both(&place), pinned, known, depth, &mut ()).unwrap()
}

fn faults_of(vault: &Vault, known: &KnownPoint) -> Vec<Fault> {
    verified_at(&vault.spool(), &vault.pinned(), known, Depth::Whole).faults
}

fn known(vault: &Vault) -> KnownPoint {
    verified_at(&vault.spool(), &vault.pinned(), &KnownPoint::default(), Depth::Listed).newest
}

/// Whether a fault's text names a path.
fn names(faults: &[Fault], path: &str) -> bool {
    faults.iter().any(|fault| fault.to_string().contains(path))
}

#[test]
fn a_whole_spool_has_no_fault() {
    let mut vault = Vault::captured(2);
    vault.add_document(4, 1);
    vault.capture();
    for depth in [Depth::Listed, Depth::Whole] {
        let verified = verified_at(&vault.spool(), &vault.pinned(), &known(&vault), depth);
        assert_eq!((verified.faults, verified.notices), (vec![], vec![]));
        assert_eq!(verified.points, 3);
        assert_eq!(verified.newest_point.unwrap().1.get(), 3);
        assert_eq!(verified.objects, Vault::files(&vault.spool()).len() as u64);
        let total: u64 =
            Vault::files(&vault.spool()).iter().map(|file| vault.spool().join(file).metadata().unwrap().len()).sum();
        if depth == Depth::Whole {
            // Two inventories are read as lists.
            assert!(verified.bytes > total * 9 / 10, "{} of {total}", verified.bytes);
        }
    }
}

#[test]
fn a_flipped_byte_in_any_object_is_found_and_named() {
    let vault = Vault::captured(2);
    let files = Vault::files(&vault.spool());
    assert_eq!(files.len(), 2 * (4 + 3) + 3 + 3, "bases, manifests, pieces, documents, inventory, keys, recovery");
    for file in &files {
        let path = vault.spool().join(file);
        let good = fs::read(&path).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            let faults = faults_of(&vault, &KnownPoint::default());
            assert!(names(&faults, file), "byte {at} of {file}: {faults:?}");
        }
        fs::write(&path, good).unwrap();
    }
    assert_eq!(faults_of(&vault, &KnownPoint::default()), []);
}

#[test]
fn a_keyring_that_should_be_gone_is_right_while_it_is_there() {
    let mut vault = Vault::captured(1);
    vault.keep(1);
    let former = Vault::files(&vault.spool()).into_iter().filter(|file| file.starts_with("keyring/"));
    let former: Vec<_> =
        former.map(|file| (vault.spool().join(&file), fs::read(vault.spool().join(file)).unwrap())).collect();
    vault.capture();
    // The vault removed it; a destination has it for longer.
    for (path, bytes) in &former {
        fs::write(path, bytes).unwrap();
    }
    let verified = verified_at(&vault.spool(), &vault.pinned(), &KnownPoint::default(), Depth::Whole);
    let expired = |notice: &Notice| match notice {
        Notice::Expired { object } if object.rsplit_once('.').is_some_and(|(_, kind)| kind == "base") => {
            Some(object.clone())
        }
        _ => None,
    };
    let expired: Vec<String> = verified.notices.iter().filter_map(expired).collect();
    assert_eq!((verified.faults, expired.len()), (vec![], 1));
    let path = vault.spool().join(&expired[0]);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&path, bad).unwrap();
    assert!(names(&faults_of(&vault, &KnownPoint::default()), &expired[0]));
    fs::write(&path, &good[1..]).unwrap();
    assert!(names(&faults_of(&vault, &KnownPoint::default()), &expired[0]));
    fs::remove_file(&path).unwrap();
    assert_eq!(faults_of(&vault, &KnownPoint::default()), [], "it may be gone");
}

#[test]
fn a_removed_shortened_or_lengthened_object_is_found() {
    let vault = Vault::captured(3);
    let known = known(&vault);
    for file in Vault::files(&vault.spool()) {
        let path = vault.spool().join(&file);
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let faults = faults_of(&vault, &known);
        assert!(!faults.is_empty(), "removed {file}");
        if !file.contains("/manifests/") {
            assert!(names(&faults, &file), "removed {file}: {faults:?}");
        }
        for length in [good.len() - 1, good.len() + 1] {
            let mut bad = good.clone();
            bad.resize(length, 0);
            fs::write(&path, bad).unwrap();
            let faults = faults_of(&vault, &known);
            assert!(names(&faults, &file), "{file} with {length} bytes: {faults:?}");
        }
        fs::write(&path, good).unwrap();
    }
    assert_eq!(faults_of(&vault, &known), []);
}

#[test]
fn any_two_objects_in_each_others_place_are_found() {
    let vault = Vault::captured(2);
    let files = Vault::files(&vault.spool());
    for (index, one) in files.iter().enumerate() {
        for other in &files[index + 1..] {
            let paths = [vault.spool().join(one), vault.spool().join(other)];
            let [a, b] = paths.clone().map(|path| fs::read(path).unwrap());
            fs::write(&paths[0], &b).unwrap();
            fs::write(&paths[1], &a).unwrap();
            let faults = faults_of(&vault, &KnownPoint::default());
            // What only an unsound list names has nobody left who says what it should be.
            let both = names(&faults, one) && names(&faults, other);
            let is_list = |file: &&&String| file.contains("/manifests/") || file.contains("/inventories/");
            let list = [one, other].iter().find(is_list).is_some_and(|file| names(&faults, file));
            assert!(both || list, "{one} and {other}: {faults:?}");
            fs::write(&paths[0], &a).unwrap();
            fs::write(&paths[1], &b).unwrap();
        }
    }
}

#[test]
fn an_older_authentic_object_in_the_place_of_a_newer_is_found() {
    let mut vault = Vault::captured(1);
    vault.add_document(1, 2);
    vault.capture();
    let files = Vault::files(&vault.spool());
    let mut replaced = 0;
    for newer in files.iter().filter(|file| file.contains("0000000000000002.")) {
        let older = newer.replace("0000000000000002.", "0000000000000001.");
        let path = vault.spool().join(newer);
        let good = fs::read(&path).unwrap();
        fs::copy(vault.spool().join(older), &path).unwrap();
        let faults = faults_of(&vault, &KnownPoint::default());
        assert!(names(&faults, newer), "{newer}: {faults:?}");
        fs::write(&path, good).unwrap();
        replaced += 1;
    }
    assert_eq!(replaced, 4);
}

/// The most careful attacker restores an older state of the whole folder.
#[test]
fn an_older_state_of_everything_is_found_by_what_was_known() {
    let mut vault = Vault::captured(2);
    let before: Vec<String> = Vault::files(&vault.spool());
    vault.capture();
    let known = known(&vault);
    for file in Vault::files(&vault.spool()).iter().filter(|file| !before.contains(file)) {
        fs::remove_file(vault.spool().join(file)).unwrap();
    }
    assert_eq!(faults_of(&vault, &KnownPoint::default()), []);
    let faults = faults_of(&vault, &known);
    assert!(matches!(faults[..], [Fault::Rollback { .. }, Fault::Rollback { .. }]), "{faults:?}");
}

#[test]
fn listing_alone_finds_what_names_and_sizes_show() {
    let vault = Vault::captured(1);
    let document = Vault::files(&vault.spool()).into_iter().find(|file| file.contains("/documents/")).unwrap();
    let path = vault.spool().join(&document);
    let mut bytes = fs::read(&path).unwrap();
    let listed =
        |vault: &Vault| verified_at(&vault.spool(), &vault.pinned(), &KnownPoint::default(), Depth::Listed).faults;
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(listed(&vault), []);
    fs::write(&path, &bytes[1..]).unwrap();
    assert!(matches!(&listed(&vault)[..], [Fault::WrongSize { object, .. }] if *object == document));
    fs::remove_file(&path).unwrap();
    assert!(matches!(&listed(&vault)[..], [Fault::Missing { object, .. }] if *object == document));
}

#[test]
fn a_damaged_inventory_is_named_however_it_is_read() {
    let vault = Vault::captured(1);
    let inventory = Vault::files(&vault.spool()).into_iter().find(|file| file.contains("/inventories/")).unwrap();
    let path = vault.spool().join(&inventory);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('1', "2", 1)).unwrap();
    for depth in [Depth::Listed, Depth::Whole] {
        let faults = verified_at(&vault.spool(), &vault.pinned(), &KnownPoint::default(), depth).faults;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(names(&faults, &inventory), "{faults:?}");
    }
}

#[test]
fn what_is_in_no_manifest_is_noticed_and_no_fault() {
    let vault = Vault::captured(1);
    let folder = Vault::files(&vault.spool())[0].split('/').take(2).collect::<Vec<_>>().join("/");
    let put = |path: &str| {
        let path = vault.spool().join(&folder).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    };
    let generation = vault.generation;
    let unclaimed = format!("{generation}/keyring/0000000000000009.base");
    put(&unclaimed);
    put("Thumbs.db");
    put("strange/file");
    put(&format!("{generation}/notes.txt"));
    let verified = verified_at(&vault.spool(), &vault.pinned(), &KnownPoint::default(), Depth::Whole);
    assert_eq!(verified.faults, []);
    let paths: Vec<_> = verified
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::Unknown { path } => ("unknown", path.strip_prefix(&folder).unwrap()),
            Notice::Unclaimed { object } => ("unclaimed", object.strip_prefix(&folder).unwrap()),
            Notice::UnclaimedPieces { .. } => ("unclaimed", "pieces"),
            Notice::Expired { object } => ("expired", object.as_str()),
        })
        .collect();
    let expected_unclaimed = format!("/{unclaimed}");
    let expected_notes = format!("/{generation}/notes.txt");
    assert_eq!(paths.len(), 4, "{paths:?}");
    for expected in [
        ("unknown", "/Thumbs.db"),
        ("unknown", "/strange"),
        ("unknown", expected_notes.as_str()),
        ("unclaimed", expected_unclaimed.as_str()),
    ] {
        assert!(paths.contains(&expected), "{expected:?} in {paths:?}");
    }
}

#[test]
fn nothing_of_another_vault_or_key_is_believed() {
    let vault = Vault::captured(1);
    let mut pinned = vault.pinned();
    pinned.scope.environment = "recette".parse().unwrap();
    let verified = verified_at(&vault.spool(), &pinned, &KnownPoint::default(), Depth::Whole);
    assert_eq!((verified.points, verified.newest_point), (0, None));

    let mut pinned = vault.pinned();
    pinned.key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let verified = verified_at(&vault.spool(), &pinned, &KnownPoint::default(), Depth::Whole);
    assert_eq!((verified.points, verified.newest_point), (0, None));
    assert!(verified.faults.iter().all(|fault| fault.to_string().contains("not signed by")), "{:?}", verified.faults);
}

#[test]
fn one_side_alone_can_be_verified() {
    let vault = Vault::captured(2);
    let place = vault.source();
    let sources = Sources { keyring: None, ..Sources::both(&place) };
    let verified = verify(&sources, &vault.pinned(), &known(&vault), Depth::Whole, &mut ()).unwrap();
    assert_eq!((verified.faults, verified.points), (vec![], 2));
    assert_eq!(verified.newest.keyring, None);
}

/// Counts the bytes it is told of, and stops after as many.
struct Until(u64, u64);

impl Observer for Until {
    fn progress(&mut self, progress: Progress) {
        self.0 = progress.done;
        assert!(progress.total == 0 || progress.done <= progress.total, "{progress:?}");
    }

    fn cancelled(&self) -> bool {
        self.0 > self.1
    }
}

#[test]
fn it_shows_progress_and_stops_when_asked() {
    let vault = Vault::captured(2);
    let place = vault.source();
    let run = |observer: &mut Until| {
        verify(&Sources::both(&place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, observer)
    };
    let mut all = Until(0, u64::MAX);
    run(&mut all).unwrap();
    assert!(all.0 > 100_000);
    let stopped = run(&mut Until(0, 50_000)).unwrap_err();
    assert_eq!(stopped.to_string(), Cancelled.to_string());
}
