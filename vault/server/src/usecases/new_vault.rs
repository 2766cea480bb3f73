//! A keeper of a vault that is made for one test, and who calls it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{ApplicationId, RequestId};
use coffre_core::role::Role;
use coffre_policies::{Policies, RecordType};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::transactions::{AddApplication, NewToken, Proof};
use coffre_store::{Depends, Identity, InitPlan, Layout, OpenOptions, Store, init};

use super::{Call, Keeper};
use crate::authentication::{Credential, Token};

/// How many views of it are open at a time.
pub(crate) const READERS: usize = 2;

/// Keeps a new vault in this folder.
pub(crate) fn keeper(folder: &Path) -> Arc<Keeper> {
    let policies = Arc::new(Policies::embedded().unwrap());
    Arc::new(Keeper::new(store(folder, &policies), policies, READERS, Vec::new()))
}

/// Opens a new vault in this folder.
pub(crate) fn store(folder: &Path, policies: &Policies) -> Store {
    let vault = folder.join("vault");
    let recovery_identity_file = folder.join("recovery.identity");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    let indexes = policies.record_types().flat_map(RecordType::indexes).collect();
    let options = OpenOptions { indexes, clock: Arc::new(SystemClock), readers: READERS };
    Store::open(&vault, &identity, &options).unwrap()
}

/// An application that is added with it, by its token.
pub(crate) async fn application(keeper: &Keeper, name: &str, role: Role) -> (ApplicationId, Token) {
    let token = Token::random(&mut SystemEntropy);
    let proof = Proof::Token(NewToken { hash: token.hash().0, valid_seconds: None });
    let draft = Draft::new(Action::AddApplication, Decision::Allow, RequestId::random(&mut SystemEntropy));
    let add = AddApplication { name: name.to_owned(), role, proof };
    let ((application, _), _) = keeper.store.transact(add, draft, None, Depends::default()).await.unwrap();
    (application.id, token)
}

/// A call of an application that is added with it.
pub(crate) async fn call_of(keeper: &Keeper, name: &str, role: Role) -> Call {
    let (application, token) = application(keeper, name, role).await;
    Call {
        request: RequestId::random(&mut SystemEntropy),
        credential: Credential::Token(token.hash()),
        application,
        operator: None,
        repeat_key: None,
        _place: None,
    }
}
