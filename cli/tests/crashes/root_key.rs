//! A disk that does not confirm the switch to another root key: the rotation goes no further, whatever the disk kept the vault
//! opens, and nothing of what was answered is lost.

use std::fs;
use std::path::PathBuf;

use crate::journal::Journal;
use crate::scene::Scene;
use crate::shim::Fault::{Fail, FailAfter};
use crate::shim::{EIO, Rule};

/// Files of the vault of a scene.
fn of(scene: &Scene, name: &str) -> PathBuf {
    scene.path().join("vault").join(name)
}

#[test]
fn a_switch_that_is_not_confirmed_is_finished_or_undone_at_the_next_start() {
    // Before it, two other files of the vault's folder are made durable.
    for rule in [
        Rule::new(Fail(EIO), "sync", "vault", 3),
        Rule::new(FailAfter(EIO), "sync", "vault", 3),
        Rule::new(FailAfter(EIO), "rename", "vault/keys.json", 1),
    ] {
        let (scene, journal) = (Scene::new(), Journal::default());
        let server = scene.serve();
        let mut desk = scene.work(&server, &journal, "Vorher");
        desk.create().expect("it serves");
        scene.succeeds(&["backup", "run"]).expect("it is captured");
        let before = fs::read(of(&scene, "keys.json")).expect("it is there");
        scene.shim.plan(&[rule]);
        let (code, out, error) = scene.run(&["key", "rotate"]);
        assert_ne!(code, Some(0), "with {rule}: {out}{error}");
        assert!(error.contains("the disk did not confirm it"), "with {rule}: {error}");
        scene.shim.plan(&[]);
        assert_ne!(fs::read(of(&scene, "keys.json")).expect("it is there"), before, "with {rule}");
        assert!(of(&scene, "root.server.next.age").exists(), "with {rule}: the former root is gone");
        desk.create().and_then(|()| desk.store(0, 9_000)).unwrap_or_else(|error| panic!("after {rule}: {error}"));
        // A base backup would hold keys that its root may not open.
        let (code, out, error) = scene.run(&["backup", "run", "--base"]);
        assert_ne!(code, Some(0), "after {rule}: {out}{error}");
        let (_, _, error) = scene.run(&["key", "rotate"]);
        assert!(error.contains("start the vault again"), "after {rule}: {error}");
        server.kill();
        let known = journal.known();
        for lost in [false, true] {
            let scene = scene.copy();
            if lost {
                fs::write(of(&scene, "keys.json"), &before).expect("written");
            }
            scene.recovers(&known).unwrap_or_else(|why| panic!("after {rule}, lost: {lost}: {why}"));
            assert!(!of(&scene, "root.server.next.age").exists(), "after {rule}, lost: {lost}");
            let kept = fs::read(of(&scene, "keys.json")).expect("it is there");
            assert_eq!(kept == before, lost, "after {rule}: another root than the disk kept");
            scene.destination_alone_has(&known).unwrap_or_else(|why| panic!("after {rule}, lost: {lost}: {why}"));
        }
    }
}
