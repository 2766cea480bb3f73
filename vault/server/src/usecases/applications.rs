//! Adding, listing and revoking applications and rotating their tokens, on the vault's host. Whoever may use the control
//! socket may do this; the entry names the account.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{self, NewToken, Proof, Rotated};
use coffre_store::{Application, Depends, Receipt, TokenInfo};

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use crate::authentication::Token;

/// By what an application is to prove itself.
pub(crate) enum AddedProof {
    /// A token, in force for so many seconds.
    Token { valid_seconds: Option<i64> },
    /// A client certificate that names this URI.
    Certificate { san_uri: String },
}

/// An application that was added, with the only copy of its token if it has one.
pub(crate) struct Added {
    pub(crate) application: Application,
    pub(crate) token: Option<Token>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// An application and its tokens, oldest first.
pub(crate) struct Listed {
    pub(crate) application: Application,
    pub(crate) tokens: Vec<TokenInfo>,
}

fn new(token: &Token, valid_seconds: Option<i64>) -> NewToken {
    NewToken { hash: token.hash().0, valid_seconds }
}

impl Keeper {
    /// Adds an application.
    pub(crate) async fn add_application(
        self: &Arc<Self>,
        call: LocalCall,
        name: String,
        role: Role,
        proof: AddedProof,
    ) -> Result<(Added, Receipt), Failure> {
        let (token, proof) = match proof {
            AddedProof::Token { valid_seconds } => {
                let token = Token::random(&mut SystemEntropy);
                let proof = Proof::Token(new(&token, valid_seconds));
                (Some(token), proof)
            }
            AddedProof::Certificate { san_uri } => (None, Proof::Certificate { san_uri }),
        };
        let add = transactions::AddApplication { name, role, proof };
        let pending = self.store.transact(add, self.draft_here(call, Action::AddApplication), None, Depends::default());
        let ((application, expires_at), receipt) = pending.await.map_err(uncommitted)?;
        Ok((Added { application, token, expires_at }, receipt))
    }

    /// All applications, revoked ones included, oldest first.
    pub(crate) async fn list_applications(self: &Arc<Self>) -> Result<Vec<Listed>, Failure> {
        self.view(|_, snapshot| {
            let applications = snapshot.applications()?.into_iter();
            let listed =
                applications.map(|application| Ok(Listed { tokens: snapshot.tokens(application.id)?, application }));
            listed.collect()
        })
        .await
    }

    /// Gives an application a new token; the former one goes on for so many seconds.
    pub(crate) async fn rotate_token(
        self: &Arc<Self>,
        call: LocalCall,
        name: String,
        overlap_seconds: i64,
        valid_seconds: Option<i64>,
    ) -> Result<(Token, Rotated, Receipt), Failure> {
        let token = Token::random(&mut SystemEntropy);
        let rotate = transactions::RotateToken { name, token: new(&token, valid_seconds), overlap_seconds };
        let pending = self.store.transact(rotate, self.draft_here(call, Action::RotateToken), None, Depends::default());
        let (rotated, receipt) = pending.await.map_err(uncommitted)?;
        Ok((token, rotated, receipt))
    }

    /// Revokes an application: its token opens nothing from its entry on.
    pub(crate) async fn revoke_application(
        self: &Arc<Self>,
        call: LocalCall,
        name: String,
    ) -> Result<(ApplicationId, Receipt), Failure> {
        let revoke = transactions::RevokeApplication { name };
        let pending =
            self.store.transact(revoke, self.draft_here(call, Action::RevokeApplication), None, Depends::default());
        pending.await.map_err(uncommitted)
    }
}
