//! Replacing the root key, and with it the recovery recipient where that is asked, on the vault's host. Its entry comes first: an entry without a new root says that one was
//! begun.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Receipt};
use serde::Deserialize;

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};

/// Another recovery recipient than before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRecovery {
    /// The recipient (`age1…`).
    recovery_recipient: String,
    /// What became of the former identity.
    former: Former,
}

/// What whoever replaces the recovery identity says of the former one. The vault cannot look: it goes into the log as said.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Former {
    /// It was there, alone or as a quorum of shares, and opened this vault.
    Opened,
    /// It is lost.
    Lost,
}

impl Former {
    /// The cause in the log.
    const fn cause(self) -> &'static str {
        match self {
            Self::Opened => "former-recovery-identity-opened",
            Self::Lost => "former-recovery-identity-lost",
        }
    }
}

impl Keeper {
    /// Replaces the root key, and whom backups are for if that is asked.
    pub(crate) async fn rotate_root(
        self: &Arc<Self>,
        call: LocalCall,
        recovery: Option<NewRecovery>,
    ) -> Result<Receipt, Failure> {
        let mut draft = self.draft_here(call, Action::RotateRoot);
        if let Some(NewRecovery { recovery_recipient, former }) = &recovery {
            self.store.check_recipient(recovery_recipient).map_err(|error| Failure::NotRotated(error.into()))?;
            draft.target = Some(recovery_recipient.clone());
            draft.cause = Some(former.cause().to_owned());
        }
        let ((), receipt) =
            self.store.transact(NoteOnly, draft, None, Depends::default()).await.map_err(uncommitted)?;
        let store = self.store.clone();
        blocking(move || {
            let rotated = match recovery {
                Some(recovery) => store.rotate_recovery(&recovery.recovery_recipient),
                None => store.rotate_root(),
            };
            rotated.map_err(Failure::NotRotated)
        })
        .await?;
        Ok(receipt)
    }
}
