//! How the installed restic fails: wrong password, no repository, a lock, a signal, a request to stop.

use std::fs;
use std::process::{Child, Command, Stdio};

use coffre_backup::Progress;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[test]
fn a_wrong_password_is_named() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fs::write(bench.path("password"), "another").unwrap();
        let failure = failure(restic.is_there(&bench.repository(), &mut ()));
        assert!(matches!(failure, Failure::WrongPassword { .. }), "{failure}");
    });
}

#[test]
fn a_missing_repository_is_named() {
    on_each_restic(|restic| {
        let bench = Bench::new();
        assert!(!restic.is_there(&bench.repository(), &mut ()).unwrap());
        let error = bench.backup(&restic, &mut ()).unwrap_err();
        assert!(error.contains("is no restic repository"), "{error}");
    });
}

#[test]
fn a_missing_password_file_is_named() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fs::remove_file(bench.path("password")).unwrap();
        let stats = || failure(restic.stats(&bench.repository(), &mut ()));
        assert!(matches!(stats(), Failure::PasswordFile { .. }));
        // A pipe that nobody writes to is not waited for.
        let (mode, pipe) = (Mode::RUSR | Mode::WUSR, FileType::Fifo);
        mknodat(CWD, bench.path("password"), pipe, mode, 0).unwrap();
        assert!(matches!(stats(), Failure::PasswordFile { .. }));
    });
}

/// A process that is ended with the test.
pub(crate) struct Ending(Child);

impl Ending {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.0.id().cast_signed()).unwrap(), signal).unwrap();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// restic with an exclusive lock, stopped while it holds it.
pub(crate) fn stopped_with_lock(bench: &Bench, restic: &Restic) -> Ending {
    let locks = bench.path("repository/locks");
    let is_lock = |name: &str| name.len() == 64;
    for _ in 0..20 {
        let mut check = Ending(
            Command::new(restic.program())
                .args(["check", "--no-cache", "-r"])
                .arg(bench.path("repository"))
                .arg("--password-file")
                .arg(bench.path("password"))
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        while check.0.try_wait().unwrap().is_none() {
            let names = fs::read_dir(&locks).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            if names.into_iter().any(|name| is_lock(&name)) {
                check.signal(Signal::STOP);
                // It may have removed the lock between our look and the signal.
                if fs::read_dir(&locks).unwrap().count() > 0 {
                    return check;
                }
                break;
            }
            std::thread::yield_now();
        }
    }
    panic!("restic never held a lock");
}

#[test]
fn a_lock_is_reported_with_its_holder_and_left_alone() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        let holder = stopped_with_lock(&bench, &restic);
        let error = bench.backup(&restic, &mut ()).unwrap_err();
        assert!(error.contains(&format!("is locked by PID {}", holder.0.id())), "{error}");
        assert!(error.ends_with("if it died, see `coffre backup repositories`"), "{error}");
        assert_eq!(fs::read_dir(bench.path("repository/locks")).unwrap().count(), 1);
        // Reading goes on.
        assert!(restic.snapshots(&bench.repository(), "production", "coffre", &mut ()).unwrap().is_empty());
    });
}

#[test]
fn a_lock_of_a_process_that_has_ended_is_told_from_one_in_use() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        drop(stopped_with_lock(&bench, &restic));
        assert_eq!(fs::read_dir(bench.path("repository/locks")).unwrap().count(), 1, "it was killed");
        let error = bench.backup(&restic, &mut ()).unwrap_err();
        assert!(error.contains("was left locked by PID"), "{error}");
        assert!(error.contains("which has ended: run this again ten minutes later, which removes the lock"), "{error}");
    });
}

/// Does something at the first sign of progress.
struct AtFirstProgress<F: FnMut()> {
    act: F,
    done: bool,
    cancel: bool,
}

impl<F: FnMut()> Observer for AtFirstProgress<F> {
    fn progress(&mut self, _progress: Progress) {
        if !self.done {
            (self.act)();
        }
        self.done = true;
    }

    fn cancelled(&self) -> bool {
        self.cancel && self.done
    }
}

/// Enough bytes that restic is still at it when its first line of progress arrives.
fn fill(bench: &Bench) {
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let bytes: Vec<u8> = (0..12_500_000).flat_map(|_| random()).collect();
    fs::write(bench.path("spool/main/big"), bytes).unwrap();
}

#[test]
fn a_killed_restic_is_named_and_the_next_run_succeeds() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fill(&bench);
        let numbered = bench.numbered(&restic);
        let kill = || kill_process(Pid::from_raw(bench.pid()).unwrap(), Signal::KILL).unwrap();
        let mut observer = AtFirstProgress { act: kill, done: false, cancel: false };
        let error = bench.backup(&numbered, &mut observer).unwrap_err();
        assert!(error.starts_with("restic was killed by signal 9"), "{error}");
        // It left a lock that does not exclude other backups, and no snapshot.
        assert!(restic.snapshots(&bench.repository(), "production", "coffre", &mut ()).unwrap().is_empty());
        bench.backup(&restic, &mut ()).unwrap();
    });
}

#[test]
fn a_cancelled_restic_is_gone_and_has_removed_its_lock() {
    on_each_restic(|restic| {
        let bench = Bench::with_repository(&restic);
        fill(&bench);
        let numbered = bench.numbered(&restic);
        let mut observer = AtFirstProgress { act: || {}, done: false, cancel: true };
        let error = bench.backup(&numbered, &mut observer).unwrap_err();
        assert_eq!(error, "stopped as asked: run the same command again to go on");
        assert!(!is_alive(bench.pid()));
        assert_eq!(fs::read_dir(bench.path("repository/locks")).unwrap().count(), 0);
    });
}

#[test]
fn one_that_does_not_listen_is_killed() {
    /// Once it has said its number it listens to nothing any more.
    struct Impatient<'b>(&'b Bench);
    impl Observer for Impatient<'_> {
        fn cancelled(&self) -> bool {
            fs::read_to_string(self.0.path("pid")).is_ok_and(|number| number.ends_with('\n'))
        }
    }
    let bench = Bench::new();
    let pid = bench.path("pid").display().to_string();
    let deaf = bench.version("0.18.0", &format!("trap '' INT; echo $$ > {pid}; exec sleep 600"));
    let failure = failure(deaf.stats(&bench.repository(), &mut Impatient(&bench)));
    assert!(matches!(failure, Failure::Cancelled(_)), "{failure}");
    assert!(!is_alive(bench.pid()));
}
