//! Replacing the root key, on the vault's host. Its entry comes first: an entry without a new root says that one was
//! begun.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Receipt};

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};

impl Keeper {
    /// Replaces the root key.
    pub(crate) async fn rotate_root(self: &Arc<Self>, call: LocalCall) -> Result<Receipt, Failure> {
        let noted = self.store.transact(NoteOnly, call.draft(Action::RotateRoot), None, Depends::default());
        let ((), receipt) = noted.await.map_err(uncommitted)?;
        let store = self.store.clone();
        blocking(move || store.rotate_root().map_err(Failure::NotRotated)).await?;
        Ok(receipt)
    }
}
