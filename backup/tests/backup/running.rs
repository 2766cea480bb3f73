//! Whole runs: each target by itself, what is remembered, and how it ends.

use std::cell::RefCell;
use std::fs;

use coffre_backup::destination::{Destination, FileSystem};
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::run::{Answer, Capture, Job, NotCaptured, Report, RunError, run};
use coffre_backup::ship::Compare;
use coffre_backup::snapshot::{TAG, host};
use coffre_backup::state::State;
use coffre_backup::{Ending, Ends as _, LockError, Observer};
use coffre_core::spool::Pinned;
use coffre_core::time::Timestamp;

use super::vault::{Vault, noon};

/// A vault that is served, or is not.
pub(crate) enum Served<'a> {
    Yes(&'a RefCell<Vault>),
    No,
    Fails(Ending),
}

impl Capture for Served<'_> {
    fn capture(&mut self, _observer: &mut dyn Observer) -> Result<Answer, NotCaptured> {
        match self {
            Self::Yes(vault) => {
                vault.borrow_mut().capture();
                Ok(Answer::Captured { number: vault.borrow().main.len() as u64 })
            }
            Self::No => Ok(Answer::NotServed),
            Self::Fails(ending) => {
                Err(NotCaptured { told: "the vault is sealed: open it".to_owned(), ending: *ending })
            }
        }
    }
}

pub(crate) const DAY: i64 = 86_400;

/// Everything a run needs but the vault's answer.
pub(crate) struct Machine {
    pub(crate) spool: std::path::PathBuf,
    pinned: Pinned,
    pub(crate) destinations: Vec<FileSystem>,
    pub(crate) repository: Option<Repository>,
    restic: Option<std::path::PathBuf>,
    pub(crate) init: bool,
    pub(crate) renewed: Vec<String>,
    pub(crate) now: Timestamp,
}

impl Machine {
    pub(crate) fn of(vault: &Vault) -> Self {
        Self {
            spool: vault.spool(),
            pinned: vault.pinned(),
            destinations: vec![vault.destination("one"), vault.destination("two")],
            repository: None,
            restic: None,
            init: false,
            renewed: Vec::new(),
            now: noon().plus_seconds(DAY + 60),
        }
    }

    pub(crate) fn run(&self, served: &mut dyn Capture) -> Result<Report, RunError> {
        let named = self.destinations.iter().map(|destination| {
            let name = destination.root().file_name().unwrap().to_str().unwrap().to_owned();
            (name, destination as &dyn Destination)
        });
        let job = Job {
            spool: &self.spool,
            memory: &self.spool,
            pinned: &self.pinned,
            destinations: named.collect(),
            repository: self.repository.as_ref().map(|repository| ("restic".to_owned(), repository)),
            restic: self.restic.as_deref(),
            init: self.init,
            compare: Compare::Sizes,
            renewed: self.renewed.clone(),
            objective_seconds: 26 * 3600,
        };
        run(&job, served, &|| self.now, &mut ())
    }

    pub(crate) fn state(&self) -> State {
        State::load(&self.spool).unwrap()
    }
}

pub(crate) fn endings(report: &Report) -> Vec<Ending> {
    let ending = |target: &coffre_backup::run::TargetReport| match &target.result {
        Ok(_) => Ending::Success,
        Err(error) => error.ending(),
    };
    report.targets.iter().map(ending).collect()
}

#[test]
fn a_run_captures_ships_makes_a_snapshot_and_remembers() {
    let vault = RefCell::new(Vault::new());
    let mut machine = Machine::of(&vault.borrow());
    fs::write(vault.borrow().path("password"), "secret").unwrap();
    let location = vault.borrow().path("repository").display().to_string();
    let repository = Repository {
        cache: Some(vault.borrow().path("cache")),
        ..Repository::new(location, vault.borrow().path("password"))
    };
    machine.repository = Some(repository.clone());
    machine.init = true;
    let report = machine.run(&mut Served::Yes(&vault)).unwrap();
    assert_eq!((report.ending, report.age), (Ending::Success, Some(60)), "{report:?}");
    assert_eq!(report.capture, Ok(Answer::Captured { number: 1 }));

    let state = machine.state();
    assert_eq!(state.targets.keys().collect::<Vec<_>>(), ["one", "restic", "two"]);
    for (name, target) in &state.targets {
        let success = target.last_success.as_ref().unwrap();
        assert_eq!((success.time, success.captured), (machine.now, noon().plus_seconds(DAY)), "{name}");
        assert_eq!(success.newest.main.unwrap().number.get(), 1);
        assert!(success.bytes > 0);
    }
    let restic = Restic::find(None).unwrap();
    assert_eq!(restic.snapshots(&repository, &host(&Vault::scope()), TAG, &mut ()).unwrap().len(), 1);
    let mut kept = Vec::new();
    restic.list(&repository, "latest", |node| kept.push(node.path), &mut ()).unwrap();
    assert!(kept.iter().all(|path| !path.contains("keyring")), "{kept:?}");

    machine.now = noon().plus_seconds(2 * DAY + 60);
    machine.init = false;
    let report = machine.run(&mut Served::Yes(&vault)).unwrap();
    assert_eq!(report.ending, Ending::Success, "{report:?}");
    assert_eq!(machine.state().targets["restic"].known().main.unwrap().number.get(), 2);
}

#[test]
fn without_a_server_what_is_captured_is_shipped_and_its_age_decides() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!((report.ending, report.capture, report.age), (Ending::Success, Ok(Answer::NotServed), Some(60)));
    machine.now = noon().plus_seconds(DAY + 26 * 3600 + 1);
    assert_eq!(machine.run(&mut Served::No).unwrap().ending, Ending::ObjectiveMissed);
    // It was captured while a clock was an hour ahead.
    machine.now = noon().plus_seconds(DAY - 3600);
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!((report.ending, report.age), (Ending::ObjectiveMissed, Some(-3600)));
    assert_eq!(machine.state().targets["one"].failures, 0);
}

#[test]
fn a_vault_that_cannot_be_captured_fails_the_run_and_its_spool_is_shipped_all_the_same() {
    let vault = Vault::captured(1);
    let machine = Machine::of(&vault);
    for ending in [Ending::Failure, Ending::Temporary, Ending::Busy, Ending::Tampering] {
        let report = machine.run(&mut Served::Fails(ending)).unwrap();
        assert_eq!((report.ending, endings(&report)), (ending, vec![Ending::Success; 2]));
        assert_eq!(report.capture.unwrap_err().to_string(), "the vault is sealed: open it");
    }
}

#[test]
fn nothing_captured_yet_is_no_success() {
    let vault = Vault::new();
    let machine = Machine::of(&vault);
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!((report.ending, report.captured), (Ending::Failure, None));
    assert_eq!(endings(&report), [Ending::Failure; 2]);
}

#[test]
fn a_lost_destination_keeps_no_other_from_its_backup_and_is_remembered() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    fs::remove_dir(machine.destinations[0].root()).unwrap();
    for failures in 1..=2 {
        let report = machine.run(&mut Served::No).unwrap();
        assert_eq!((report.ending, endings(&report)), (Ending::Temporary, vec![Ending::Temporary, Ending::Success]));
        let one = machine.state().targets["one"].clone();
        assert_eq!((one.failures, one.last_success), (failures, None));
        let failed = one.last_failure.unwrap();
        assert_eq!((failed.time, failed.code), (machine.now, 75));
        assert!(failed.cause.ends_with("is not there: check that the disk is mounted and the path is right"));
    }
    fs::create_dir(machine.destinations[0].root()).unwrap();
    machine.now = machine.now.plus_seconds(60);
    assert_eq!(machine.run(&mut Served::No).unwrap().ending, Ending::Success);
    let one = machine.state().targets["one"].clone();
    assert_eq!((one.failures, one.last_failure), (0, None));
}

#[test]
fn an_emptied_destination_is_an_alarm_until_it_is_renewed_on_purpose() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    machine.run(&mut Served::No).unwrap();
    fs::remove_dir_all(machine.destinations[1].root()).unwrap();
    fs::create_dir(machine.destinations[1].root()).unwrap();
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!((report.ending, endings(&report)), (Ending::Tampering, vec![Ending::Success, Ending::Tampering]));
    assert_eq!(Vault::files(machine.destinations[1].root()), [""; 0]);
    machine.renewed = vec!["two".to_owned()];
    assert_eq!(machine.run(&mut Served::No).unwrap().ending, Ending::Success);
    assert_eq!(Vault::files(machine.destinations[1].root()), Vault::files(machine.destinations[0].root()));
}

#[test]
fn runs_do_not_overlap() {
    struct Again<'a>(&'a Machine);
    impl Capture for Again<'_> {
        fn capture(&mut self, _observer: &mut dyn Observer) -> Result<Answer, NotCaptured> {
            let second = self.0.run(&mut Served::No).unwrap_err();
            assert!(matches!(&second, RunError::Lock(LockError::Held { .. })), "{second}");
            assert_eq!(second.ending(), Ending::Busy);
            Ok(Answer::NotServed)
        }
    }
    let vault = Vault::captured(1);
    let machine = Machine::of(&vault);
    let named = machine.destinations.iter().map(|d| ("d".to_owned(), d as &dyn Destination)).take(1);
    let job = Job {
        spool: &machine.spool,
        memory: &machine.spool,
        pinned: &machine.pinned,
        destinations: named.collect(),
        repository: None,
        restic: None,
        init: false,
        compare: Compare::Sizes,
        renewed: Vec::new(),
        objective_seconds: DAY,
    };
    assert_eq!(run(&job, &mut Again(&machine), &|| machine.now, &mut ()).unwrap().ending, Ending::Success);
}

#[test]
fn a_repository_that_fails_keeps_its_own_ending() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    let password = vault.path("password");
    machine.repository = Some(Repository {
        cache: Some(vault.path("cache")),
        ..Repository::new(vault.path("repository").display().to_string(), &password)
    });
    let ending = |machine: &Machine| {
        let report = machine.run(&mut Served::No).unwrap();
        assert_eq!(endings(&report)[..2], [Ending::Success; 2]);
        assert_eq!(report.ending, endings(&report)[2]);
        report.ending
    };
    assert_eq!(ending(&machine), Ending::Usage, "no password file");
    fs::write(&password, "secret").unwrap();
    assert_eq!(ending(&machine), Ending::Temporary, "no repository");
    machine.restic = Some("no-such-restic".into());
    assert_eq!(ending(&machine), Ending::ToolMissing);
    machine.restic = None;
    machine.init = true;
    assert_eq!(ending(&machine), Ending::Success);
    fs::write(&password, "another").unwrap();
    assert_eq!(ending(&machine), Ending::WrongKey);
}

#[test]
fn half_a_point_is_neither_shipped_nor_made_a_snapshot_of() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    fs::write(vault.path("password"), "secret").unwrap();
    machine.repository = Some(Repository::new(vault.path("repository").display().to_string(), vault.path("password")));
    let base = Vault::files(&vault.spool()).into_iter().find(|file| file.contains("/pieces/")).unwrap();
    fs::remove_file(vault.spool().join(base)).unwrap();
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!(endings(&report), [Ending::Tampering; 3]);
}

#[test]
fn a_run_that_cannot_begin_says_why() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    fs::write(vault.spool().join("state.json"), "{").unwrap();
    let error = machine.run(&mut Served::No).unwrap_err();
    assert!(matches!(error, RunError::State(_)), "{error}");
    machine.destinations.clear();
    assert!(matches!(machine.run(&mut Served::No), Err(RunError::NoTarget)));
    machine.spool = vault.path("no-spool");
    assert!(matches!(machine.run(&mut Served::No), Err(RunError::NoSpool { .. })));
    assert!(!machine.spool.exists());
}

#[test]
fn what_interrupted_writers_left_on_a_destination_is_cleared() {
    let vault = Vault::captured(1);
    let machine = Machine::of(&vault);
    let left = machine.destinations[0].root().join("incoming/left-over");
    fs::create_dir_all(left.parent().unwrap()).unwrap();
    fs::write(&left, "half").unwrap();
    machine.run(&mut Served::No).unwrap();
    assert!(!left.exists());
}
