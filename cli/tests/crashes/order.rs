//! With a disk that takes its time: nobody is answered before the entry of what is answered is durable, and what
//! happens in between fails nobody.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use crate::journal::Journal;
use crate::power::syncs;
use crate::scene::Scene;
use crate::server::until;
use crate::shim::Fault::Delay;
use crate::shim::Rule;

const SLOW: Duration = Duration::from_millis(500);

fn timed(deed: impl FnOnce() -> std::io::Result<()>) -> Duration {
    let begun = Instant::now();
    deed().expect("it is answered");
    begun.elapsed()
}

#[test]
fn no_read_is_answered_before_its_entry_is_durable() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let server = scene.serve_recorded();
    let mut desk = scene.work(&server, &journal, "Langsam");
    (0..2).for_each(|_| desk.create().expect("it serves"));
    desk.read(0).expect("it serves");

    // Of this file alone: everything else is as quick as the disk.
    let slow = u32::try_from(SLOW.as_millis()).expect("it fits");
    scene.shim.plan(&[Rule::new(Delay(slow), "fsync", "vault/audit.db-wal", 0)]);
    let log = std::fs::metadata(scene.path().join("vault/audit.db-wal")).expect("it is there").ino();
    for which in [0, 1, 0] {
        let before = syncs(&scene.shim.log(), log);
        let took = timed(|| desk.read(which));
        assert!(took >= SLOW, "a read was answered after {took:?}, and a sync of its entry takes {SLOW:?}");
        assert!(syncs(&scene.shim.log(), log) > before, "a read was answered and no sync of the log had ended");
    }
    assert!(timed(|| desk.change(0)) >= SLOW, "a change was answered before its entry was durable");

    // Those who come while a sync is under way share the next one; none of them is answered before it.
    let before = syncs(&scene.shim.log(), log);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(timed(|| desk.read(0)) >= SLOW, "one of many was answered too early"));
        }
    });
    let took = syncs(&scene.shim.log(), log) - before;
    assert!(took < 6, "eight reads did not share their syncs: {took}");

    scene.shim.plan(&[]);
    let known = journal.known();
    assert_eq!((known.count("read"), known.count("amend")), (12, 1));
    scene.missing(&server, &known).expect("everything is there");
    server.stop();
}

/// The file of an erased document is gone a moment before capture is told of the erasure. Here that moment is long.
#[test]
fn a_document_that_is_erased_before_it_is_captured_fails_no_backup() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let server = scene.serve();
    let mut desk = scene.work(&server, &journal, "Weg");
    let documents = || {
        let folders = std::fs::read_dir(scene.path().join("vault/documents")).expect("readable").flatten();
        let folders = folders.filter(|folder| folder.file_name() != "staging");
        folders.map(|folder| std::fs::read_dir(folder.path()).expect("readable").count()).sum::<usize>()
    };
    for _ in 0..4 {
        desk.create().and_then(|()| desk.store(0, 9_000)).and_then(|()| desk.propose_erasure(0)).expect("it serves");
        scene.shim.plan(&[Rule::new(Delay(400), "write", "vault/index.db-wal", 1)]);
        std::thread::scope(|scope| {
            let erasing = scope.spawn(|| desk.confirm_erasure(0).expect("it serves"));
            until("the file is gone", || documents() == 0);
            scene.succeeds(&["backup", "run"]).expect("it goes on past what is gone");
            erasing.join().expect("it is erased");
        });
    }
    scene.succeeds(&["backup", "run"]).expect("it is backed up");
    scene.destination_alone_has(&journal.known()).expect("everything is there, and what was erased is not");
    server.stop();
}
