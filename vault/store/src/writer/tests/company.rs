//! A job that cannot be done, in one group with others: it is refused alone.

use std::collections::BTreeSet;

use coffre_core::record::FieldPath;

use super::*;
use crate::transactions::{AmendError, AmendRecord, CreateError};

fn amend(subject: SubjectId) -> AmendRecord {
    let changes = [(email().field, Some(json!("new@example.fr")))].into();
    AmendRecord { record_type: kind(), subject, expected_version: 1, changes }
}

#[test]
fn a_damaged_record_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (damaged, sound) = (bench.create(1), bench.create(2));
    let wipe = "UPDATE record_values SET sealed = zeroblob(length(sealed)) WHERE subject = ?1";
    bench.connection(Database::Vault).execute(wipe, [damaged.as_bytes()]).unwrap();

    let (one, refused) = job(amend(damaged), Action::Amend);
    let (other, amended) = job(amend(sound), Action::Amend);
    bench.writer.commit(vec![one, other], Vec::new());
    match refused.wait() {
        Err(CommitError::Refused(AmendError::Store(error))) => {
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("was changed outside Coffre"), "{cause}");
        }
        other => unreachable!("{:?}", other.map(|_| ())),
    }
    assert_eq!(amended.wait().unwrap().0, 2);
    assert_eq!(bench.shared.trouble(), None, "the vault goes on");
    assert_eq!(bench.entries().iter().filter(|entry| entry.what.action == Action::Amend).count(), 1);
}

#[test]
fn an_identifier_used_twice_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (subject, other) = (new_subject(), new_subject());
    bench.commit(record(subject.clone(), 1), Action::Create).unwrap();
    let (again, refused) = job(record(subject.clone(), 1), Action::Create);
    let (first, created) = job(record(other.clone(), 2), Action::Create);
    bench.writer.commit(vec![again, first], Vec::new());
    assert!(matches!(refused.wait(), Err(CommitError::Refused(CreateError::Store(_)))));
    assert_eq!(created.wait().unwrap().0, other.id);
    assert!(bench.holds(subject.id, 1) && bench.holds(other.id, 2));
    assert_eq!(bench.shared.trouble(), None);
}

#[test]
fn an_entry_that_the_log_cannot_take_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let endless: Vec<FieldPath> =
        (0..3_000).map(|n| format!("contact.field_with_a_name_{n}").parse().unwrap()).collect();
    let mut entry = read_entry(subject);
    entry.draft.withheld = endless;
    let (long, refused) = reading(entry);
    let (short, receipt) = reading(read_entry(subject));
    let (_, fields) =
        (0, Fields((0..3_000).map(|n| (format!("contact.f{n:040}").parse().unwrap(), json!(n))).collect()));
    let endless = CreateRecord { record_type: kind(), subject: new_subject(), fields };
    let (never, unborn) = (endless.subject.id, job(endless, Action::Create));
    let (create, created) = job(record(new_subject(), 2), Action::Create);
    bench.writer.commit(vec![unborn.0, create], vec![long, short]);
    assert!(matches!(refused.wait(), Err(CommitError::NotCovered)));
    assert!(matches!(unborn.1.wait(), Err(CommitError::NotCovered)));
    let (kept, receipt) = (created.wait().unwrap(), receipt.wait().unwrap());
    assert_eq!(receipt.index(), kept.1.index() + 1);
    assert!(bench.snapshot().record(&kind(), never).unwrap().is_none(), "a write without its entry");
    assert!(bench.holds(kept.0, 2));
    assert_eq!(bench.shared.trouble(), None);
}

/// Of somebody who is not there no reason is kept, and nobody is to see that.
#[test]
fn equal_denials_with_a_reason_do_not_tell_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    for subject in [bench.create(1), new_subject().id] {
        let denied = |reason: Option<&str>| {
            let mut asked = read_entry(subject);
            (asked.draft.decision, asked.draft.record_type) = (Decision::Deny, Some(kind()));
            asked.reason = reason.map(str::to_owned);
            reading(asked)
        };
        let (jobs, waiting): (Vec<_>, Vec<_>) = [Some("why"), None, Some("why"), None].map(denied).into_iter().unzip();
        bench.writer.commit(Vec::new(), jobs);
        let given: BTreeSet<u64> = waiting.into_iter().map(|pending| pending.wait().unwrap().index()).collect();
        assert_eq!(given.len(), 3, "those without a reason share one: {subject}");
    }
}

/// An entry says the reason that was given, or nothing is answered.
#[test]
fn a_reason_that_cannot_be_kept_for_now_is_not_left_out() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let rename = |bench: &Bench, from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        bench.connection(Database::Keyring).execute_batch(&sql).unwrap();
    };
    let asked = || {
        let mut asked = read_entry(subject);
        (asked.draft.record_type, asked.reason) = (Some(kind()), Some("sinistre".to_owned()));
        reading(asked)
    };
    rename(&bench, "subject_keys", "aside");
    let ((with, refused), (without, given)) = (asked(), reading(read_entry(subject)));
    bench.writer.commit(Vec::new(), vec![with, without]);
    assert!(matches!(refused.wait(), Err(CommitError::Unavailable(_))));
    given.wait().unwrap();
    rename(&bench, "aside", "subject_keys");
    let (with, given) = asked();
    bench.writer.commit(Vec::new(), vec![with]);
    let entry = given.wait().unwrap().index();
    assert_eq!(entry, 3, "what was refused left nothing");
    assert_eq!(bench.snapshot().reason(entry).unwrap().as_deref(), Some("sinistre"));
}
