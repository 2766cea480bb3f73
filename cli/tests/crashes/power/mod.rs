//! Power loss. A vault is put to work while everything that its processes do to files is recorded, with marks where
//! applications were answered. Then, for a moment of that recording and a seed, the disk is made as it may be found
//! afterwards, the built binary is started on it, and is held to what had been answered by that moment.

mod disk;
mod documents;
mod recording;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::campaign::{self, Campaign};
use crate::dice::Dice;
use crate::journal::{Event, Journal, Known};
use crate::scene::Scene;
use crate::server::{Server, until};
use crate::shim::Fault::Delay;
use crate::shim::Rule;
use disk::Disk;
pub(crate) use recording::syncs;
use recording::{Op, Recording};

/// The folder that is not on the host that loses its power.
const DESTINATION: &str = "building-b";

/// A vault at work, as it was recorded.
struct Recorded {
    scene: Scene,
    before: Disk,
    recording: Recording,
    /// Objects that the destination has got: how long the log was when they were not there yet, and when they were seen.
    shipped: BTreeMap<PathBuf, Range<usize>>,
}

impl Recorded {
    /// Two sessions, with a run, a base backup and a regular end between them; and the start after the second one was killed.
    fn new(seed: u64) -> Self {
        Self::of(|scene, journal| {
            let server = scene.serve_recorded();
            at_work(scene, &server, journal, seed);
            drop(server.stop());
            let server = scene.serve_recorded();
            at_work(scene, &server, journal, seed + 1);
            kill(server);
            let server = scene.serve_recorded();
            let mut desk = scene.work(&server, journal, &format!("Dora{seed}"));
            desk.create().and_then(|()| desk.change(0)).expect("it serves");
            kill(server);
        })
    }

    /// Whatever is done with a vault.
    fn of(work: impl FnOnce(&Scene, &Journal)) -> Self {
        let scene = Scene::new();
        let (before, inodes) = Disk::of(scene.path());
        let log = scene.shim.log();
        let (journal, over) = (Journal::marking(&log), AtomicBool::new(false));
        let shipped = std::thread::scope(|scope| {
            let seen = scope.spawn(|| watch(&scene, &log, &over));
            let ending = Ending(&over);
            work(&scene, &journal);
            drop(ending);
            seen.join().expect("it only looks")
        });
        Self { recording: Recording::read(&log, &inodes), scene, before, shipped }
    }

    /// A moment of which it is known what the destination had: after so many calls, with so long a log.
    fn moment(&self, within: &Range<usize>, dice: &mut Dice) -> (usize, usize) {
        let ops = &self.recording.ops;
        loop {
            let mut at = within.start + dice.below(within.len() + 1);
            if dice.percent(50) {
                // Pages are many and of little interest: right behind one of the other calls.
                at = ops.iter().take(at).rposition(|op| !matches!(op, Op::Write { .. })).map_or(0, |last| last + 1);
            }
            let length = at.checked_sub(1).map_or(0, |last| self.recording.ends[last]);
            if !self.shipped.values().any(|seen| seen.contains(&length)) {
                return (at, length);
            }
        }
    }

    /// A disk after a power loss amid these calls, and what applications knew by then.
    fn state(&self, within: &Range<usize>, dice: &mut Dice) -> (Scene, Known, usize) {
        let ops = &self.recording.ops;
        let (at, length) = self.moment(within, dice);
        let mut known = Known::default();
        ops[..at].iter().for_each(|op| {
            if let Op::Event(event) = op {
                known.learn(event);
            }
        });
        let scene = self.scene.beside();
        self.before.after(&ops[..at], dice).put(scene.path());
        for (object, _) in self.shipped.iter().filter(|(_, seen)| seen.end <= length) {
            let to = scene.path().join(object);
            std::fs::create_dir_all(to.parent().expect("it is below the folder")).expect("made");
            std::fs::copy(self.scene.path().join(object), to).expect("copied");
        }
        (scene, known, at)
    }
}

/// Ends whoever waits for the work to end, however it ends.
struct Ending<'o>(&'o AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Halts a process that is about to be killed: a kill within the call that writes a record would leave half of it.
fn stand_still(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("its number");
    kill_process(pid, Signal::STOP).expect("it runs");
    let threads = || std::fs::read_dir(format!("/proc/{process}/task")).expect("its threads").flatten();
    let is_halted = |thread: std::fs::DirEntry| {
        // One that has just ended writes nothing any more.
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 'Z', 'X']))
    };
    until("it stands still", || threads().all(is_halted));
}

/// Kills a server between two records.
fn kill(server: Server) {
    stand_still(server.process());
    server.kill();
}

/// Three desks at work, and a run and a base backup meanwhile.
fn at_work(scene: &Scene, server: &Server, journal: &Journal, seed: u64) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ending = Ending(&stop);
        for name in ["Anton", "Berta", "Cäsar"] {
            let desk = scene.work(server, journal, &format!("{name}{seed}"));
            let (stop, seed) = (&stop, seed.wrapping_mul(31) ^ u64::from(name.as_bytes()[0]));
            scope.spawn(move || desk.work(seed, stop));
        }
        for arguments in [&["backup", "run"][..], &["backup", "run", "--base"], &["backup", "run"]] {
            let so_far = journal.len();
            until("some more is answered", || journal.len() > so_far + 20);
            scene.run_recorded(arguments);
        }
        drop(ending);
    });
}

/// What comes to the destination, and when.
fn watch(scene: &Scene, log: &Path, over: &AtomicBool) -> BTreeMap<PathBuf, Range<usize>> {
    let length = || usize::try_from(std::fs::metadata(log).map_or(0, |log| log.len())).expect("it fits");
    let (mut seen, mut before) = (BTreeMap::new(), 0);
    loop {
        let begun = length();
        let last = over.load(Ordering::SeqCst);
        let mut folders = vec![scene.path().join(DESTINATION)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.extend((!path.ends_with("incoming")).then_some(path));
                    continue;
                }
                let below = path.strip_prefix(scene.path()).expect("it is below").to_owned();
                seen.entry(below).or_insert_with(|| before..length());
            }
        }
        before = begun;
        if last {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many states are made of one recording.
const OF_ONE: usize = 50;

#[test]
fn after_a_power_loss_everything_that_was_answered_is_there() {
    let mut campaign = Campaign::begin("power losses", 12);
    let mut recorded: Option<Recorded> = None;
    while let Some((number, seed)) = campaign.next() {
        if number % OF_ONE == 0 {
            recorded = None;
        }
        let recorded = recorded.get_or_insert_with(|| Recorded::new(seed));
        let size = recorded.recording.ops.len();
        let (scene, known, at) = recorded.state(&(0..size), &mut Dice::new(seed));
        let held = scene
            .recovers(&known)
            .and_then(|()| if number % 4 == 0 { scene.destination_alone_has(&known) } else { Ok(()) });
        campaign.note(held, || {
            let kept = campaign::keep(&scene, seed);
            format!(
                "after {at} of {size} calls, {} entries known; the disk is kept in {}",
                known.entries(),
                kept.display()
            )
        });
    }
    campaign.end();
}

/// A segment can be seen in the spool a moment before its name is durable there. Here that moment is long.
#[test]
fn nothing_is_shipped_before_it_is_durable_in_the_spool() {
    let recorded = Recorded::of(|scene, journal| {
        let server = scene.serve_recorded();
        scene.shim.plan(&[Rule::new(Delay(300), "sync", "spool/*", 0)]);
        let mut follow = scene.start_recorded(&["backup", "follow"]);
        let mut desk = scene.work(&server, journal, "Langsam");
        until("a base backup is shipped", || scene.shipped("note") >= 2);
        let mut segments = scene.shipped("segment");
        for _ in 0..4 {
            desk.create().expect("it serves");
            segments += 3;
            until("it is captured and shipped", || scene.shipped("segment") >= segments);
        }
        stand_still(follow.id());
        follow.kill().expect("it runs");
        follow.wait().expect("it ends");
        kill(server);
    });
    let Recorded { before, recording, shipped, .. } = &recorded;
    let mut seen = 0;
    for (object, when) in shipped {
        let done = recording.ends.partition_point(|end| *end <= when.end);
        let below = object.strip_prefix(DESTINATION).expect("it is there");
        if ["base", "pages", "segment", "note"].iter().any(|kind| below.extension().is_some_and(|found| found == *kind))
        {
            seen += 1;
            let spool = Path::new("spool").join(below);
            let least = before.least(&recording.ops[..done]);
            assert!(least.has(&spool), "{} was shipped and is not durable in the spool", below.display());
        }
    }
    assert!(seen >= 12 + 5, "{seen}");
}

/// Whether a recording says what it is for: the model is held against itself.
#[test]
fn what_is_synced_is_sure_and_what_is_not_may_be_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "old").expect("written");
    let (disk, inodes) = Disk::of(folder.path());
    let file = *inodes.values().next().expect("one file");
    let write = |at, text: &str| Op::Write { file, at, bytes: text.into() };
    let rename = |from: &str, to: &str| Op::Rename { from: from.into(), to: to.into() };
    let ops = [
        write(0, "new"),
        Op::Syncing(file),
        write(3, "er"),
        Op::Synced(file),
        rename("a", "b"),
        Op::SyncingFolder("".into()),
        Op::SyncedFolder("".into()),
        rename("b", "c"),
        Op::Event(Box::new(Event::Erasing { record: "r".to_owned() })),
    ];
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let to = tempfile::tempdir().expect("a folder");
        disk.after(&ops, &mut Dice::new(seed)).put(to.path());
        let entries: Vec<_> = std::fs::read_dir(to.path()).expect("readable").flatten().collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        let name = entries[0].file_name().into_string().expect("text");
        let mut text = std::fs::read_to_string(entries[0].path()).expect("text");
        text.retain(|letter| letter != '\0');
        found.insert((name, text));
    }
    let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found, [("b", "new"), ("b", "newer"), ("c", "new"), ("c", "newer")]);
}
