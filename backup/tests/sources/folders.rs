//! A folder that others work in.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use coffre_backup::Progress;
use coffre_backup::other_sources::Trouble;
use rustix::fs::{FlockOperation, flock};

use super::*;

fn shared(host: &Host) -> OtherSource {
    source("shared", Kind::Directory { folder: host.path("shared") })
}

fn fill(host: &Host) {
    fs::create_dir_all(host.path("shared/requests/empty")).unwrap();
    fs::write(host.path("shared/a.txt"), "a").unwrap();
    fs::write(host.path("shared/requests/déjà vu.txt"), "b".repeat(100_000)).unwrap();
    fs::set_permissions(host.path("shared/a.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.txt", host.path("shared/link")).unwrap();
    let long = format!("shared/{}", "long".repeat(50));
    fs::create_dir(host.path(&long)).unwrap();
    fs::write(host.path(&format!("{long}/file")), "c").unwrap();
}

#[test]
fn a_folder_comes_back_as_it_was() {
    for sensitive in [true, false] {
        let host = Host::with_installed();
        fill(&host);
        let shared = OtherSource { sensitive, ..shared(&host) };
        let done = host.run(&shared).unwrap();
        assert_eq!((done.contents.files, done.contents.troubles), (3, vec![]));
        let identity = sensitive.then_some(&host.identity);
        host.restore_with(&shared, identity, "restored").unwrap();
        let same = std::process::Command::new("diff")
            .args(["--recursive", "--no-dereference"])
            .args([host.path("shared"), host.path("restored")])
            .output()
            .unwrap();
        assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
        let mode = fs::metadata(host.path("restored/a.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}

#[test]
fn no_program_comes_back_that_runs_as_whoever_brought_it_back() {
    let host = Host::with_installed();
    fill(&host);
    fs::set_permissions(host.path("shared/a.txt"), fs::Permissions::from_mode(0o6755)).unwrap();
    host.run(&shared(&host)).unwrap();
    let back = host.restore(&shared(&host), "restored").join("a.txt");
    assert_eq!(fs::metadata(back).unwrap().permissions().mode() & 0o7777, 0o755);
}

/// Does something whenever a file has been read.
struct Meddling<F: FnMut()>(F);

impl<F: FnMut()> Observer for Meddling<F> {
    fn progress(&mut self, _: Progress) {
        (self.0)();
    }
}

fn troubles(result: Result<Done, SourceRunError>) -> Vec<(String, Trouble)> {
    match result {
        Ok(done) => done.contents.troubles,
        Err(SourceRunError::Lacking { contents, .. }) => contents.troubles,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_file_that_is_open_exclusively_is_told_and_the_backup_is_no_good_one() {
    let host = Host::with_installed();
    fill(&host);
    let held = File::open(host.path("shared/a.txt")).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let result = host.run(&shared(&host));
    assert_eq!(result.as_ref().unwrap_err().ending(), Ending::Failure);
    assert_eq!(troubles(result), [("a.txt".to_owned(), Trouble::OpenExclusively)]);
    let state = &host.state().sources["shared"];
    assert!(state.last_good.is_none() && state.failures == 1);
    let kept = state.last_failure.as_ref().unwrap().cause.clone();
    assert!(kept.starts_with("1 files were open exclusively") && !kept.contains("a.txt"), "no name is kept: {kept}");
    drop(held);
    assert_eq!(troubles(host.run(&shared(&host))), []);
    assert!(host.state().sources["shared"].last_good.is_some());
}

#[test]
fn a_file_that_comes_meanwhile_is_told() {
    let host = Host::with_installed();
    fill(&host);
    let path = host.path("shared/requests/new.txt");
    // The first thing that is told comes before anything is listed.
    let mut told = 0;
    let mut meddling = Meddling(|| {
        told += 1;
        if told == 4 {
            fs::write(&path, "new").unwrap();
        }
    });
    let result = host.run_watched(&shared(&host), &mut meddling);
    assert_eq!(troubles(result), [("requests/new.txt".to_owned(), Trouble::CameOrWent)]);
}

#[test]
fn a_file_that_never_stands_still_is_told() {
    let host = Host::with_installed();
    fs::create_dir(host.path("shared")).unwrap();
    let path = host.path("shared/busy.mdb");
    fs::write(&path, "x".repeat(20_000_000)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().append(true).open(&path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                file.write_all(b"y").unwrap();
            }
        });
        let result = host.run(&shared(&host));
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        result
    });
    assert_eq!(troubles(result), [("busy.mdb".to_owned(), Trouble::Changed)]);
}

#[test]
fn what_cannot_be_read_is_told_unless_this_account_may_read_everything() {
    let host = Host::with_installed();
    fill(&host);
    fs::set_permissions(host.path("shared/a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    let expected: Vec<(String, Trouble)> = if File::open(host.path("shared/a.txt")).is_ok() {
        Vec::new()
    } else {
        vec![("a.txt".to_owned(), Trouble::Unreadable)]
    };
    assert_eq!(troubles(host.run(&shared(&host))), expected);
    fs::remove_dir_all(host.path("shared")).unwrap();
    let (ending, said) = ending(host.run(&shared(&host)));
    assert_eq!(ending, Ending::Temporary, "{said}");
}

#[test]
fn a_folder_without_a_file_is_a_share_that_is_not_mounted_and_takes_the_place_of_no_good_backup() {
    let host = Host::with_installed();
    fill(&host);
    host.run(&shared(&host)).unwrap();
    fs::rename(host.path("shared"), host.path("elsewhere")).unwrap();
    fs::create_dir_all(host.path("shared/mount point")).unwrap();
    let (ending, said) = ending(host.run(&shared(&host)));
    assert_eq!(ending, Ending::Temporary, "{said}");
    assert!(said.contains("shared holds no file: no snapshot was made; check that it is mounted"), "{said}");
    assert_eq!(host.snapshots(&shared(&host)), 1, "the good one");
    assert_eq!(fs::read(host.restore(&shared(&host), "restored").join("a.txt")).unwrap(), b"a");
}

#[test]
fn what_is_in_a_folder_that_may_be_listed_and_not_entered_is_told() {
    let host = Host::with_installed();
    fill(&host);
    let requests = host.path("shared/requests");
    let may = |mode: u32| fs::set_permissions(&requests, fs::Permissions::from_mode(mode)).unwrap();
    may(0o644);
    let enters_all_the_same = requests.join("empty").symlink_metadata().is_ok();
    let told = troubles(host.run(&shared(&host)));
    may(0o755);
    let lacking = |name: &str| (format!("requests/{name}"), Trouble::Unreadable);
    let expected = if enters_all_the_same { Vec::new() } else { vec![lacking("déjà vu.txt"), lacking("empty")] };
    assert_eq!(told, expected);
    let state = &host.state().sources["shared"];
    assert_eq!(state.last_good.is_some(), enters_all_the_same, "it is no good backup");
}
