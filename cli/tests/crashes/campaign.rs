//! Many states, each by a seed: a few in every run of the tests, as many as `COFFRE_CRASHES` says in a campaign.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::journal::Journal;
use crate::scene::{Scene, copy};
use crate::shim::Fault::KillBefore;
use crate::shim::Rule;

/// Tells whoever waits for hours, past the capture of tests.
fn say(line: &str) {
    writeln!(io::stderr().lock(), "{line}").expect("somebody reads it");
}

/// One campaign.
pub(crate) struct Campaign {
    what: &'static str,
    size: usize,
    first: u64,
    next: usize,
    failed: Vec<String>,
}

impl Campaign {
    pub(crate) fn begin(what: &'static str, few: usize) -> Self {
        let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
        let size = number("COFFRE_CRASHES").map_or(few, |size: u64| usize::try_from(size).expect("it fits"));
        let first = number("COFFRE_SEED").unwrap_or(1);
        say(&format!("{size} {what}, from seed {first} on"));
        Self { what, size, first, next: 0, failed: Vec::new() }
    }

    /// The number of the next one, and its seed.
    pub(crate) fn next(&mut self) -> Option<(usize, u64)> {
        let number = self.next;
        self.next += 1;
        (number < self.size).then_some((number, self.first + number as u64))
    }

    /// Notes whether it held; says more if it did not.
    pub(crate) fn note(&mut self, held: Result<(), String>, more: impl FnOnce() -> String) {
        let seed = self.first + self.next as u64 - 1;
        if let Err(why) = held {
            let line = format!("seed {seed}: {why}\n    {}", more());
            say(&format!("FAILED {line}"));
            self.failed.push(line);
        }
        if self.next.is_multiple_of(20) {
            say(&format!("{} of {} {}, {} failed", self.next, self.size, self.what, self.failed.len()));
        }
    }

    pub(crate) fn end(self) {
        let Self { what, size, failed, .. } = self;
        say(&format!("{size} {what}: {} failed", failed.len()));
        assert!(failed.is_empty(), "{} of {size} {what}:\n{}", failed.len(), failed.join("\n"));
    }
}

/// Keeps a folder that something was found in.
pub(crate) fn keep(scene: &Scene, seed: u64) -> PathBuf {
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kept-{seed}"));
    std::fs::remove_dir_all(&kept).ok();
    std::fs::create_dir_all(&kept).expect("made");
    copy(scene.path(), &kept);
    kept
}

/// So many kills are of one vault, which grows.
const OF_ONE: usize = 20;

#[test]
fn after_a_kill_at_any_call_everything_that_was_answered_is_there() {
    let mut campaign = Campaign::begin("kills", 8);
    let mut place: Option<(Scene, Journal)> = None;
    while let Some((number, seed)) = campaign.next() {
        if number % OF_ONE == 0 {
            place = None;
        }
        let (scene, journal) = place.get_or_insert_with(|| (Scene::new(), Journal::default()));
        let mut dice = Dice::new(seed);
        let killed = killed_at_work(scene, journal, seed, &mut dice);
        let known = journal.known();
        let held = killed
            .and_then(|()| scene.recovers(&known))
            .and_then(|()| if number % 4 == 3 { scene.destination_alone_has(&known) } else { Ok(()) });
        campaign.note(held, || {
            format!("{} entries known; the vault is kept in {}", known.entries(), keep(scene, seed).display())
        });
    }
    campaign.end();
}

/// Three desks, every other time a run meanwhile, and the server killed at some call on some file; every other time the
/// start that makes good what that left is killed as well. A server that goes down by itself is a finding.
fn killed_at_work(scene: &Scene, journal: &Journal, seed: u64, dice: &mut Dice) -> Result<(), String> {
    let mut server = scene.serve();
    let runs = [&["backup", "run"][..], &["backup", "run", "--base"], &[], &[]][dice.below(4)];
    let call = 1 + dice.below(3000);
    scene.shim.plan(&[Rule::new(KillBefore, "*", "*", call)]);
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        for name in ["Anton", "Berta", "Cäsar"] {
            let desk = scene.work(&server, journal, &format!("{name}{seed}"));
            let (stop, seed) = (&stop, dice.next());
            scope.spawn(move || desk.work(seed, stop));
        }
        if !runs.is_empty() {
            // It ends one way or the other, when the server is gone.
            scene.run(runs);
        }
        let patience = Instant::now() + Duration::from_secs(20);
        while server.ended().is_none() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = server.ended();
        stop.store(true, SeqCst);
        server.end();
        ended
    });
    if dice.percent(50) {
        scene.shim.plan(&[Rule::new(KillBefore, "*", "*", 1 + dice.below(100))]);
        scene.serve().end();
    }
    match ended.filter(|status| status.signal() != Some(9)) {
        None => Ok(()),
        Some(status) => Err(format!("the server went down by itself: {status}")),
    }
}
