//! A clock that is set a year ahead and then a day back while the vault serves and is captured: time does not run
//! backwards in its log, the chains go on, and nothing of a backup is lost.

use crate::journal::{Journal, times};
use crate::scene::Scene;
use crate::shim::Rule;

const YEAR: i64 = 365 * 86_400;
const DAY: i64 = 86_400;

#[test]
fn a_clock_that_jumps_loses_nothing_and_stops_nothing() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let server = scene.serve();
    for (turn, shift) in [0, YEAR, -DAY, YEAR / 2, 0].into_iter().enumerate() {
        scene.shim.plan(&[Rule::clock(shift)]);
        let mut desk = scene.work(&server, &journal, &format!("Stunde{turn}"));
        desk.create().expect("it serves");
        desk.store(0, 9_000).expect("it serves");
        desk.change(0).expect("it serves");
        desk.read(0).expect("it serves");
        scene.succeeds(&["backup", "run"]).unwrap_or_else(|error| panic!("with {shift} s: {error}"));
        scene.succeeds(&["backup", "verify", "spool", "building-b"]).unwrap_or_else(|e| panic!("with {shift} s: {e}"));
        scene.missing(&server, &journal.known()).unwrap_or_else(|lost| panic!("with {shift} s: {lost}"));
    }
    let times = times(&scene.callers(&server).dpo);
    assert!(times.is_sorted(), "time runs backwards in the log: {times:?}");
    let known = journal.known();
    scene.destination_alone_has(&known).expect("the destination has everything");
    // Served again by a clock that is a year behind the newest entry.
    server.stop();
    scene.recovers(&known).expect("it goes on");
    scene.destination_alone_has(&known).expect("and so does its backup");
}
