//! Scripts in restic's place: programs that are not restic, exit codes and output of other versions.

use std::time::{Duration, Instant};

use coffre_backup::restic::{CheckError, ReadData, Stream};
use coffre_backup::{Ending, Ends as _};

use super::*;

#[test]
fn a_program_that_is_not_there_is_named() {
    let bench = Bench::new();
    let absent = bench.path("no/restic");
    for program in [Path::new("no-such-restic"), &absent] {
        let text = failure(Restic::find(Some(program))).to_string();
        assert!(text.starts_with(&format!("restic was not found ({}): install it", program.display())), "{text}");
    }
    let plain = bench.path("plain");
    fs::write(&plain, "no program").unwrap();
    assert!(matches!(failure(Restic::find(Some(&plain))), Failure::Missing { .. }));
}

#[test]
fn a_program_that_is_not_restic_is_refused() {
    let bench = Bench::new();
    for body in ["echo rustic 0.9", "exit 3", "echo restic 0.18.0 compiled; exit 1"] {
        let failure = failure(Restic::find(Some(&bench.script(body))));
        assert!(matches!(failure, Failure::NotRestic { .. }), "{body}: {failure}");
    }
    fs::write(bench.path("restic"), "\u{7f}ELF, but not really").unwrap();
    let failure = failure(Restic::find(Some(&bench.path("restic"))));
    assert!(matches!(failure, Failure::DoesNotStart { .. }), "{failure}");
}

#[test]
fn an_old_version_is_refused_and_a_future_one_is_not() {
    let bench = Bench::new();
    let failure = failure(Restic::find(Some(&bench.script("echo restic 0.13.1 compiled with go"))));
    insta::assert_snapshot!(failure, @"restic 0.13.1 is too old, 0.14.0 or newer is needed: update it (`apt-get install restic`)");
    assert_eq!(bench.version("0.23.0", "").version().to_string(), "0.23.0");
}

#[test]
fn exit_codes_mean_what_the_version_says() {
    let bench = Bench::new();
    let stats = |version: &str, body: &str| failure(bench.version(version, body).stats(&bench.repository(), &mut ()));
    assert!(matches!(stats("0.17.0", "exit 10"), Failure::NoRepository { .. }));
    assert!(matches!(stats("0.18.1", "exit 11"), Failure::Locked { holder: None, .. }));
    assert!(matches!(stats("0.19.0", "exit 12"), Failure::WrongPassword { .. }));
    // Before 0.17 these codes have no meaning, and an unknown code is a failure.
    for code in [10, 11, 12] {
        assert!(matches!(stats("0.14.0", &format!("exit {code}")), Failure::Failed { .. }), "{code}");
    }
    assert!(matches!(stats("0.19.0", "exit 99"), Failure::Failed { code: 99, .. }));
    assert!(matches!(stats("0.19.0", "kill -9 $$"), Failure::Killed { signal: 9 }));
    assert!(matches!(stats("0.19.0", "echo nonsense"), Failure::Answer { verb: "stats" }));
}

#[test]
fn progress_in_front_of_an_answer_is_passed_over() {
    let bench = Bench::new();
    let body = "echo '[0:00] 100.00%  7 / 7 snapshots'; echo '{\"total_size\":785}'";
    assert_eq!(bench.version("0.19.0", body).stats(&bench.repository(), &mut ()).unwrap().total_size, 785);
}

#[test]
fn an_incomplete_snapshot_is_no_success() {
    let bench = Bench::new();
    let error = "{\"message_type\":\"error\",\"error\":{\"message\":\"x\"},\"during\":\"archival\",\"item\":\"x\"}";
    let summary = "{\"message_type\":\"summary\",\"snapshot_id\":\"77f1ca08\"}";
    for body in [
        format!("echo '{error}' >&2; echo '{error}' >&2; echo '{summary}'; exit 3"),
        format!("echo '{error}'; echo '{error}' >&2; echo '{summary}'"),
    ] {
        let text = bench.backup(&bench.version("0.18.0", &body), &mut ()).unwrap_err();
        assert!(text.starts_with("2 files could not be read"), "{text}");
    }
    let text = bench.backup(&bench.version("0.18.0", &format!("echo '{summary}'; exit 3")), &mut ()).unwrap_err();
    assert!(text.starts_with("1 files could not be read"), "{text}");
    let text = bench.backup(&bench.version("0.18.0", "exit 0"), &mut ()).unwrap_err();
    assert!(text.starts_with("restic backup answered nothing"), "{text}");
}

#[test]
fn a_process_that_restic_left_behind_keeps_nobody_waiting_for_a_stream() {
    let bench = Bench::new();
    let summary = "{\"message_type\":\"summary\",\"snapshot_id\":\"77f1ca08\",\"total_bytes_processed\":5}";
    let restic = bench.version("0.18.0", &format!("sleep 300 & cat > /dev/null; echo '{summary}'"));
    let stream = Stream { name: "dump", host: "h", tags: "t", compression: Compression::Off };
    let begun = Instant::now();
    let made = restic.backup_stream(&bench.repository(), &stream, |out, _| out.write_all(b"whole"), &mut ());
    assert_eq!(made.unwrap().0.bytes, 5);
    assert!(begun.elapsed() < Duration::from_mins(4), "{:?}", begun.elapsed());
}

#[test]
fn a_failed_check_is_damage_unless_it_is_something_else() {
    let bench = Bench::new();
    let check = |body| bench.version("0.18.0", body).check(&bench.repository(), ReadData::No, &mut ()).unwrap_err();
    assert!(
        matches!(check("echo 'pack 123: not found' >&2; exit 1"), CheckError::Damaged { first } if first.starts_with("pack 123"))
    );
    assert!(matches!(check("exit 11"), CheckError::Restic(Failure::Locked { .. })));
}

#[test]
fn a_place_that_is_not_reached_is_no_damage() {
    let bench = Bench::new();
    let check = |body| bench.version("0.18.0", body).check(&bench.repository(), ReadData::No, &mut ()).unwrap_err();
    let refused = "echo 'subprocess ssh: ssh: connect to host backup1 port 22: Connection refused' >&2; \
                   echo 'Fatal: unable to open repository at sftp:backup1:/r: EOF' >&2; exit 1";
    let lost = "if [ \"$1\" = check ]; then echo 'error for tree 12: something new' >&2; \
                else echo 'dial tcp: lookup backup1: no such host' >&2; fi; exit 1";
    for body in [refused, lost] {
        let error = check(body);
        assert!(matches!(error, CheckError::Restic(Failure::Unreachable { .. })), "{error}");
        assert_eq!(error.ending(), Ending::Temporary, "{error}");
    }
    let gone = "if [ \"$1\" = check ]; then echo 'error for tree 12: something new' >&2; exit 1; fi; exit 10";
    assert!(matches!(check(gone), CheckError::Restic(Failure::NoRepository { .. })));
    let overcome = "echo 'Load(<data/12>, 0, 0) returned error, retrying after 1s: connection reset by peer' >&2; \
                    echo 'Pack ID does not match' >&2; exit 1";
    assert_eq!(check(overcome).ending(), Ending::Tampering, "the connection came back, and the damage is there");
}

#[test]
fn a_flood_on_standard_error_blocks_nothing() {
    let bench = Bench::new();
    let body = "head -c 20000000 /dev/zero | tr '\\0' x >&2; exit 1";
    let failure = failure(bench.version("0.18.0", body).stats(&bench.repository(), &mut ()));
    assert!(failure.to_string().len() < 300, "{failure}");
}

#[test]
fn the_environment_is_scrubbed_and_no_secret_is_on_the_command_line() {
    let bench = Bench::new();
    let (seen, line) = (bench.path("environment"), bench.path("arguments"));
    let body = format!("env | sort > {}; echo \"$@\" > {}; echo '[]'", seen.display(), line.display());
    let restic = bench.version("0.18.0", &body);
    let mut repository = bench.repository();
    repository.location = "rest:https://user:hush@host/repo".into();
    repository.credentials = vec![("AWS_ACCESS_KEY_ID".into(), "id".into())];
    restic.snapshots(&repository, "h", "t", &mut ()).unwrap();

    let environment = fs::read_to_string(seen).unwrap();
    let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "HOME",
        "LC_ALL",
        "PATH",
        "PWD",
        "RESTIC_CACHE_DIR",
        "RESTIC_PASSWORD_FILE",
        "RESTIC_PROGRESS_FPS",
        "RESTIC_REPOSITORY",
        "SSH_AUTH_SOCK",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "_",
        "OLDPWD",
        "SHLVL",
    ];
    let more: Vec<_> = names.iter().filter(|name| !expected.contains(name)).collect();
    assert!(more.is_empty(), "{more:?}");
    assert!(names.contains(&"AWS_ACCESS_KEY_ID") && names.contains(&"RESTIC_PASSWORD_FILE"));
    assert!(!environment.contains("secret"), "the password itself is in no variable");
    assert_eq!(fs::read_to_string(line).unwrap(), "snapshots --json --no-lock --host h --tag t\n");
}
