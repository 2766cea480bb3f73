//! With a disk that takes its time: nobody is answered before the entry of what is answered is durable, and what
//! happens in between fails nobody.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::caller::{Answer, Caller};
use crate::journal::Journal;
use crate::power::syncs;
use crate::scene::{Callers, Scene};
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

/// A request: method, path, body, and what its answer tells.
type Asked<'a> = (&'a str, String, String, &'a str);

/// Asks, and waits until what is to be told has arrived; how long that took.
fn told(caller: &Caller, (method, path, body, what): &Asked<'_>) -> Duration {
    let begun = Instant::now();
    let headers = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut stream = caller.begin(method, path, headers, body.len()).expect("it serves");
    stream.write_all(body.as_bytes()).expect("it serves");
    let (mut arrived, mut some) = (Vec::new(), [0; 4096]);
    while !arrived.windows(what.len()).any(|part| part == what.as_bytes()) {
        let length = stream.read(&mut some).expect("it answers");
        assert!(length > 0, "{path}: {what} is not told: {}", String::from_utf8_lossy(&arrived));
        arrived.extend_from_slice(&some[..length]);
    }
    begun.elapsed()
}

fn done(answer: std::io::Result<Answer>) -> Answer {
    let answer = answer.expect("it answers");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    answer
}

fn place(answer: &Answer) -> String {
    answer.header("location").expect("where it is").to_owned()
}

const RECORDS: &str = "/v1/records/policyholder";
const PURPOSE: &str = "purpose=contract-administration";
const RIGHT: &str = "purpose=data-subject-request&reason=letter";

/// A record of somebody of this name, with a document; the path of each.
fn somebody(Callers { desk, dpo }: &Callers, name: &str) -> (String, String) {
    // Whoever hands out everything that is held handles health.
    let health = json!({
        "operator": "j.bond", "type": "policyholder", "categories": ["health"], "purposes": ["data-subject-request"],
    });
    done(dpo.for_operator("d.moreau").send("POST", "/v1/habilitations", "", &health));
    let person = json!({"contact": {"family_name": name, "email": "lent@example.fr"}});
    let record = place(&done(desk.send("POST", &format!("{RECORDS}?{PURPOSE}"), "", &person)));
    let document = place(&done(desk.upload(&record, name.as_bytes())));
    (record, document)
}

/// In whichever way a record is told of, and where it is refused.
#[test]
fn nothing_is_told_before_its_entry_is_durable() {
    let scene = Scene::new();
    let server = scene.serve_recorded();
    let callers = scene.callers(&server);
    let (record, document) = somebody(&callers, "Langsam");
    let Callers { desk, dpo } = callers;
    let proposal = format!("{RECORDS}/export?fields=contact.family_name&{PURPOSE}&reason=letter");
    let proposed = done(desk.ask("POST", &proposal, "", b"")).json();
    let export = format!("/v1/exports/{}/confirm", proposed["id"].as_str().expect("an identifier"));
    let other = desk.for_operator("b.durand");

    let read = format!("{record}?fields=contact.family_name&{PURPOSE}");
    let search = json!({
        "index": "contact.email", "value": "lent@example.fr", "fields": ["contact.family_name"],
        "purpose": "contract-administration",
    });
    let lock = json!({ "passphrase": "cheval correct pile agrafe" }).to_string();
    let none = String::new;
    let slow = u32::try_from(SLOW.as_millis()).expect("it fits");
    scene.shim.plan(&[Rule::new(Delay(slow), "fsync", "vault/audit.db-wal", 0)]);
    let log = std::fs::metadata(scene.path().join("vault/audit.db-wal")).expect("it is there").ino();
    for (caller, entries, asked) in [
        (&desk, 1_u32, ("GET", read.clone(), none(), "Langsam")),
        (&desk, 1, ("GET", format!("{read}&version=1"), none(), "Langsam")),
        (&desk, 1, ("POST", format!("{RECORDS}/search"), search.to_string(), "Langsam")),
        (&desk, 1, ("GET", format!("{record}/documents?{PURPOSE}"), none(), "contrat.pdf")),
        (&desk, 1, ("GET", format!("{document}?{PURPOSE}"), none(), "Langsam")),
        (&desk, 1, ("POST", format!("{record}/export/access?{RIGHT}"), none(), "Langsam")),
        (&desk, 1, ("POST", format!("{record}/export/portable?{RIGHT}"), lock, "HTTP/1.1 200")),
        // Of many: first what was confirmed, then each record.
        (&other, 2, ("POST", export, none(), "Langsam")),
        (&dpo, 1, ("POST", format!("{record}/export/access?purpose=audit&reason=letter"), none(), "HTTP/1.1 403")),
    ] {
        let before = syncs(&scene.shim.log(), log);
        let took = told(caller, &asked);
        let ended = syncs(&scene.shim.log(), log) - before;
        assert!(took >= SLOW * entries, "{asked:?}: after {took:?}, and a sync of an entry takes {SLOW:?}");
        assert!(ended >= usize::try_from(entries).expect("it fits"), "{asked:?}: after {ended} syncs");
    }
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
