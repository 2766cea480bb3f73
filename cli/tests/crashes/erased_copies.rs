//! A person is erased, and the certificate becomes final when no copy of the keyring anywhere is from before: weeks, by the
//! clock of every process.

use std::fs;

use serde_json::Value;

use crate::caller::Caller;
use crate::scene::Scene;
use crate::shim::Rule;

const DAY: i64 = 86_400;

/// A second destination, and for each a host that may remove there and has no vault.
fn elsewhere(scene: &Scene) {
    let file = scene.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let pinned = |line: &&str| ["environment", "vault_id", "verification_key"].iter().any(|key| line.starts_with(key));
    let pins: Vec<&str> = text.lines().filter(pinned).collect();
    for name in ["building-b", "offsite"] {
        let keeper = format!("{name}-keeper");
        fs::create_dir(scene.path().join(&keeper)).expect("a folder");
        let theirs = format!(
            "{}\n[backup]\nstate = \"{keeper}\"\nkeyring_days = 35\n[[backup.destination]]\nname = \"here\"\npath = \"{name}\"\n",
            pins.join("\n")
        );
        fs::write(scene.path().join(format!("{keeper}.toml")), theirs).expect("written");
    }
    fs::create_dir(scene.path().join("offsite")).expect("a folder");
    fs::write(&file, text + "[[backup.destination]]\nname = \"offsite\"\npath = \"offsite\"\n").expect("written");
}

fn certificate(desk: &Caller, record: &str) -> (String, String) {
    let erasure = desk.get(&format!("{record}/erasure"));
    assert_eq!(erasure.status, 200, "{erasure:?}");
    let erasure: Value = erasure.json();
    let text = |name: &str| erasure[name].as_str().unwrap_or_else(|| panic!("no {name} in {erasure:#}")).to_owned();
    (text("status"), text("certificate"))
}

/// What a certificate says of a place.
fn place<'c>(certificate: &'c str, name: &str) -> &'c str {
    let named = |line: &&str| line.starts_with(&format!("place: {name} "));
    certificate.lines().find(named).unwrap_or_else(|| panic!("nothing of {name} in {certificate}"))
}

#[test]
fn a_certificate_is_final_once_no_copy_of_the_keyring_is_from_before_the_erasure() {
    let scene = Scene::new();
    elsewhere(&scene);
    let server = scene.serve();
    let desk = scene.callers(&server).desk;
    let record = desk.create_one("Lefèvre");
    desk.create_one("Martin");
    scene.at(0, &["backup", "run"]);
    for (operator, step) in [("a.martin", "erase"), ("b.durand", "erase/confirm")] {
        let path = format!("{record}/{step}?purpose=data-subject-request&reason=letter");
        let done = desk.for_operator(operator).ask("POST", &path, "", b"").expect("it answers");
        assert!((200..300).contains(&done.status), "{done:?}");
    }
    let status = |day: i64| {
        scene.shim.plan(&[Rule::clock(day * DAY)]);
        certificate(&desk, &record)
    };
    assert_eq!(status(0).0, "pending");
    // Every day but the last, copies from before the erasure are somewhere: in the spool at first, then elsewhere.
    for day in [1, 8, 15, 22, 29, 36] {
        scene.shim.plan(&[Rule::clock(day * DAY)]);
        scene.at(day, &["backup", "run", "--base"]);
        scene.at(day, &["backup", "run"]);
        let (state, told) = status(day);
        assert_eq!(state, "pending", "day {day}: {told}");
        assert!(place(&told, "building-b").contains(" pending "), "day {day}: {told}");
    }
    let told = status(36).1;
    assert!(place(&told, "spool").contains(" clear "), "{told}");
    // One destination is rid of them, and the other one is not yet.
    scene.at(36, &["--config", "building-b-keeper.toml", "backup", "expire-keyring"]);
    scene.at(36, &["backup", "run"]);
    let (state, told) = status(36);
    assert_eq!(state, "pending", "{told}");
    assert!(place(&told, "building-b").contains(" clear ") && place(&told, "offsite").contains(" pending "), "{told}");
    scene.at(36, &["--config", "offsite-keeper.toml", "backup", "expire-keyring"]);
    assert_eq!(status(36).0, "pending", "nobody has told the vault");
    scene.at(36, &["backup", "copies"]);
    let (state, told) = status(36);
    assert_eq!(state, "final", "{told}");
    assert!(told.contains("\nstatus: final\n") && place(&told, "offsite").contains(" clear "), "{told}");
    // What is left opens every backup there, and the person is in none of them any more.
    scene.at(36, &["backup", "verify"]);
    server.stop();
}
