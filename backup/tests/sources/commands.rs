//! What a command writes becomes a backup only if the command says, by its end, that it is whole.

use std::path::Path;
use std::time::{Duration, Instant};

use coffre_backup::other_sources::{Chosen, standing};
use coffre_backup::restic::{Compression, Stream};

use super::programs::on_each_restic;
use super::*;

#[test]
fn a_dump_comes_back_and_only_the_recovery_identity_opens_it() {
    on_each_restic(|restic| {
        let host = Host::new(restic);
        let dump = source("sales", shell("echo 'INSERT INTO clients VALUES (1);'; head -c 300000 /dev/zero"));
        let done = host.run(&dump).unwrap();
        assert_eq!(done.good.bytes, 300_032);
        let restored = host.restore(&dump, "restored");
        let bytes = fs::read(restored.join("dump")).unwrap();
        assert!(bytes.starts_with(b"INSERT INTO clients") && bytes.len() == 300_032);

        let other = age::x25519::Identity::generate();
        let refused = host.restore_with(&dump, Some(&other), "refused").unwrap_err();
        assert_eq!(refused.ending(), Ending::WrongKey, "{refused}");
        let refused = host.restore_with(&dump, None, "keyless").unwrap_err();
        assert!(matches!(refused, SourceRestoreError::NoIdentity), "{refused}");
        assert_eq!(fs::read_dir(host.path("refused")).unwrap().count(), 0, "nothing is left of half a restore");
        let refused = host.restore_with(&dump, Some(&host.identity), "restored").unwrap_err();
        assert!(matches!(refused, SourceRestoreError::NotEmpty { .. }), "{refused}");

        // Whoever has the repository's password has ciphertext.
        let name = other_sources::host(&host.environment, "sales");
        let list = host.restic.snapshots(&host.repository(), &name, other_sources::TAG, &mut ()).unwrap();
        let stored = host.restic.dump(&host.repository(), &list[0].id, "/dump.age", &mut ()).unwrap();
        assert!(stored.starts_with(b"age-encryption.org/v1"));
        assert!(!stored.windows(11).any(|window| window == b"INSERT INTO"));
    });
}

#[test]
fn a_failed_dump_never_becomes_a_snapshot() {
    on_each_restic(|restic| {
        for sensitive in [true, false] {
            let host = Host::new(restic.clone());
            let good = OtherSource { sensitive, ..source("sales", shell("echo good")) };
            host.run(&good).unwrap();
            let began = Instant::now();
            // Enough that restic has cut and stored some of it.
            let failing = "head -c 9000000 /dev/urandom; echo 'Got error: 2013: Lost connection' >&2; exit 3";
            let failed = OtherSource { kind: shell(failing), ..good.clone() };
            let (ending, said) = ending(host.run(&failed));
            assert_eq!(ending, Ending::Failure);
            assert_eq!(
                said,
                "sh ended with exit code 3 (Got error: 2013: Lost connection): no snapshot was made; mend that, then run this again"
            );
            assert!(began.elapsed() < Duration::from_mins(2));
            assert_eq!(host.snapshots(&failed), 1, "the good one");
            assert_eq!(host.restic.locks(&host.repository(), &mut ()).unwrap(), [], "and no lock is left over");
            let state = &host.state().sources["sales"];
            assert_eq!((state.failures, state.last_good.as_ref().unwrap().bytes), (1, 5));
            assert_eq!(fs::read(host.restore(&failed, "restored").join("dump")).unwrap(), b"good\n");
        }
    });
}

#[test]
fn restic_is_not_stopped_while_it_makes_its_lock() {
    let host = Host::with_installed();
    host.restic.init(&host.repository(), &mut ()).unwrap();
    let (real, heard) = (host.restic.program().display(), host.path("heard"));
    // It reads once it has its lock, which takes a second. Interrupted before that it would leave the lock behind.
    let slow = format!(
        "#!/bin/sh\nif [ \"$1\" != backup ]; then exec {real} \"$@\"; fi\n\
         trap 'echo early >{heard}; exit 130' INT\nsleep 1\n\
         trap 'echo late >{heard}; exit 130' INT\nhead -c 1 >/dev/null\nsleep 20 & wait\n",
        heard = heard.display()
    );
    let host = with_script(host, &slow);
    for failing in ["exit 3", "echo half; exit 3"] {
        for sensitive in [true, false] {
            let failed = OtherSource { sensitive, ..source("sales", shell(failing)) };
            assert_eq!(ending(host.run(&failed)).0, Ending::Failure);
            assert_eq!(fs::read_to_string(&heard).unwrap(), "late\n", "{failing} {sensitive}");
            fs::remove_file(&heard).unwrap();
        }
    }
}

#[test]
fn what_a_killed_run_left_is_not_restored_in_place_of_the_last_good_one() {
    on_each_restic(|restic| {
        let host = Host::new(restic);
        let dump = OtherSource { sensitive: false, ..source("sales", shell("echo whole")) };
        host.run(&dump).unwrap();
        assert_eq!(host.restore_with(&dump, None, "newest").unwrap().chosen, Chosen::Good);
        // restic takes the end of whoever feeds it for the end of the file.
        let (name, of) = (dump.object(), other_sources::host(&host.environment, "sales"));
        let stream = Stream { name: &name, host: &of, tags: other_sources::TAG, compression: Compression::Auto };
        host.restic.backup_stream(&host.repository(), &stream, |out, _| out.write_all(b"wh"), &mut ()).unwrap();

        let restored = host.restore_with(&dump, None, "restored").unwrap();
        assert!(matches!(restored.chosen, Chosen::GoodBeforeNewest { .. }), "{restored:?}");
        assert_eq!(fs::read(host.path("restored/dump")).unwrap(), b"whole\n");
        // Elsewhere nothing is remembered.
        fs::remove_file(host.path("state/sources.json")).unwrap();
        assert_eq!(host.restore_with(&dump, None, "elsewhere").unwrap().chosen, Chosen::Unproven);
        assert_eq!(fs::read(host.path("elsewhere/dump")).unwrap(), b"wh");
    });
}

#[test]
fn what_a_killed_run_left_goes_once_a_newer_one_is_good() {
    on_each_restic(|restic| {
        let host = Host::new(restic);
        let dump = OtherSource { sensitive: false, ..source("sales", shell("echo whole")) };
        host.run(&dump).unwrap();
        // As after a kill: it is remembered that one was begun, and half of it is stored.
        let file = host.path("state/sources.json");
        let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        kept["sources"]["sales"]["unfinished"] = serde_json::json!(["coffre-run-00ff"]);
        fs::write(&file, kept.to_string()).unwrap();
        let (name, of) = (dump.object(), other_sources::host(&host.environment, "sales"));
        let tags = format!("{},coffre-run-00ff", other_sources::TAG);
        let stream = Stream { name: &name, host: &of, tags: &tags, compression: Compression::Auto };
        host.restic.backup_stream(&host.repository(), &stream, |out, _| out.write_all(b"wh"), &mut ()).unwrap();

        let unfinished = || host.state().sources["sales"].unfinished.len();
        host.run(&OtherSource { kind: shell("exit 3"), ..dump.clone() }).unwrap_err();
        assert_eq!((host.snapshots(&dump), unfinished()), (2, 2), "nothing goes before something newer is good");
        host.run(&dump).unwrap();
        assert_eq!((host.snapshots(&dump), unfinished()), (2, 0), "both are good");
        fs::remove_file(&file).unwrap();
        host.restore_with(&dump, None, "elsewhere").unwrap();
        assert_eq!(fs::read(host.path("elsewhere/dump")).unwrap(), b"whole\n");
    });
}

/// The host with a script in restic's place.
fn with_script(host: Host, text: &str) -> Host {
    let script = host.path("restic");
    // Another process writes it: what this one has open for writing, in whichever thread, cannot be executed.
    let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""];
    let written = std::process::Command::new("sh").args(write).arg(&script).arg(text).status();
    assert!(written.unwrap().success());
    Host { restic: Restic::find(Some(&script)).unwrap(), ..host }
}

#[test]
fn half_of_a_dump_is_no_restore_whatever_restic_says() {
    let host = Host::with_installed();
    let dump = OtherSource { sensitive: false, ..source("sales", shell("echo one row, and another")) };
    host.run(&dump).unwrap();
    let real = host.restic.program().display();
    let half =
        format!("#!/bin/sh\nif [ \"$1\" = dump ]; then {real} \"$@\" | head -c 5; exit 0; fi\nexec {real} \"$@\"\n");
    let host = with_script(host, &half);
    let refused = host.restore_with(&dump, None, "restored").unwrap_err();
    assert!(matches!(refused, SourceRestoreError::Size { came: 5, stored: 21 }), "{refused}");
    assert_eq!(fs::read_dir(host.path("restored")).unwrap().count(), 0);
}

#[test]
fn other_ways_not_to_end_well_are_told_apart() {
    let host = Host::with_installed();
    for (kind, expected, said) in [
        (shell("exit 0"), Ending::Failure, "sh succeeded and wrote nothing"),
        (shell("echo half; kill -9 $$"), Ending::Failure, "sh ended with signal 9 (it said nothing)"),
        (command(&["no-such-dump"]), Ending::ToolMissing, "the program no-such-dump was not found"),
    ] {
        let failing = source("sales", kind);
        let (ending, text) = ending(host.run(&failing));
        assert_eq!(ending, expected, "{text}");
        assert!(text.starts_with(said), "{text}");
        assert_eq!(host.snapshots(&failing), 0);
    }
    let unsealable = OtherSource { name: "sales".to_owned(), ..source("x", shell("echo x")) };
    let (memory, repository) = (host.path("state"), host.repository());
    let mut job = Job {
        memory: &memory,
        environment: &host.environment,
        repository: &repository,
        restic: None,
        recipient: None,
        init: true,
    };
    assert!(matches!(other_sources::back_up(&job, &unsealable, &noon, &mut ()), Err(SourceRunError::NoRecipient)));
    job.recipient = Some("age1nobody");
    let (ending, _) = ending(other_sources::back_up(&job, &unsealable, &noon, &mut ()));
    assert_eq!(ending, Ending::Usage);
}

#[test]
fn a_request_to_stop_ends_the_command_and_all_it_started() {
    /// Once the command has started another process.
    struct Stop<'p>(&'p Path);
    impl Observer for Stop<'_> {
        fn cancelled(&self) -> bool {
            fs::read_to_string(self.0).is_ok_and(|number| number.ends_with('\n'))
        }
    }
    let host = Host::with_installed();
    host.restic.init(&host.repository(), &mut ()).unwrap();
    let pid = host.path("pid");
    let endless = source("sales", shell(&format!("sleep 600 & echo $! > {}; echo begun; wait", pid.display())));
    let (ending, said) = ending(host.run_watched(&endless, &mut Stop(&pid)));
    assert_eq!(ending, Ending::Temporary, "{said}");
    let started = fs::read_to_string(pid).unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    // A process that has ended may wait to be collected by init.
    let is_there = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", started.trim())).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while is_there() {
        assert!(Instant::now() < until, "what the command started goes on");
        std::thread::yield_now();
    }
    assert_eq!(host.snapshots(&endless), 0);
    assert_eq!(host.restic.locks(&host.repository(), &mut ()).unwrap(), []);
}

#[test]
fn a_source_is_late_when_its_last_good_backup_is_or_seems_to_be_in_the_future() {
    let host = Host::with_installed();
    let (dump, never) = (source("sales", shell("echo x")), source("billing", shell("echo x")));
    host.run(&dump).unwrap();
    let sources = [dump, never];
    let at = |seconds: i64| {
        let stands = standing(&host.state(), &sources, noon().plus_seconds(seconds));
        stands.iter().map(|stands| (stands.age, stands.within)).collect::<Vec<_>>()
    };
    assert_eq!(at(3600), [(Some(3600), true), (None, false)]);
    assert_eq!(at(3601), [(Some(3601), false), (None, false)]);
    assert_eq!(at(-300), [(Some(0), true), (None, false)]);
    assert_eq!(at(-9999), [(Some(-9999), false), (None, false)]);
}
