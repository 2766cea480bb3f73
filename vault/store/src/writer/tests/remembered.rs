//! Data subjects that were looked at lately: never older than what was answered.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::grant::Grant;

use super::*;
use crate::transactions::{AmendRecord, EraseSubject, RestoreVersion, SetRestriction};
use crate::{ReadError, RecordState};

type Seen = (RecordState, Arc<[Grant]>, Fields);

/// What a look at a record needs; `None` where there is none.
fn look(snapshot: &Snapshot<'_>, subject: SubjectId) -> Result<Option<Seen>, ReadError> {
    let Some(state) = snapshot.record(&kind(), subject)? else { return Ok(None) };
    let grants = snapshot.grants(subject)?;
    let fields = snapshot.fields(&kind(), subject, &[email().field])?.into_inner();
    Ok(Some((state, grants, fields)))
}

impl Bench {
    fn remembered(&self, subject: SubjectId) -> Option<Seen> {
        match look(&Snapshot::at_this_point(&self.shared), subject) {
            Err(ReadError::NotRemembered) => None,
            seen => seen.unwrap(),
        }
    }

    /// After anything was answered.
    fn check(&self, subject: SubjectId) {
        let before = self.remembered(subject);
        let now = look(&self.snapshot(), subject).unwrap();
        assert!(before.is_none() || before == now, "older than what was answered: {before:?}, and not {now:?}");
        assert_eq!(self.remembered(subject), now, "a look is remembered");
    }

    fn amend(&mut self, subject: SubjectId, version: u32) {
        let changes = BTreeMap::from([(email().field, Some(json!(format!("{version}@example.fr"))))]);
        let amend = AmendRecord { record_type: kind(), subject, expected_version: version, changes };
        assert_eq!(self.commit(amend, Action::Amend).unwrap().0, version + 1);
    }
}

#[test]
fn after_every_act_it_is_what_the_databases_have() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (subject, other) = (bench.create(1), bench.create(2));
    for who in [subject, other] {
        assert_eq!(bench.remembered(who), None, "nobody has looked");
        bench.check(who);
    }
    bench.amend(subject, 1);
    bench.check(subject);
    let fields = BTreeSet::from([email().field]);
    let restore = RestoreVersion { record_type: kind(), subject, expected_version: 2, version: 1, fields };
    bench.commit(restore, Action::RestoreVersion).unwrap();
    bench.check(subject);
    for restricted in [true, false] {
        bench.commit(SetRestriction { record_type: kind(), subject, restricted }, Action::Restrict).unwrap();
        bench.check(subject);
    }
    let give = GiveGrant { record_type: kind(), subject, terms: consent() };
    let grant = bench.commit(give, Action::GiveGrant).unwrap().0.id;
    bench.check(subject);
    bench.commit(WithdrawGrant { grant }, Action::WithdrawGrant).unwrap();
    bench.check(subject);
    assert!(bench.remembered(other).is_some(), "who is not concerned stays");
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    bench.commit(erase, Action::Erase).unwrap();
    bench.check(subject);
    assert_eq!(bench.remembered(subject), None);
}

#[test]
fn what_changed_since_a_view_began_is_not_remembered_from_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let (shared, readers) = (Arc::clone(&bench.shared), std::mem::replace(&mut bench.readers, pool(&bench.shared)));
    let early = Snapshot::begin(&shared, &readers).unwrap();
    // SQLite begins a view with the first question.
    assert!(early.record(&kind(), subject).unwrap().is_some());
    bench.amend(subject, 1);
    let seen = look(&early, subject).unwrap().unwrap();
    assert_eq!(seen.0.version, 1, "the view is of the time before");
    assert_eq!(bench.remembered(subject), None);
    bench.check(subject);
}

fn pool(shared: &Shared) -> Readers {
    Readers::open(shared, 1).unwrap()
}

#[test]
fn a_decision_on_what_is_forgotten_later_moves() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let grant = bench.commit(GiveGrant { record_type: kind(), subject, terms: consent() }, Action::GiveGrant);
    let grant = grant.unwrap().0.id;
    bench.check(subject);
    let shared = Arc::clone(&bench.shared);
    let view = Snapshot::at_this_point(&shared);
    assert_eq!(look(&view, subject).unwrap().unwrap().1.len(), 1);
    bench.commit(WithdrawGrant { grant }, Action::WithdrawGrant).unwrap();
    let (_, grants, _) = look(&view, subject).unwrap().unwrap();
    assert!(grants.iter().all(|grant| grant.withdrawn_at.is_none()), "one look sees one state");
    let depends = Depends { access_point: view.access_point(), subjects: vec![subject], ..Depends::default() };
    let (job, pending) = reading(Disclosure { depends, ..read_entry(subject) });
    bench.writer.commit(Vec::new(), vec![job]);
    assert!(matches!(pending.wait(), Err(CommitError::Moved)));
}

#[test]
fn nobody_is_remembered_once_a_group_has_failed() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.check(subject);
    bench.writer.broken(&crate::Unavailable::DiskFull);
    bench.create(2);
    assert_eq!(bench.remembered(subject), None);
}
