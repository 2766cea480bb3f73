//! Retention, pruning, second copies, reading in rotation and locks, on every restic that is there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use coffre_backup::maintenance::{self, MaintenanceError, MaintenanceState, Rotation, Upkeep, Work};
use coffre_backup::restic::{Every, ForgetError, Retention, Selection, UnlockError};
use coffre_backup::{Ending, Ends as _};
use coffre_core::time::Timestamp;

use super::ends::stopped_with_lock;
use super::*;

const DAY: i64 = 86_400;

/// Everything in the future of all snapshots that the tests make, but for those that lie.
fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn selection() -> Selection {
    Selection { hosts: vec!["production".to_owned()], tags: vec!["coffre".to_owned()] }
}

fn within(span: &str) -> Retention {
    Retention { within: vec![(Every::Snapshot, span.parse().unwrap())], numbers: Vec::new() }
}

impl Bench {
    /// A snapshot of a time, of a host.
    pub(crate) fn snapshot(&self, restic: &Restic, host: &str, time: &str) {
        fs::write(self.path("spool/main/a/one"), time).unwrap();
        let made = self
            .by_hand(restic, &self.path("repository"))
            .args(["backup", "--quiet", "--tag", "coffre"])
            .args(["--host", host, "--time", time])
            .arg(self.path("spool/main"))
            .status()
            .unwrap();
        assert!(made.success());
    }

    fn by_hand(&self, restic: &Restic, repository: &Path) -> Command {
        let mut command = Command::new(restic.program());
        command.arg("--no-cache").arg("-r").arg(repository).arg("--password-file").arg(self.path("password"));
        command
    }

    fn upkeep<'a>(
        &'a self,
        restic: &'a Restic,
        name: &'a str,
        repository: &'a Repository,
        of: &'a Selection,
    ) -> Upkeep<'a> {
        let memory = self.folder.path();
        Upkeep { memory, name, repository, restic: Some(restic.program()), selection: of }
    }

    fn state(&self) -> MaintenanceState {
        MaintenanceState::load(self.folder.path()).unwrap()
    }

    fn hosts_and_days(&self, restic: &Restic) -> Vec<String> {
        let mut found = Vec::new();
        for host in ["production", "other"] {
            let list = restic.snapshots(&self.repository(), host, "coffre", &mut ()).unwrap();
            found.extend(list.iter().map(|snapshot| format!("{host} {}", &snapshot.time[..10])));
        }
        found
    }
}

#[test]
fn retention_by_time_is_not_pushed_out_by_a_snapshot_from_the_future_and_leaves_others_alone() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        for (host, time) in [
            ("other", "2020-01-01 00:00:00"),
            ("production", "2026-11-01 00:00:00"),
            ("production", "2026-11-20 00:00:00"),
            ("production", "2026-11-21 00:00:00"),
            ("production", "2099-01-01 00:00:00"),
        ] {
            bench.snapshot(&restic, host, time);
        }
        let (repository, of) = (bench.repository(), selection());
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let planned = maintenance::forget(&upkeep, &within("5d"), true, &now, &mut ()).unwrap();
        assert_eq!((planned.removed.len(), planned.kept.len()), (1, 3));
        assert_eq!(bench.hosts_and_days(&restic).len(), 5, "a dry run removes nothing");
        assert!(bench.state().repositories.is_empty(), "and is no retention");

        maintenance::forget(&upkeep, &within("5d"), false, &now, &mut ()).unwrap();
        assert_eq!(
            bench.hosts_and_days(&restic),
            ["production 2026-11-20", "production 2026-11-21", "production 2099-01-01", "other 2020-01-01"]
        );
        let pruned = maintenance::prune(&upkeep, false, &now, &mut ()).unwrap();
        assert!(pruned.removed.as_ref().is_some_and(|removed| removed.contains("blobs")), "{pruned:?}");
        restic.check(&repository, coffre_backup::restic::ReadData::All, &mut ()).unwrap();
        let work = &bench.state().repositories["restic"].work;
        assert_eq!([work[&Work::Forget].last_success, work[&Work::Prune].last_success], [Some(now()); 2]);
        let none = maintenance::forget(&upkeep, &Retention::default(), false, &now, &mut ()).unwrap_err();
        assert_eq!(none.ending(), Ending::Usage, "{none}");
    });
}

#[test]
fn what_is_remembered_as_the_last_good_one_of_a_source_stays_whatever_the_rules_say() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        for time in ["2026-11-01 00:00:00", "2026-11-02 00:00:00", "2026-11-20 00:00:00"] {
            bench.snapshot(&restic, "production", time);
        }
        let list = restic.snapshots(&bench.repository(), "production", "coffre", &mut ()).unwrap();
        let good = list.iter().find(|snapshot| snapshot.time.starts_with("2026-11-01")).unwrap();
        let kept = serde_json::json!({"format": "coffre/sources/v1", "sources": {"sales": {
            "last_good": {"time": now(), "snapshot": &good.id[..8], "bytes": 1, "added": 1, "seconds": 1},
            "last_failure": null, "failures": 0,
        }}});
        fs::write(bench.path("sources.json"), kept.to_string()).unwrap();
        let (repository, of) = (bench.repository(), selection());
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let done = maintenance::forget(&upkeep, &within("5d"), false, &now, &mut ()).unwrap();
        assert_eq!((done.removed.len(), done.kept.len()), (1, 2));
        assert_eq!(bench.hosts_and_days(&restic), ["production 2026-11-01", "production 2026-11-20"]);
    });
}

#[test]
fn a_second_repository_gets_what_is_new_once() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        let (first, of) = (bench.repository(), selection());
        fs::write(bench.path("other-password"), "another secret\n").unwrap();
        let place = bench.path("second").display().to_string();
        let second = Repository { cache: first.cache.clone(), ..Repository::new(place, bench.path("other-password")) };
        let upkeep = bench.upkeep(&restic, "second", &second, &of);
        bench.snapshot(&restic, "production", "2026-11-20 00:00:00");
        bench.snapshot(&restic, "other", "2026-11-20 00:00:00");
        assert!(maintenance::copy(&upkeep, &first, false, &now, &mut ()).is_err(), "it is not made unasked");
        assert_eq!(bench.state().repositories["second"].work[&Work::Copy].failures, 1);
        let copy = || maintenance::copy(&upkeep, &first, true, &now, &mut ()).unwrap();
        assert_eq!([copy(), copy()], [1, 0], "that of another host is not ours");
        bench.snapshot(&restic, "production", "2026-11-21 00:00:00");
        assert_eq!(copy(), 1);
        let there = restic.select(&second, &of, &mut ()).unwrap();
        assert_eq!(there.len(), 2);
        let newest = there.iter().max_by_key(|snapshot| snapshot.time.clone()).unwrap();
        let path = format!("{}/a/one", bench.path("spool/main").display());
        assert_eq!(restic.dump(&second, &newest.id, &path, &mut ()).unwrap(), b"2026-11-21 00:00:00");
        assert_eq!(bench.state().repositories["second"].work[&Work::Copy].failures, 0);
    });
}

#[test]
fn everything_is_read_within_the_period_and_damage_is_found_in_its_turn() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        bench.snapshot(&restic, "production", "2026-11-20 00:00:00");
        let (repository, of) = (bench.repository(), selection());
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let rotation = Rotation { days: 4, parts: 4 };
        let check = |day: i64| {
            let clock = move || now().plus_seconds(day * DAY);
            maintenance::check(&upkeep, rotation, false, &clock, &mut ())
        };
        for day in 0..4 {
            let checked = check(day).unwrap();
            assert_eq!(checked.parts, [u8::try_from(day).unwrap() + 1]);
            assert_eq!(checked.overdue, 3 - usize::try_from(day).unwrap());
        }
        assert_eq!(bench.state().repositories["restic"].reading.read.len(), 4);

        for pack in fs::read_dir(bench.path("repository/data")).unwrap().map(|entry| entry.unwrap().path()) {
            for file in fs::read_dir(pack).unwrap().map(|entry| entry.unwrap().path()) {
                let mut bytes = fs::read(&file).unwrap();
                bytes[10] ^= 1;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
                fs::write(&file, bytes).unwrap();
            }
        }
        let found = (4..8).map(check).filter(
            |result| matches!(result, Err(error @ MaintenanceError::Check(_)) if error.ending() == Ending::Tampering),
        );
        assert!(found.count() > 0, "one of the parts holds the damaged pack");
        assert!(bench.state().repositories["restic"].work[&Work::Check].failures > 0);
    });
}

#[test]
fn only_a_lock_that_is_named_and_left_over_is_removed() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        let (repository, of) = (bench.repository(), selection());
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let clock = || Timestamp::from_micros(i64::try_from(since_epoch().as_micros()).unwrap());
        let unlock = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            maintenance::unlock(&upkeep, &named, &clock, &mut ())
        };
        let holder = stopped_with_lock(&bench, &restic);
        let locks = restic.locks(&repository, &mut ()).unwrap();
        let [lock] = &locks[..] else { panic!("{locks:?}") };
        assert!(lock.exclusive && lock.holder.starts_with(&format!("PID {} on ", holder.pid())), "{lock:?}");
        assert!(lock.age(clock()).unwrap() < 600, "{lock:?}");
        let refused = unlock(&[&lock.id[..8]]).unwrap_err();
        assert!(matches!(refused, MaintenanceError::Unlock(UnlockError::InUse { .. })), "{refused}");
        let busy = maintenance::prune(&upkeep, false, &clock, &mut ()).unwrap_err();
        assert_eq!(busy.ending(), Ending::Busy, "{busy}");

        drop(holder);
        let left = maintenance::prune(&upkeep, false, &clock, &mut ()).unwrap_err();
        assert!(left.to_string().contains("coffre backup unlock"), "{left}");
        assert!(matches!(unlock(&["00000000"]), Err(MaintenanceError::Unlock(UnlockError::NotThere { .. }))));
        assert_eq!(restic.locks(&repository, &mut ()).unwrap().len(), 1, "nothing was removed so far");
        assert_eq!(unlock(&[&lock.id[..8]]).unwrap().len(), 1);
        maintenance::prune(&upkeep, false, &clock, &mut ()).unwrap();
    });
}

#[test]
fn what_a_killed_restic_left_goes_by_itself_after_a_while_and_nothing_that_is_in_use() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        let (repository, of) = (bench.repository(), selection());
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let prune = |seconds: i64| {
            let clock = || Timestamp::from_micros(i64::try_from(since_epoch().as_micros()).unwrap());
            maintenance::prune(&upkeep, false, &|| clock().plus_seconds(seconds), &mut ())
        };
        let holder = stopped_with_lock(&bench, &restic);
        let busy = prune(3_000).unwrap_err();
        assert_eq!(busy.ending(), Ending::Busy, "its process is there: {busy}");
        drop(holder);
        let early = prune(0).unwrap_err();
        assert_eq!(early.ending(), Ending::Temporary, "a machine of the same name may hold it: {early}");
        prune(900).unwrap();
        assert_eq!(restic.locks(&repository, &mut ()).unwrap(), []);
    });
}

#[test]
fn nothing_goes_by_itself_beside_a_lock_of_another_host() {
    let bench = Bench::new();
    let (dead, other, asked) = ("a".repeat(64), "b".repeat(64), bench.path("asked"));
    let this_host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let lock = |host: &str| {
        let lock = serde_json::json!({"time": "2026-11-22T10:00:00Z", "exclusive": false, "hostname": host,
            "username": "backup", "pid": i32::MAX, "uid": 1, "gid": 1});
        format!("echo '{lock}'")
    };
    for (listed, unlocks) in [(dead.clone(), true), (format!("{dead} {other}"), false)] {
        let body = format!(
            "case \"$*\" in 'list locks'*) printf '%s\\n' {listed};; *{dead}*) {};; *{other}*) {};; \
             unlock*) echo unlock >> {};; esac",
            lock(this_host.trim_end()),
            lock("another"),
            asked.display()
        );
        bench.version("0.18.0", &body).remove_left(&bench.repository(), now(), &mut ()).unwrap();
        assert_eq!(fs::remove_file(&asked).is_ok(), unlocks, "{listed}");
    }
}

#[test]
fn what_is_left_of_a_killed_run_makes_the_repository_and_nobody_else_meanwhile() {
    let bench = Bench::new();
    let [begun, go, made] = ["begun", "go", "made"].map(|name| bench.path(name).display().to_string());
    // It ends at once, and what it leaves behind goes on, as restic does when whoever started it is killed.
    let body = format!(
        "case \"$1\" in cat) [ -e {made} ] || exit 10;; snapshots) echo '[]';; \
         init) echo init >> {begun}; exec 3<&0; (i=0; while [ ! -e {go} ] && [ $i -lt 900 ]; do sleep 0.1; i=$((i+1)); \
         done; touch {made}) >/dev/null 2>&1 & exit 1;; esac"
    );
    let (restic, of) = (bench.version("0.18.0", &body), selection());
    let (first, second) = (bench.repository(), bench.repository());
    let upkeep = bench.upkeep(&restic, "second", &second, &of);
    let copy = || maintenance::copy(&upkeep, &first, true, &now, &mut ());
    copy().unwrap_err();
    let busy = copy().unwrap_err();
    assert_eq!(busy.ending(), Ending::Busy, "{busy}");
    fs::write(&go, "").unwrap();
    assert_eq!(copy().unwrap(), 0);
    assert_eq!(fs::read_to_string(&begun).unwrap(), "init\n", "once");
    // Whoever finds it there waits for nobody.
    let held = fs::File::create(bench.path("init.lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(copy().unwrap(), 0);
}

fn since_epoch() -> std::time::Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

#[test]
fn two_of_them_do_not_overlap() {
    let bench = Bench::new();
    let slow = bench.version("0.18.0", "exec sleep 600");
    let (repository, of) = (bench.repository(), selection());
    let held = std::fs::File::create(bench.path("maintenance.lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let upkeep = bench.upkeep(&slow, "restic", &repository, &of);
    let error = maintenance::prune(&upkeep, false, &now, &mut ()).unwrap_err();
    assert_eq!(error.ending(), Ending::Busy, "{error}");
}

#[test]
fn what_is_still_there_was_not_forgotten_whatever_restic_says() {
    let bench = Bench::new();
    let (repository, of) = (bench.repository(), selection());
    let snapshot = format!("{{\"id\":\"{}\",\"time\":\"2026-11-20T00:00:00Z\"}}", "a".repeat(64));
    for end in [0, 1, 3] {
        let body = format!(
            "case \"$*\" in *--dry-run*) echo '[{{\"keep\":[{{\"id\":\"b\",\"time\":\"x\"}}],\"remove\":[{snapshot}]}}]';; \
             snapshots*) echo '[{snapshot}]';; forget*) exit {end};; esac"
        );
        let restic = bench.version("0.18.0", &body);
        let upkeep = bench.upkeep(&restic, "restic", &repository, &of);
        let error = maintenance::forget(&upkeep, &within("1d"), false, &now, &mut ()).unwrap_err();
        assert!(
            matches!(error, MaintenanceError::Forget(ForgetError::NotRemoved { left: 1, asked: 1, .. })),
            "{end}: {error}"
        );
        assert_eq!(error.ending(), Ending::Usage);
    }
}
