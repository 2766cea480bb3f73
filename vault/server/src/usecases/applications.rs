//! Adding, listing and revoking applications, on the vault's host. Whoever may use the control
//! socket may do this; the entry names the account.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_store::clock::SystemEntropy;
use coffre_store::{Application, Depends, Receipt, transactions};

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use crate::authentication::Token;

/// An application that was added, with the only copy of its token.
pub(crate) struct Added {
    pub(crate) application: Application,
    pub(crate) token: Token,
}

impl Keeper {
    /// Adds an application.
    pub(crate) async fn add_application(
        self: &Arc<Self>,
        call: LocalCall,
        name: String,
        role: Role,
    ) -> Result<(Added, Receipt), Failure> {
        let token = Token::random(&mut SystemEntropy);
        let add = transactions::AddApplication { name, role, token_hash: token.hash().0 };
        let pending = self.store.transact(add, call.draft(Action::AddApplication), None, Depends::default());
        let (application, receipt) = pending.await.map_err(uncommitted)?;
        Ok((Added { application, token }, receipt))
    }

    /// All applications, revoked ones included, oldest first.
    pub(crate) async fn list_applications(self: &Arc<Self>) -> Result<Vec<Application>, Failure> {
        self.view(|_, snapshot| Ok(snapshot.applications()?)).await
    }

    /// Revokes an application: its token opens nothing from its entry on.
    pub(crate) async fn revoke_application(
        self: &Arc<Self>,
        call: LocalCall,
        name: String,
    ) -> Result<(ApplicationId, Receipt), Failure> {
        let revoke = transactions::RevokeApplication { name };
        let pending = self.store.transact(revoke, call.draft(Action::RevokeApplication), None, Depends::default());
        pending.await.map_err(uncommitted)
    }
}
