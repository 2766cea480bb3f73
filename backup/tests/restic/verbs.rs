//! Each verb on the installed restic.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use coffre_backup::restic::{CheckError, Failure, ReadData};
use coffre_backup::{Progress, Stage};

use super::*;

#[derive(Default)]
struct Seen(Vec<Progress>);

impl Observer for Seen {
    fn progress(&mut self, progress: Progress) {
        self.0.push(progress);
    }
}

#[test]
fn a_snapshot_holds_the_main_side_only_and_comes_back() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        let repository = bench.repository();
        let mut seen = Seen::default();
        let made = bench.backup(&restic, &mut seen).unwrap();
        assert_eq!((made.files, made.bytes), (1, 3));
        // Newer versions say nothing of what is done at once; that they do of the rest, `ends` relies on.
        assert!(seen.0.iter().all(|p| p.stage == Stage::Snapshot && p.total <= 3), "{:?}", seen.0);

        let list = restic.snapshots(&repository, "production", "coffre", &mut ()).unwrap();
        let [snapshot] = list.as_slice() else { panic!("{list:?}") };
        assert!(snapshot.id.starts_with(&made.id));
        assert!(restic.snapshots(&repository, "recette", "coffre", &mut ()).unwrap().is_empty());

        let mut paths = Vec::new();
        restic.list(&repository, &snapshot.id, |node| paths.push((node.path, node.kind, node.size)), &mut ()).unwrap();
        let node = |path: &str, kind: &str, size| (path.to_owned(), kind.to_owned(), size);
        assert_eq!(paths, [node("/main", "dir", 0), node("/main/a", "dir", 0), node("/main/a/one", "file", 3)]);

        assert_eq!(restic.dump(&repository, &snapshot.id, "/main/a/one", &mut ()).unwrap(), b"one");
        assert!(restic.stats(&repository, &mut ()).unwrap().total_size > 0);
        restic.check(&repository, ReadData::All, &mut ()).unwrap();

        let target = bench.path("fetched");
        restic.restore(&repository, &snapshot.id, &target, &["/main/a".to_owned()], &mut ()).unwrap();
        assert_eq!(fs::read(target.join("main/a/one")).unwrap(), b"one");
    });
}

#[test]
fn includes_choose_what_is_fetched() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fs::create_dir_all(bench.path("spool/main/b")).unwrap();
        fs::write(bench.path("spool/main/b/two"), "two").unwrap();
        let made = bench.backup(&restic, &mut ()).unwrap();
        let target = bench.path("fetched");
        restic.restore(&bench.repository(), &made.id, &target, &["/main/b".to_owned()], &mut ()).unwrap();
        assert!(target.join("main/b/two").is_file());
        assert!(!target.join("main/a").exists());
    });
}

#[test]
fn an_existing_repository_is_left_alone() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        bench.backup(&restic, &mut ()).unwrap();
        assert!(restic.is_there(&bench.repository(), &mut ()).unwrap());
        assert!(matches!(failure(restic.init(&bench.repository(), &mut ())), Failure::Failed { code: 1, .. }));
        assert_eq!(restic.snapshots(&bench.repository(), "production", "coffre", &mut ()).unwrap().len(), 1);
    });
}

#[test]
fn a_missing_folder_is_no_success() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fs::remove_dir_all(bench.path("spool/main")).unwrap();
        let error = bench.backup(&restic, &mut ()).unwrap_err();
        assert!(error.contains("there is no folder"), "{error}");
    });
}

#[test]
fn a_damaged_repository_is_found() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        bench.backup(&restic, &mut ()).unwrap();
        restic.check(&bench.repository(), ReadData::No, &mut ()).unwrap();
        let packs = fs::read_dir(bench.path("repository/data"))
            .unwrap()
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        for pack in packs {
            let path = pack.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            bytes[10] ^= 1;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        let error = restic.check(&bench.repository(), ReadData::All, &mut ()).unwrap_err();
        assert!(matches!(error, CheckError::Damaged { .. }), "{error}");
    });
}
