//! What is remembered of jobs that end, fail, are cut off, or ran by a wrong clock.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::fs;

use super::*;

/// The bytes of `docs/formats/backup-state.md`.
const GOLDEN: &str = include_str!("golden.json");

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(seconds)
}

#[test]
fn the_documented_memory_is_read_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    begin(folder.path(), "run", at(0)).unwrap().end(at(9), 0).unwrap();
    begin(folder.path(), "run", at(3_600)).unwrap().end(at(3_601), 75).unwrap();
    Jobs::told(folder.path(), "run", 75).unwrap();
    begin(folder.path(), "drill", at(7_200)).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap().trim_end(), GOLDEN.trim_end());
    let jobs = Jobs::load(folder.path()).unwrap();
    assert_eq!(jobs.jobs.get("run").unwrap().last_success, Some(at(9)));
    assert!(jobs.jobs.get("drill").unwrap().is_open() && !jobs.jobs.get("run").unwrap().is_open());
}

#[test]
fn a_job_never_overlaps_itself_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let running = begin(folder.path(), "run", at(0)).unwrap();
    assert!(matches!(begin(folder.path(), "run", at(1)), Err(JobsError::Lock(LockError::Held { .. }))));
    begin(folder.path(), "verify", at(1)).unwrap().end(at(2), 0).unwrap();
    running.end(at(3), 0).unwrap();
    begin(folder.path(), "run", at(4)).unwrap();
}

/// What each of some ends is to people who are told of every turn.
fn turns<const N: usize>(codes: [u8; N]) -> [Turn; N] {
    let folder = tempfile::tempdir().unwrap();
    codes.map(|code| {
        let turn = begin(folder.path(), "run", at(0)).unwrap().end(at(0), code).unwrap();
        if turn != Turn::AsBefore {
            Jobs::told(folder.path(), "run", code).unwrap();
        }
        turn
    })
}

#[test]
fn the_first_failure_and_the_recovery_are_turns() {
    let expected = [Turn::AsBefore, Turn::Failed, Turn::AsBefore, Turn::Recovered, Turn::AsBefore, Turn::Failed];
    assert_eq!(turns([0, 75, 75, 0, 0, 12]), expected);
}

#[test]
fn what_gets_worse_is_told_again_and_what_gets_less_bad_is_not() {
    let (same, failed) = (Turn::AsBefore, Turn::Failed);
    assert_eq!(turns([75, 1, 12, 1, 75, 12, 0]), [failed, failed, failed, same, same, same, Turn::Recovered]);
    assert_eq!(turns([16, 1, 2]), [failed, same, failed], "a code without a place of its own is a failure");
}

#[test]
fn another_run_that_is_at_it_is_no_news_and_hides_none() {
    let (same, failed) = (Turn::AsBefore, Turn::Failed);
    assert_eq!(turns([13, 12, 13, 0]), [same, failed, same, Turn::Recovered]);
    assert_eq!(turns([13, 13, 0, 0]), [same; 4], "nobody was told that it failed");
    assert_eq!(turns([75, 13, 12]), [failed, same, failed]);
}

#[test]
fn another_run_that_is_at_it_is_no_failure_and_hides_none_from_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let seen = || Jobs::seen(folder.path()).unwrap().jobs.remove("run").unwrap();
    let run = |code| {
        begin(folder.path(), "run", at(0)).unwrap().end(at(0), code).unwrap();
        seen().last_failure()
    };
    let (temporary, changed) = (Some(75), Some(12));
    assert_eq!([13, 13, 75, 13, 12, 13, 0].map(run), [None, None, temporary, temporary, changed, changed, None]);
    drop(begin(folder.path(), "run", at(1)).unwrap());
    assert_eq!((seen().last_failure(), run(13)), (Some(1), Some(1)), "it was cut off");
    let older = |code| Memory { failures: 1, code: Some(code), ..Memory::default() };
    assert_eq!([12, 13].map(|code| older(code).last_failure()), [changed, None]);
}

#[test]
fn what_nobody_could_be_told_stays_news() {
    let folder = tempfile::tempdir().unwrap();
    let run = |code| begin(folder.path(), "run", at(0)).unwrap().end(at(0), code).unwrap();
    assert_eq!([12, 12, 0, 12].map(run), [Turn::Failed, Turn::Failed, Turn::AsBefore, Turn::Failed]);
    Jobs::told(folder.path(), "run", 12).unwrap();
    assert_eq!([12, 0, 0].map(run), [Turn::AsBefore, Turn::Recovered, Turn::Recovered]);
    Jobs::told(folder.path(), "run", 0).unwrap();
    assert_eq!(run(0), Turn::AsBefore);
}

#[test]
fn a_run_that_did_not_come_to_its_end_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let seen = || Jobs::seen(folder.path()).unwrap().jobs.remove("verify").unwrap();
    begin(folder.path(), "verify", at(0)).unwrap().end(at(1), 13).unwrap();
    begin(folder.path(), "verify", at(2)).unwrap().end(at(3), 0).unwrap();
    let running = begin(folder.path(), "verify", at(4)).unwrap();
    assert_eq!((running.turn(), seen().failures), (Turn::AsBefore, 0), "it is under way");
    // As a kill does: the lock is gone and nothing is remembered.
    drop(running);
    for _ in 0..2 {
        assert_eq!((seen().failures, seen().is_cut_off()), (1, true), "looking changes nothing");
    }
    let again = begin(folder.path(), "verify", at(5)).unwrap();
    assert_eq!((again.turn(), seen().failures), (Turn::Failed, 1), "somebody is to be told");
    Jobs::told(folder.path(), "verify", 1).unwrap();
    drop(again);
    let again = begin(folder.path(), "verify", at(6)).unwrap();
    assert_eq!((again.turn(), seen().failures), (Turn::AsBefore, 2));
    assert_eq!(again.end(at(7), 0).unwrap(), Turn::Recovered);
    assert!(!seen().is_cut_off());
}

#[test]
fn a_clock_that_was_set_back_makes_no_run_pass_for_ended_or_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let seen = || Jobs::seen(folder.path()).unwrap().jobs.remove("run").unwrap();
    begin(folder.path(), "run", at(9_000)).unwrap().end(at(9_001), 0).unwrap();
    assert!(seen().succeeded_in_future(at(0)) && !seen().succeeded_in_future(at(8_800)));
    drop(begin(folder.path(), "run", at(0)).unwrap());
    assert!(seen().is_cut_off(), "the end of the run before is none of this one");
    begin(folder.path(), "run", at(2)).unwrap().end(at(1), 0).unwrap();
    assert!(!seen().is_open() && !seen().is_cut_off(), "set back while it ran");
}

#[test]
fn when_a_job_was_first_seen_does_not_move_forward() {
    let folder = tempfile::tempdir().unwrap();
    let since = || Jobs::load(folder.path()).unwrap().jobs.remove("verify").unwrap().since();
    Jobs::change(folder.path(), "verify", |memory| memory.consider(at(5))).unwrap();
    for second in [6, 7] {
        drop(begin(folder.path(), "verify", at(second)).unwrap());
        assert_eq!(since(), Some(at(5)));
    }
    Jobs::change(folder.path(), "verify", |memory| memory.consider(at(1))).unwrap();
    assert_eq!(since(), Some(at(1)), "the clock was wrong when it was first seen");
}

#[test]
fn a_memory_of_an_older_version_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let older = GOLDEN.lines().filter(|line| !["first_seen", "told", "failed"].iter().any(|key| line.contains(key)));
    let older: String = older.collect();
    fs::write(folder.path().join(FILE), older).unwrap();
    let jobs = Jobs::load(folder.path()).unwrap();
    assert_eq!(jobs.jobs.get("drill").unwrap().since(), Some(at(7_200)));
    assert_eq!(jobs.jobs.get("run").unwrap().told, None);
}

#[test]
fn a_damaged_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "{", &GOLDEN.replace("v1", "v2")] {
        fs::write(folder.path().join(FILE), text).unwrap();
        assert!(matches!(Jobs::load(folder.path()), Err(JobsError::Damaged { .. })), "{text}");
    }
}
