//! Who is counted with whom, and what a decision is worth that waited.

#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::audit::Decision;
use coffre_core::ids::RequestId;
use coffre_core::role::Role;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{AddApplication, NewToken, Proof};

use super::*;
use crate::authentication::{Credential, Token};
use crate::usecases::LocalCall;
use crate::usecases::new_vault::keeper;

fn request() -> RequestId {
    RequestId::random(&mut SystemEntropy)
}

/// A call of an application that is added with it.
async fn call_of(keeper: &Keeper, name: &str, role: Role) -> Call {
    let token = Token::random(&mut SystemEntropy);
    let proof = Proof::Token(NewToken { hash: token.hash().0, valid_seconds: None });
    let draft = Draft::new(audit::Action::AddApplication, Decision::Allow, request());
    let add = AddApplication { name: name.to_owned(), role, proof };
    let ((application, _), _) = keeper.store.transact(add, draft, None, Depends::default()).await.unwrap();
    Call {
        request: request(),
        credential: Credential::Token(token.hash()),
        application: application.id,
        operator: None,
        repeat_key: None,
        _place: None,
    }
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
