//! Who is counted with whom, and what a decision is worth that waited.

#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::audit::Decision;
use coffre_core::ids::RequestId;
use coffre_core::role::Role;
use coffre_store::clock::SystemEntropy;

use super::*;
use crate::usecases::LocalCall;
use crate::usecases::new_vault::{call_of, keeper};

fn request() -> RequestId {
    RequestId::random(&mut SystemEntropy)
}

#[tokio::test]
async fn whoever_was_let_in_and_revoked_while_they_waited_reads_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "monitor", Role::Backup).await;
    assert!(keeper.read_log(&call, Part::Hashes).await.unwrap().is_some(), "the first has an entry");
    assert!(keeper.read_log(&call, Part::Hashes).await.unwrap().is_none(), "the second is counted");

    let decide = |look: &Look<'_>| plan(look, Part::Hashes, |draft, depends| (draft, depends));
    let (draft, depends) = keeper.permit(&call, decide).await.unwrap();
    let reader = Reader::of(&draft, Part::Hashes);
    let here = LocalCall { request: request(), account: 0 };
    keeper.revoke_application(here, "monitor".to_owned()).await.unwrap();
    assert!(matches!(keeper.note_piece(&call, &reader, &depends).await.unwrap(), Noted::Moved));
    assert_eq!(keeper.log_sessions.0.lock().await.get(&reader).unwrap().further, 1, "it is not counted either");
    assert!(matches!(keeper.read_log(&call, Part::Hashes).await, Err(Failure::Unauthenticated)));
}

#[tokio::test]
async fn beyond_so_many_sessions_each_piece_has_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "monitor", Role::Backup).await;
    assert!(keeper.read_log(&call, Part::Hashes).await.unwrap().is_some());
    {
        let mut sessions = keeper.log_sessions.0.lock().await;
        let (reader, Session { until, draft, .. }) = sessions.drain().next().unwrap();
        let named = |number: usize| Reader { operator: Some(number.to_string()), ..reader.clone() };
        let others = (0..MOST).map(|number| (named(number), Session { until, draft: draft.clone(), further: 0 }));
        sessions.extend(others);
    }
    for _ in 0..2 {
        assert!(keeper.read_log(&call, Part::Hashes).await.unwrap().is_some());
    }
    assert_eq!(keeper.log_sessions.0.lock().await.len(), MOST);
    // Another application has its own.
    let other = call_of(&keeper, "witness", Role::Backup).await;
    assert!(keeper.read_log(&other, Part::Hashes).await.unwrap().is_some());
    assert!(keeper.read_log(&other, Part::Hashes).await.unwrap().is_none());
}

#[tokio::test]
async fn what_cannot_be_written_at_the_end_is_written_later_and_nothing_is_read_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "monitor", Role::Backup).await;
    keeper.read_log(&call, Part::Hashes).await.unwrap();
    for _ in 0..3 {
        keeper.read_log(&call, Part::Hashes).await.unwrap();
    }
    // Over, with an entry that the log does not take, as on a full disk.
    let too_long = Some("x".repeat(audit::MAX_LEAF_LENGTH));
    for session in keeper.log_sessions.0.lock().await.values_mut() {
        (session.until, session.draft.cause) = (keeper.store.now(), too_long.clone());
    }
    let before = keeper.store.tree_head().size;
    keeper.end_log_sessions(false).await;
    assert!(keeper.read_log(&call, Part::Hashes).await.is_err(), "read while what was read before has no entry");
    assert_eq!(keeper.store.tree_head().size, before);

    for session in keeper.log_sessions.0.lock().await.values_mut() {
        session.draft.cause = None;
    }
    keeper.end_log_sessions(false).await;
    assert!(keeper.log_sessions.0.lock().await.is_empty());
    let written = keeper.store.snapshot().unwrap().entries(before, 2).unwrap();
    let [told] = written.as_slice() else { unreachable!("{} entries", written.len()) };
    assert!(String::from_utf8_lossy(&told.leaf).contains(r#""count":3"#));
    assert!(keeper.read_log(&call, Part::Hashes).await.unwrap().is_some(), "and a new session begins");
}

#[test]
fn a_verified_operator_is_not_counted_with_an_asserted_one() {
    let of = |operator_known| {
        let draft = Draft::new(audit::Action::ReadAudit, Decision::Allow, request());
        Reader::of(&Draft { operator: Some("a.martin".to_owned()), operator_known, ..draft }, Part::Entries)
    };
    let (verified, asserted) = (of(Some(OperatorKnown::Verified)), of(Some(OperatorKnown::Asserted)));
    assert_ne!(verified, asserted);
    assert_eq!(verified, of(Some(OperatorKnown::Verified)));
}
