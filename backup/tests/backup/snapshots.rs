//! The main side in a restic repository: verified and restored from there.

use std::fs;
use std::process::Command;

use coffre_backup::destination::Source as _;
use coffre_backup::list::list;
use coffre_backup::restic::{Compression, Repository, Restic, Subject};
use coffre_backup::restore::{LostLog, execute, plan};
use coffre_backup::ship::KnownPoint;
use coffre_backup::snapshot::{Snapshot, SnapshotError, TAG, host};
use coffre_backup::verify::{Depth, verify};
use coffre_backup::{Ending, Ends as _, Sources};
use coffre_core::spool::{Chain, Fault, Wanted};
use coffre_core::time::Timestamp;

use super::programs::on_each_restic;
use super::restoring::assert_restored;
use super::vault::Vault;

fn repository(vault: &Vault, restic: &Restic) -> Repository {
    fs::write(vault.path("password"), "secret").unwrap();
    let location = vault.path("repository").display().to_string();
    let repository =
        Repository { cache: Some(vault.path("cache")), ..Repository::new(location, vault.path("password")) };
    if !restic.is_there(&repository, &mut ()).unwrap() {
        restic.init(&repository, &mut ()).unwrap();
    }
    repository
}

fn take(vault: &Vault, restic: &Restic, repository: &Repository) {
    let spool = vault.spool();
    let subject =
        Subject { root: &spool, folder: "main", host: &host(&Vault::scope()), tag: TAG, compression: Compression::Off };
    restic.backup(repository, &subject, &mut ()).unwrap();
}

/// After every snapshot that is taken at its time.
fn later() -> Timestamp {
    "2098-01-01T00:00:00Z".parse().unwrap()
}

/// A snapshot that was taken while a clock was wrong.
fn take_at(time: &str, vault: &Vault, restic: &Restic, repository: &Repository) {
    let made = Command::new(restic.program())
        .current_dir(vault.spool())
        .args(["backup", "--quiet", "--no-cache", "--tag", TAG, "--host", &host(&Vault::scope()), "--time", time])
        .args(["-r", &repository.location, "--password-file"])
        .arg(&repository.password_file)
        .arg("main")
        .status()
        .unwrap();
    assert!(made.success());
}

#[test]
fn a_snapshot_from_the_future_hides_none_that_goes_further_nor_does_a_clock_that_is_behind() {
    on_each_restic(|restic| {
        let mut vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        fs::create_dir(vault.path("scratch")).unwrap();
        let points = |vault: &Vault, now: Timestamp| {
            let (scope, scratch) = (Vault::scope(), vault.path("scratch"));
            let snapshot = Snapshot::open(&restic, &repository, &scope, None, now, &scratch, &mut ()).unwrap();
            let sources = Sources { main: Some(&snapshot), keyring: None };
            list(&sources, &vault.pinned(), &mut ()).unwrap().points.len()
        };
        take_at("2099-01-01 00:00:00", &vault, &restic, &repository);
        assert_eq!(points(&vault, later()), 1, "there is no other");
        vault.capture();
        take(&vault, &restic, &repository);
        assert_eq!(points(&vault, later()), 2);
        vault.capture();
        take_at("2100-01-01 00:00:00", &vault, &restic, &repository);
        assert_eq!(points(&vault, "2099-06-01T00:00:00Z".parse().unwrap()), 3);
    });
}

#[test]
fn a_snapshot_is_verified_and_restored_with_a_keyring_from_elsewhere() {
    on_each_restic(|restic| {
        let mut vault = Vault::captured(2);
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        vault.capture();
        take(&vault, &restic, &repository);
        fs::create_dir(vault.path("scratch")).unwrap();
        let open = || {
            Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &vault.path("scratch"), &mut ())
                .unwrap()
        };

        let snapshot = open();
        let alone = Sources { main: Some(&snapshot), keyring: None };
        for depth in [Depth::Listed, Depth::Whole] {
            let verified = verify(&alone, &vault.pinned(), &KnownPoint::default(), depth, &mut ()).unwrap();
            assert_eq!((verified.faults, verified.notices, verified.points), (vec![], vec![], 3));
        }
        let listed = list(&alone, &vault.pinned(), &mut ()).unwrap();
        assert_eq!(
            listed.points.iter().map(|p| (p.number.get(), p.complete, p.newest)).collect::<Vec<_>>(),
            [(1, true, false), (2, true, false), (3, true, true)]
        );
        drop(snapshot);
        assert_eq!(fs::read_dir(vault.path("scratch")).unwrap().count(), 0, "what was fetched is removed");

        let snapshot = open();
        let place = vault.source();
        let sources = Sources { main: Some(&snapshot), keyring: Some(&place) };
        let plan = plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap();
        let restored = execute(&plan, &sources, &vault.path("restored"), &mut ()).unwrap();
        assert_eq!(restored.fetched, 8);
        drop(restored);
        assert_restored(&vault, &vault.path("restored"));

        // Taken up: one document and one database are gone.
        fs::remove_dir_all(vault.path("restored/documents/28")).unwrap();
        fs::remove_file(vault.path("restored/audit.db")).unwrap();
        drop(snapshot);
        let snapshot = open();
        let sources = Sources { main: Some(&snapshot), keyring: Some(&place) };
        let restored = execute(&plan, &sources, &vault.path("restored"), &mut ()).unwrap();
        assert_eq!((restored.fetched, restored.found), (2, 6));
        restored.finish().unwrap();
        assert_restored(&vault, &vault.path("restored"));
    });
}

#[test]
fn segments_are_fetched_by_patterns_and_those_before_the_base_are_not() {
    on_each_restic(|restic| {
        let mut vault = Vault::captured(1);
        (0..12).for_each(|_| vault.commit(None));
        vault.capture();
        (0..25).for_each(|_| vault.commit(None));
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        let (scope, scratch, place) = (Vault::scope(), vault.path("scratch"), vault.source());
        fs::create_dir(&scratch).unwrap();
        let snapshot = Snapshot::open(&restic, &repository, &scope, None, later(), &scratch, &mut ()).unwrap();
        let sources = Sources { main: Some(&snapshot), keyring: Some(&place) };
        let plan = plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap();
        let fetched = fs::read_dir(&scratch).unwrap().next().unwrap().unwrap().path();
        let segments = Vault::files(&fetched).into_iter().filter(|file| file.contains("/audit/")).count();
        assert_eq!(segments, 25, "no other, and no base");
        execute(&plan, &sources, &vault.path("restored"), &mut ()).unwrap();
        for chain in Chain::ALL {
            let restored = fs::read(vault.path("restored").join(chain.file())).unwrap();
            assert!(restored == vault.content(chain), "{chain}");
        }
    });
}

#[test]
fn a_snapshot_of_a_changed_spool_is_found_out_whatever_restic_says() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        let document = Vault::files(&vault.spool()).into_iter().find(|file| file.contains("/documents/")).unwrap();
        let path = vault.spool().join(&document);
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(path, bytes).unwrap();
        take(&vault, &restic, &repository);
        let scratch = vault.path("spool");
        let snapshot = Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &scratch, &mut ()).unwrap();
        let sources = Sources { main: Some(&snapshot), keyring: None };
        let verified = verify(&sources, &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap();
        assert!(matches!(&verified.faults[..], [Fault::WrongHash { object, .. }] if *object == document));
    });
}

#[test]
fn a_repository_without_this_vault_is_named() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        let opened = Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &vault.spool(), &mut ());
        assert!(matches!(opened.map(drop), Err(SnapshotError::None { .. })));
    });
}

#[test]
fn a_snapshot_with_a_link_in_it_is_refused_before_anything_is_fetched() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        std::os::unix::fs::symlink(vault.path("password"), vault.spool().join("main/link")).unwrap();
        take(&vault, &restic, &repository);
        let scratch = vault.path("scratch");
        fs::create_dir(&scratch).unwrap();
        let opened = Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &scratch, &mut ());
        let error = opened.map(drop).unwrap_err();
        assert!(matches!(error, SnapshotError::Foreign { .. }), "{error}");
        assert_eq!(error.ending(), Ending::Tampering);
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    });
}

#[test]
fn a_snapshot_that_is_named_in_part_stays_the_one_that_was_looked_at() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        let (scope, scratch) = (Vault::scope(), vault.path("scratch"));
        fs::create_dir(&scratch).unwrap();
        let open = |named: &str| {
            Snapshot::open(&restic, &repository, &scope, Some(named), later(), &scratch, &mut ()).unwrap()
        };
        let snapshot = open("latest");
        let beginning: String = snapshot.id().chars().take(8).collect();
        assert_eq!((snapshot.id().len(), open(&beginning).id()), (64, snapshot.id()));
        // Whoever may write there puts another one in its place.
        std::os::unix::fs::symlink(vault.path("password"), vault.spool().join("main/link")).unwrap();
        fs::write(vault.spool().join("main/another"), "another").unwrap();
        take(&vault, &restic, &repository);
        let sources = Sources { main: Some(&snapshot), keyring: None };
        snapshot.prepare(&["main".to_owned()], &mut ()).unwrap();
        assert_eq!(list(&sources, &vault.pinned(), &mut ()).unwrap().points.len(), 1);
        let fetched = Vault::files(&scratch);
        assert!(!fetched.is_empty() && !fetched.iter().any(|file| file.ends_with("main/another")), "{fetched:?}");
    });
}

#[test]
fn of_a_repository_that_is_not_cached_nothing_stays_on_disk() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        fs::remove_dir_all(vault.path("cache")).unwrap();
        let (repository, scratch) = (repository.uncached(), vault.path("scratch"));
        fs::create_dir(&scratch).unwrap();
        let snapshot = Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &scratch, &mut ()).unwrap();
        let listed = list(&Sources { main: Some(&snapshot), keyring: None }, &vault.pinned(), &mut ()).unwrap();
        assert_eq!(listed.points.len(), 1);
        assert!(!vault.path("cache").exists());
    });
}

#[test]
fn what_there_is_no_room_for_is_not_fetched() {
    on_each_restic(|restic| {
        let vault = Vault::captured(1);
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        let (scope, scratch, place) = (Vault::scope(), vault.path("scratch"), vault.source());
        fs::create_dir(&scratch).unwrap();
        let snapshot = Snapshot::open(&restic, &repository, &scope, None, later(), &scratch, &mut ()).unwrap();
        let snapshot = snapshot.leaving(u64::MAX / 2);
        let sources = Sources { main: Some(&snapshot), keyring: Some(&place) };
        let error = plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap_err();
        assert_eq!(error.ending(), Ending::Temporary, "{error}");
        assert!(error.to_string().contains("has no room for what is to be fetched"), "{error}");
        assert_eq!(Vault::files(&scratch), Vec::<String>::new());
    });
}

#[test]
fn what_is_too_long_for_a_manifest_is_not_fetched_as_one() {
    on_each_restic(|restic| {
        let vault = Vault::captured(2);
        let is_manifest = |file: &String| file.starts_with("main/") && file.contains("/manifests/");
        let newest = Vault::files(&vault.spool()).into_iter().rfind(is_manifest).unwrap();
        fs::remove_file(vault.spool().join(&newest)).unwrap();
        fs::write(vault.spool().join(&newest), vec![b'x'; (1 << 20) + 1]).unwrap();
        let repository = repository(&vault, &restic);
        take(&vault, &restic, &repository);
        let scratch = vault.path("scratch");
        fs::create_dir(&scratch).unwrap();
        let snapshot = Snapshot::open(&restic, &repository, &Vault::scope(), None, later(), &scratch, &mut ()).unwrap();
        let listed = list(&Sources { main: Some(&snapshot), keyring: None }, &vault.pinned(), &mut ()).unwrap();
        assert!(listed.faults.iter().any(|fault| matches!(fault, Fault::Manifest { object, .. } if *object == newest)));
        assert_eq!(listed.points.len(), 1);
        let fetched = Vault::files(&scratch);
        assert!(fetched.len() == 1 && !fetched[0].ends_with(&newest), "{fetched:?}");
    });
}
