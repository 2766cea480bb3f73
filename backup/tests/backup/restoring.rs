//! The blind half of a restore: every byte is the signed one, whatever happens on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use coffre_backup::restore::{LostLog, MOMENT, Plan, PlanError, RestoreError, Restored, execute, may_begin_in, plan};
use coffre_backup::{LockError, Observer, Progress, Sources};
use coffre_core::spool::{ContentHash, Fault, NoPoint, Ordinal, Wanted};

use super::vault::Vault;

pub(crate) fn planned(vault: &Vault, wanted: Wanted) -> Result<Plan, PlanError> {
    plan(&Sources::both(&vault.source()), &vault.pinned(), wanted, LostLog::Refuse, &mut ())
}

fn execute_into(vault: &Vault, directory: &Path, observer: &mut dyn Observer) -> Result<Restored, RestoreError> {
    let plan = planned(vault, Wanted::Newest).unwrap();
    execute(&plan, &Sources::both(&vault.source()), directory, observer)
}

/// What the directory must hold after a restore of the newest point.
pub(crate) fn assert_restored(vault: &Vault, directory: &Path) {
    let object = |path: &str| {
        let files = Vault::files(&vault.spool());
        let newest = files.iter().rfind(|file| file.contains(path)).unwrap();
        fs::read(vault.spool().join(newest)).unwrap()
    };
    let mut expected: Vec<(String, Vec<u8>)> = vec![
        ("audit.db".into(), vault.log()),
        ("keyring.db".into(), object("/keyring/")),
        ("keys.json".into(), object("/keys/")),
        ("root.recovery.age".into(), object("/recovery/")),
        ("vault.db".into(), object("/vault/")),
    ];
    let documents = vault.documents().iter();
    expected.extend(documents.map(|(name, bytes)| (format!("documents/{}", name.path()), bytes.clone())));
    expected.sort();
    let found: Vec<(String, Vec<u8>)> = Vault::files(directory)
        .into_iter()
        .filter(|file| !file.starts_with(".coffre"))
        .map(|file| (file.clone(), fs::read(directory.join(file)).unwrap()))
        .collect();
    assert_eq!(found, expected);
    for (file, _) in found {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory.join(&file)), 0o600, "{file}");
        for folder in Path::new(&file).ancestors().skip(1) {
            assert_eq!(mode(&directory.join(folder)), 0o700, "{}", folder.display());
        }
    }
}

fn target(vault: &Vault) -> PathBuf {
    vault.path("restored")
}

#[test]
fn a_restored_directory_holds_the_signed_bytes_for_its_owner_only() {
    let mut vault = Vault::captured(2);
    vault.add_document(2, 2);
    vault.capture();
    let plan = planned(&vault, Wanted::Newest).unwrap();
    let restored = execute(&plan, &Sources::both(&vault.source()), &target(&vault), &mut ()).unwrap();
    assert_eq!((restored.fetched, restored.found), (5 + 4, 0));
    assert_eq!((plan.files(), plan.bytes()), (restored.fetched, restored.fetched_bytes));
    assert_eq!(restored.main.manifest, vault.main[2].manifest);
    assert_eq!(restored.parents(), (vault.main[2].as_parent(), vault.keyring[2].as_parent()));
    assert_restored(&vault, &target(&vault));
    restored.finish().unwrap();
    assert_restored(&vault, &target(&vault));
    assert!(Vault::files(&target(&vault)).iter().all(|file| !file.starts_with('.')), "no trace of the restore");
}

#[test]
fn only_an_empty_directory_is_restored_into() {
    let vault = Vault::captured(1);
    may_begin_in(&target(&vault)).unwrap();
    // It is made in a folder that is there.
    let nowhere = may_begin_in(&vault.path("nowhere/restored")).unwrap_err();
    assert!(nowhere.to_string().contains("nowhere cannot be written"), "{nowhere}");
    fs::create_dir(target(&vault)).unwrap();
    may_begin_in(&target(&vault)).unwrap();
    fs::write(target(&vault).join("precious"), "x").unwrap();
    assert!(matches!(may_begin_in(&target(&vault)), Err(RestoreError::NotEmpty { .. })));
    let error = execute_into(&vault, &target(&vault), &mut ()).unwrap_err();
    assert!(matches!(error, RestoreError::NotEmpty { .. }), "{error}");
    assert_eq!(Vault::files(&target(&vault)), ["precious"]);
    // A finished restore is a vault, and no restore to go on with.
    fs::remove_file(target(&vault).join("precious")).unwrap();
    let restored = execute_into(&vault, &target(&vault), &mut ()).unwrap();
    may_begin_in(&target(&vault)).unwrap();
    restored.finish().unwrap();
    assert!(matches!(execute_into(&vault, &target(&vault), &mut ()), Err(RestoreError::NotEmpty { .. })));
}

#[test]
fn a_directory_belongs_to_one_point_and_one_process() {
    let mut vault = Vault::captured(1);
    let held = execute_into(&vault, &target(&vault), &mut ()).unwrap();
    let busy = execute_into(&vault, &target(&vault), &mut ()).unwrap_err();
    assert!(matches!(busy, RestoreError::Lock(LockError::Held { .. })), "{busy}");
    drop(held);
    vault.capture();
    let other = execute_into(&vault, &target(&vault), &mut ()).unwrap_err();
    assert!(matches!(other, RestoreError::OtherPoint { .. }), "{other}");
}

/// Stops after some bytes.
struct StopAfter {
    bytes: u64,
    first: Option<u64>,
    stop: bool,
}

impl Observer for StopAfter {
    fn progress(&mut self, progress: Progress) {
        let first = *self.first.get_or_insert(progress.done);
        self.stop = progress.done.max(first) - first >= self.bytes;
        assert!(progress.total == 0 || progress.done <= progress.total, "{progress:?}");
    }

    fn cancelled(&self) -> bool {
        self.stop
    }
}

#[test]
fn it_is_taken_up_wherever_it_was_broken_off() {
    let vault = Vault::captured(1);
    let total = planned(&vault, Wanted::Newest).unwrap().bytes();
    for bytes in (500..total).step_by(3_000) {
        let directory = vault.path(&format!("restored-{bytes}"));
        let stopped = execute_into(&vault, &directory, &mut StopAfter { bytes, first: None, stop: false });
        assert!(matches!(stopped, Err(RestoreError::Cancelled(_))), "{stopped:?}");
        let restored = execute_into(&vault, &directory, &mut ()).unwrap();
        assert_eq!(restored.fetched + restored.found, 8);
        assert!(restored.found > 0 || bytes < 33_000, "after {bytes} bytes nothing was found in place");
        assert_restored(&vault, &directory);
    }
}

#[test]
fn files_that_a_power_cut_tore_are_fetched_again() {
    let vault = Vault::captured(1);
    drop(execute_into(&vault, &target(&vault), &mut ()).unwrap());
    let files: Vec<String> =
        Vault::files(&target(&vault)).into_iter().filter(|file| !file.starts_with(".coffre")).collect();
    for file in &files {
        let path = target(&vault).join(file);
        let good = fs::read(&path).unwrap();
        for torn in [Vec::new(), vec![0; good.len()], good[..good.len() / 2].to_vec(), [&good[..], b"x"].concat()] {
            fs::write(&path, torn).unwrap();
            let restored = execute_into(&vault, &target(&vault), &mut ()).unwrap();
            assert_eq!((restored.fetched, restored.found), (1, 7), "{file}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(execute_into(&vault, &target(&vault), &mut ()).unwrap().fetched, 1, "{file}");
    }
    assert_restored(&vault, &target(&vault));
}

#[test]
fn what_a_vault_opened_too_early_left_is_not_applied() {
    let vault = Vault::captured(1);
    drop(execute_into(&vault, &target(&vault), &mut ()).unwrap());
    for name in ["vault.db-wal", "vault.db-shm", "audit.db-wal", ".coffre-incoming/file"] {
        fs::write(target(&vault).join(name), "left over").unwrap();
    }
    drop(execute_into(&vault, &target(&vault), &mut ()).unwrap());
    assert_restored(&vault, &target(&vault));
}

#[test]
fn a_damaged_object_is_named_and_never_put_in_place() {
    let vault = Vault::captured(1);
    for (number, file) in Vault::files(&vault.spool()).into_iter().enumerate() {
        let path = vault.spool().join(&file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(&path, &bad).unwrap();
        let directory = vault.path(&format!("restored-{number}"));
        let text = match planned(&vault, Wanted::Newest) {
            Err(error) => error.to_string(),
            Ok(plan) => {
                let error = execute(&plan, &Sources::both(&vault.source()), &directory, &mut ()).unwrap_err();
                assert!(matches!(error, RestoreError::Fault { .. }), "{error}");
                error.to_string()
            }
        };
        if !file.contains("/manifests/") {
            assert!(text.contains(&file), "{file}: {text}");
        }
        let placed = if directory.exists() { Vault::files(&directory) } else { Vec::new() };
        let holds_bad = |file: &String| !file.starts_with('.') && fs::read(directory.join(file)).unwrap() == bad;
        assert!(!placed.iter().any(holds_bad), "{file}");
        fs::write(&path, good).unwrap();
        if directory.exists() {
            execute_into(&vault, &directory, &mut ()).unwrap();
            assert_restored(&vault, &directory);
        }
    }
}

#[test]
fn a_plan_is_refused_before_anything_is_fetched() {
    let vault = Vault::captured(1);
    for file in Vault::files(&vault.spool()) {
        let path = vault.spool().join(&file);
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(planned(&vault, Wanted::Newest).is_err(), "without {file}");
        if file.contains("/documents/") {
            fs::write(&path, "short").unwrap();
            let error = planned(&vault, Wanted::Newest).unwrap_err();
            let PlanError::Documents { count: 1, first: Fault::WrongSize { object, .. } } = &error else {
                panic!("{error}")
            };
            assert_eq!(*object, file);
        }
        fs::write(&path, good).unwrap();
    }
    assert!(planned(&vault, Wanted::Newest).is_ok());
    let empty = Vault::new();
    assert!(matches!(planned(&empty, Wanted::Newest), Err(PlanError::NoPoint(NoPoint::Empty))));
}

#[test]
fn an_older_point_brings_its_records_and_the_newest_of_everything_else() {
    let vault = Vault::captured(3);
    let plan = planned(&vault, Wanted::Exactly(vault.generation, Ordinal::FIRST)).unwrap();
    let first = &vault.main[0].manifest;
    assert_eq!((plan.captured, plan.next), (first.heading.time, Some(vault.main[1].manifest.heading.time)));
    assert_eq!((plan.newest, plan.point.leaves_behind), (vault.now, None));
    let restored = execute(&plan, &Sources::both(&vault.source()), &target(&vault), &mut ()).unwrap();
    assert_eq!(restored.main.manifest, vault.main[2].manifest);
    assert_eq!(restored.keyring.manifest, vault.keyring[2].manifest);
    let rewound = restored.rewound.as_ref().unwrap();
    assert_eq!((rewound.base, &rewound.audit_head), ((vault.generation, 1), &first.audit_head));
    let moment = fs::read(target(&vault).join(MOMENT)).unwrap();
    assert_eq!(ContentHash::of(&moment), first.chains.vault.base.sha256);
    drop(restored);

    // The newest, asked for by its number, is nothing that anything is set back to; what another run left goes.
    let newest = planned(&vault, Wanted::Exactly(vault.generation, Ordinal::new(3).unwrap())).unwrap();
    assert_eq!((newest.rewound.as_ref(), newest.captured), (None, vault.now));
    drop(execute(&newest, &Sources::both(&vault.source()), &target(&vault), &mut ()).unwrap());
    assert!(!target(&vault).join(MOMENT).exists());
    assert_restored(&vault, &target(&vault));
}

#[test]
fn of_a_generation_that_is_named_the_newest_is_restored_whole() {
    let old = Vault::captured(2);
    let (mut one, mut other) = (old.restored(2), old.restored(3));
    one.capture();
    one.commit(None);
    other.capture();
    let place = old.destination("both");
    let add = |vault: &Vault| {
        for file in Vault::files(&vault.spool()) {
            let to = place.root().join(&file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(vault.spool().join(file), to).unwrap();
        }
    };
    let of = |wanted| plan(&Sources::both(&place), &old.pinned(), wanted, LostLog::Refuse, &mut ());
    // Of one that another came from, records alone.
    add(&old);
    add(&one);
    let before = of(Wanted::NewestOf(old.generation)).unwrap();
    assert_eq!((before.captured, before.newest, before.rewound.is_some()), (old.now, one.committed, true));
    // Two go on side by side: none is guessed, and of the one that is named nothing is set back.
    add(&other);
    assert!(matches!(of(Wanted::Newest), Err(PlanError::NoPoint(NoPoint::Faults { .. }))));
    let named = of(Wanted::NewestOf(one.generation)).unwrap();
    assert_eq!((named.captured, named.newest, named.rewound), (one.committed, one.committed, None));
    // With a gap after its base, the newest that can be had is for whoever accepts that.
    one.commit(None);
    one.commit(None);
    add(&one);
    let of_one = |file: &String| file.contains(&format!("{}/audit/", one.generation)) && file.ends_with(".segment");
    let gap = Vault::files(place.root()).into_iter().filter(of_one).min().unwrap();
    fs::remove_file(place.root().join(gap)).unwrap();
    let wanted = Wanted::NewestOf(one.generation);
    of(wanted).unwrap_err();
    let had = plan(&Sources::both(&place), &old.pinned(), wanted, LostLog::Accept, &mut ()).unwrap();
    assert!(had.newest < one.committed && had.lost.is_some(), "{:?}", had.lost);
}

#[test]
fn where_the_keyring_is_late_the_newest_that_it_opens_is_restored_for_whoever_accepts_that() {
    let mut vault = Vault::captured(1);
    vault.commit(None);
    let (opens, late) = (vault.committed, vault.destination("late"));
    for file in Vault::files(&vault.spool()).iter().filter(|file| file.starts_with("keyring/")) {
        let to = late.root().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(vault.spool().join(file), to).unwrap();
    }
    vault.commit(None);
    vault.commit(None);
    let (main, pinned) = (vault.source(), vault.pinned());
    let sources = Sources { main: Some(&main), keyring: Some(&late) };
    let refused = plan(&sources, &pinned, Wanted::Newest, LostLog::Refuse, &mut ()).unwrap_err();
    assert!(refused.to_string().contains("keyring"), "{refused}");
    let found = plan(&sources, &pinned, Wanted::Newest, LostLog::Accept, &mut ()).unwrap();
    assert_eq!((found.newest, found.lost.is_some()), (opens, true));
    drop(execute(&found, &sources, &target(&vault), &mut ()).unwrap());
}

#[test]
fn the_two_sides_may_come_from_two_places() {
    let vault = Vault::captured(2);
    let (main, keyring) = (vault.destination("main-only"), vault.destination("keyring-only"));
    fs::rename(vault.spool().join("main"), main.root().join("main")).unwrap();
    fs::rename(vault.spool().join("keyring"), keyring.root().join("keyring")).unwrap();
    let sources = Sources { main: Some(&main), keyring: Some(&keyring) };
    let plan = plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap();
    let restored = execute(&plan, &sources, &target(&vault), &mut ()).unwrap();
    fs::rename(main.root().join("main"), vault.spool().join("main")).unwrap();
    fs::rename(keyring.root().join("keyring"), vault.spool().join("keyring")).unwrap();
    assert_restored(&vault, restored.directory());
}
