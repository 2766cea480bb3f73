//! What seals the vault or shuts an application out: it is behind nobody, and what fails beside it does not fail it.

use coffre_core::ids::ApplicationId;

use super::broken::{Fate, break_commit};
use super::*;
use crate::transactions::NoteOnly;

fn noting(action: Action) -> (Message, Committing<NoteOnly>) {
    Message::write(NoteOnly, draft(action), None, Depends::default())
}

/// Has the writer do what waits for it, in this order.
fn run<const N: usize>(writer: Writer, waiting: [Message; N]) {
    let (sender, receiver) = inbox();
    waiting.into_iter().chain([Message::Stop]).for_each(|message| sender.send(message));
    writer.run(&receiver);
}

#[test]
fn what_seals_or_revokes_goes_ahead_of_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let mut asked = read_entry(bench.create(1));
    (asked.draft.action, asked.draft.decision) = (Action::Seal, Decision::Deny);
    let ((withdraw, withdrawn), (refuse, refused)) = (noting(Action::WithdrawGrant), Message::read(asked));
    let ((revoke, revoked), (seal, sealed)) = (noting(Action::RevokeApplication), noting(Action::Seal));
    run(bench.writer, [withdraw, refuse, revoke, seal]);
    let written = [revoked, sealed, withdrawn].map(|pending| pending.wait().unwrap().1.index());
    assert_eq!(written, [2, 3, 4]);
    assert_eq!(refused.wait().unwrap().index(), 5, "who is denied it waits");
}

#[test]
fn a_seal_does_not_fail_with_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    break_commit(&mut bench.writer.files.as_mut().unwrap().vault, Fate::NotPersisted, 1);
    let create = record(new_subject(), 1);
    let (create, created) = Message::write(create, draft(Action::Create), None, Depends::default());
    let asked = Disclosure { draft: draft(Action::Seal), reason: None, claims: vec![], depends: Depends::default() };
    let (seal, sealed) = Message::read(asked);
    run(bench.writer, [create, seal]);
    assert_eq!(sealed.wait().unwrap().index(), 1);
    assert!(matches!(created.wait(), Err(CommitError::Unavailable(_))));
}

#[test]
fn of_a_vault_that_is_being_sealed_applications_are_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let bench = Bench::open(dir.path());
    bench.shared.sealing.store(true, Ordering::SeqCst);
    let mut asked = read_entry(new_subject().id);
    asked.depends.application = Some(ApplicationId::from_bytes([1; 16]));
    let ((read, turned_away), (note, noted)) = (Message::read(asked), noting(Action::CaptureBase));
    run(bench.writer, [read, note]);
    assert!(matches!(turned_away.wait(), Err(CommitError::Unavailable(Unavailable::Stopping))));
    assert_eq!(noted.wait().unwrap().1.index(), 1, "what the vault itself has done is in the log");
}

#[test]
fn who_goes_ahead_of_a_writer_that_has_gone_is_told() {
    let (sender, receiver) = inbox();
    let ((seal, sealed), (again, later)) = (noting(Action::Seal), noting(Action::Seal));
    sender.send(seal);
    drop(receiver);
    sender.send(again);
    for told in [sealed, later] {
        assert!(matches!(told.wait(), Err(CommitError::Unavailable(Unavailable::Stopping))));
    }
}
