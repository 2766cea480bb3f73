//! Killed at every named step: whatever was confirmed is recoverable from the destination alone, whatever was answered is
//! in the vault, and both go on.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::journal::{Journal, Known};
use crate::scene::Scene;
use crate::server::{Server, until};
use crate::shim::Fault::Delay;
use crate::shim::{Rule, Shim};
use crate::steps::{AHEAD, BASE, CAPTURE, CHECKPOINT, RESTORE, ROTATION, SHIPPING, SIDE_BY_SIDE, Step};

fn killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// A vault of which everything so far is confirmed, and what that is.
struct Confirmed {
    scene: Scene,
    known: Known,
}

impl Confirmed {
    fn new() -> Self {
        let (scene, journal) = (Scene::new(), Journal::default());
        let server = scene.serve();
        let mut desk = scene.work(&server, &journal, "Vorher");
        (0..3).for_each(|_| desk.create().expect("it serves"));
        desk.store(0, 9_000).expect("it serves");
        desk.change(1).expect("it serves");
        desk.read(1).expect("it serves");
        desk.erase(2).expect("it serves");
        scene.succeeds(&["backup", "run"]).expect("it is backed up");
        server.stop();
        Self { scene, known: journal.known() }
    }

    fn go_on(&self) -> AtWork {
        let scene = self.scene.copy();
        let server = scene.serve();
        // A copy's files are others: the chains go on behind a new base.
        scene.succeeds(&["backup", "run"]).expect("it is backed up");
        AtWork { server, scene, journal: Journal::going_on(&self.known), confirmed: self.known.clone() }
    }
}

/// A vault that is served and goes on from there.
struct AtWork {
    scene: Scene,
    server: Server,
    journal: Journal,
    confirmed: Known,
}

impl AtWork {
    /// More of everything, as far as the server lives.
    fn go_on(&self, name: &str) {
        let mut desk = self.scene.work(&self.server, &self.journal, name);
        let _gone = desk.create().and_then(|()| desk.store(0, 9_000)).and_then(|()| desk.change(0));
    }

    fn holds(&mut self) -> Result<(), String> {
        self.server.end();
        self.scene.destination_alone_has(&self.confirmed).map_err(|lost| format!("from the destination: {lost}"))?;
        self.scene.recovers(&self.journal.known())?;
        self.scene.destination_alone_has(&self.journal.known()).map_err(|lost| format!("afterwards: {lost}"))?;
        Ok(())
    }
}

fn at_each(steps: &[Step], kill: impl Fn(&mut AtWork, &Step)) {
    at_each_and_then(steps, kill, |_| Ok(()));
}

/// With something more that must be right afterwards.
fn at_each_and_then(steps: &[Step], kill: impl Fn(&mut AtWork, &Step), then: impl Fn(&AtWork) -> Result<(), String>) {
    let (confirmed, mut failed) = (Confirmed::new(), Vec::new());
    for step in steps {
        let mut work = confirmed.go_on();
        kill(&mut work, step);
        if let Err(why) = work.holds().and_then(|()| then(&work)) {
            failed.push(format!("{}: {why}", step.name));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn at_each_step_of_capture() {
    at_each(CAPTURE, |work, step| {
        work.scene.shim.plan(&[step.rule]);
        work.go_on("Dabei");
        until(step.name, || work.server.ended().is_some_and(killed));
    });
}

#[test]
fn at_each_step_of_copying_documents_side_by_side() {
    at_each(SIDE_BY_SIDE, |work, step| {
        // While a segment waits for the disk, more come than are copied one after the other.
        work.scene.shim.plan(&[Rule::new(Delay(500), "fsync", "spool/temporary/object", 0), step.rule]);
        let mut desk = work.scene.work(&work.server, &work.journal, "Dabei");
        let _gone = desk.create().and_then(|()| (0..24).try_for_each(|_| desk.store(0, 9_000)));
        until(step.name, || work.server.ended().is_some_and(killed));
    });
}

#[test]
fn at_each_step_of_a_wal_checkpoint() {
    at_each(CHECKPOINT, |work, step| {
        work.go_on("Dabei");
        work.scene.shim.plan(&[step.rule]);
        work.server.terminate();
        until(step.name, || work.server.ended().is_some_and(killed));
    });
}

#[test]
fn at_each_step_of_a_base_backup() {
    let kill = killed_by(&["backup", "run", "--base"]);
    at_each(BASE, |work, step| {
        // The keyring is rebuilt only where somebody was erased.
        let mut desk = work.scene.work(&work.server, &work.journal, "Weg");
        desk.create().and_then(|()| desk.erase(0)).expect("it serves");
        kill(work, step);
    });
}

/// Where it is killed is no matter to the chains: they go on without another base backup.
#[test]
fn at_each_step_of_taking_logs_in_ahead() {
    at_each_and_then(AHEAD, killed_by(&["backup", "run", "--base"]), |work| {
        // The first is of the confirmed vault, the second of its copy.
        let newest = newest_base(work);
        if newest == 2 { Ok(()) } else { Err(format!("base backup {newest} was taken: the chains began anew")) }
    });
}

/// With everything captured, the server is killed at a step of what a command asks of it.
fn killed_by(command: &[&str]) -> impl Fn(&mut AtWork, &Step) {
    move |work, step| {
        work.go_on("Dabei");
        work.scene.succeeds(&["backup", "run"]).expect("it is captured");
        work.confirmed = work.journal.known();
        work.scene.shim.plan(&[step.rule]);
        work.scene.run(command);
        until(step.name, || work.server.ended().is_some_and(killed));
    }
}

/// The number of the newest manifest in the spool.
fn newest_base(work: &AtWork) -> u64 {
    let inside = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("it is read").path())
    };
    let generations = inside(work.scene.path().join("spool/main")).flat_map(inside);
    let manifests = generations.flat_map(|generation| inside(generation.join("manifests")));
    let number = |manifest: PathBuf| manifest.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    manifests.filter_map(number).max().expect("there is one")
}

/// Whatever of it was done, it comes to its end, and nothing of a former epoch is left.
#[test]
fn at_each_step_of_a_rotation_of_the_data() {
    at_each_and_then(ROTATION, killed_by(&["key", "rotate", "--data"]), |work| {
        let scene = &work.scene;
        scene.succeeds(&["key", "rotate", "--data"])?;
        let status = scene.succeeds(&["key", "rotate", "--data", "--status", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&status).map_err(|error| error.to_string())?;
        let epochs = status["by_epoch"].as_object().map_or(0, serde_json::Map::len);
        if epochs != 1 || status["rotation"]["finished"].is_null() {
            return Err(format!("something is left: {status}"));
        }
        scene.recovers(&work.journal.known())
    });
}

#[test]
fn at_each_step_of_shipping() {
    at_each(SHIPPING, |work, step| {
        work.go_on("Dabei");
        let ended = work.scene.run_under(&[step.rule], &["backup", "run", "--base"]);
        assert!(killed(ended), "{}: {ended}", step.name);
    });
}

#[test]
fn at_each_step_of_a_restore() {
    let mut work = Confirmed::new().go_on();
    work.go_on("Dabei");
    work.scene.succeeds(&["backup", "run"]).expect("it is captured");
    work.server.end();
    let known = work.journal.known();
    for step in RESTORE {
        let scene = work.scene.copy();
        let restore = scene.restore("again");
        let restore: Vec<&str> = restore.iter().map(String::as_str).collect();
        let shim = Shim::below(scene.path());
        shim.plan(&[step.rule]);
        let ended = scene.start_under(&shim, &restore).wait().expect("it ends");
        assert!(killed(ended), "{}: {ended}", step.name);
        // The same command goes on.
        scene.succeeds(&restore).unwrap_or_else(|error| panic!("{}: {error}", step.name));
        scene.take_the_place_of_the_vault("again");
        let server = Server::start(scene.path());
        scene.missing(&server, &known).unwrap_or_else(|lost| panic!("{}: {lost}", step.name));
        server.stop();
    }
}
