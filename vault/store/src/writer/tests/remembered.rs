//! Data subjects that were looked at lately: never older than what was answered.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::day::Day;
use coffre_core::filing::{Channel, FilingContent, FilingKind, FilingTerms, IdentityCheck};
use coffre_core::grant::Grant;
use coffre_core::ids::ApplicationId;
use coffre_core::record::FieldPath;
use coffre_core::restriction::Ground;

use super::*;
use crate::transactions::{
    AmendRecord, EraseSubject, FileRequest, RestoreVersion, Restricting, SetRestriction, Step, TakeStep,
};
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
        let (job, pending) = amendment(subject, version);
        self.writer.commit(vec![job], Vec::new());
        assert_eq!(pending.wait().unwrap().0, version + 1);
    }
}

fn amendment(subject: SubjectId, version: u32) -> (Box<dyn WriteJob>, Committing<AmendRecord>) {
    of(subject, version, email().field, &format!("{version}@example.fr"))
}

fn of(
    subject: SubjectId,
    expected_version: u32,
    field: FieldPath,
    value: &str,
) -> (Box<dyn WriteJob>, Committing<AmendRecord>) {
    let changes = BTreeMap::from([(field, Some(json!(value)))]);
    job(AmendRecord { record_type: kind(), subject, expected_version, changes }, Action::Amend)
}

/// Removes what a record says, as retention does.
struct Clear(SubjectId);

impl Transaction for Clear {
    type Output = ();
    type Error = WorkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), WorkError> {
        let clear = "DELETE FROM record_values WHERE subject = ?1";
        work.try_run(work.around.vault.execute(clear, [self.0.as_bytes()]))?;
        work.log(Draft { subjects: vec![self.0], ..base });
        Ok(())
    }
}

fn objection(subject: SubjectId) -> FileRequest {
    let terms = FilingTerms {
        record_type: kind(),
        subject,
        kind: FilingKind::Objection,
        channel: Channel::Email,
        identity: IdentityCheck::NotChecked,
        received_on: Day::of(SystemClock.now()),
    };
    let (filer, content) = (ApplicationId::from_bytes([1; 16]), FilingContent::default());
    FileRequest { terms, filer, filer_role: Role::Sales, content }
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
    for act in [Restricting::Restrict(Ground::Claims), Restricting::End(None)] {
        bench.commit(SetRestriction { record_type: kind(), subject, act }, Action::Restrict).unwrap();
        bench.check(subject);
    }
    let give = GiveGrant { record_type: kind(), subject, terms: consent() };
    let grant = bench.commit(give, Action::GiveGrant).unwrap().0.id;
    bench.check(subject);
    bench.commit(WithdrawGrant { grant }, Action::WithdrawGrant).unwrap();
    bench.check(subject);
    let filing = bench.commit(objection(subject), Action::FileRequest).unwrap().0.id;
    bench.check(subject);
    assert!(bench.remembered(subject).unwrap().0.objects);
    bench.commit(TakeStep { filing, step: Step::Withdraw }, Action::WithdrawRequest).unwrap();
    bench.check(subject);
    assert!(!bench.remembered(subject).unwrap().0.objects);
    assert!(bench.remembered(other).is_some(), "who is not concerned stays");
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    bench.commit(erase, Action::Erase).unwrap();
    bench.check(subject);
    assert_eq!(bench.remembered(subject), None);
}

#[test]
fn whose_values_alone_changed_is_remembered_as_they_are_now() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.check(subject);
    for version in 1..4 {
        bench.amend(subject, version);
        assert!(bench.remembered(subject).is_some(), "after version {version}");
        bench.check(subject);
    }
    let phone: FieldPath = "contact.phone".parse().unwrap();
    let (other, changed) = of(subject, 4, phone, "0639981234");
    let (again, amended) = amendment(subject, 5);
    bench.writer.commit(vec![other, again], Vec::new());
    assert_eq!((changed.wait().unwrap().0, amended.wait().unwrap().0), (5, 6));
    assert!(bench.remembered(subject).is_some(), "after two in one group");
    bench.check(subject);
    let finds = |address: &str| bench.snapshot().find(&email(), address, 10).unwrap().len();
    assert_eq!(["client1@example.fr", "3@example.fr", "5@example.fr"].map(finds), [0, 0, 1]);

    let (amend, amended) = amendment(subject, 6);
    let act = Restricting::Restrict(Ground::Claims);
    let restriction = SetRestriction { record_type: kind(), subject, act };
    let (restrict, restricted) = job(restriction, Action::Restrict);
    bench.writer.commit(vec![amend, restrict], Vec::new());
    amended.wait().unwrap();
    restricted.wait().unwrap();
    assert_eq!(bench.remembered(subject), None, "more than values changed");
    bench.check(subject);
}

#[test]
fn what_a_group_removed_does_not_come_back_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.check(subject);
    let (clear, cleared) = job(Clear(subject), Action::EraseCategories);
    let (amend, amended) = of(subject, 1, "contact.phone".parse().unwrap(), "0639981234");
    bench.writer.commit(vec![clear, amend], Vec::new());
    cleared.wait().unwrap();
    amended.wait().unwrap();
    bench.check(subject);
    let (state, _, fields) = look(&bench.snapshot(), subject).unwrap().unwrap();
    assert_eq!((state.version, fields.0.len()), (2, 0));
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

/// Two look through one view, one after the other: at how somebody stands, and at what somebody else says.
#[test]
fn nobody_is_remembered_with_the_key_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (subject, other) = (bench.create(1), bench.create(2));
    let view = bench.snapshot();
    assert!(view.record(&kind(), subject).unwrap().is_some());
    assert_eq!(view.grants(subject).unwrap().len(), 0);
    assert_eq!(view.fields(&kind(), other, &[]).unwrap().into_inner(), Fields::default());
    drop(view);
    bench.amend(subject, 1);
    bench.check(subject);
    bench.check(other);
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
