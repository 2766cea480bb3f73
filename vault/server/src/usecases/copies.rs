//! Copies of the keyring: what the backup account reports of the places that hold them, from which
//! it follows whether an erasure has reached them.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::erasure::{Copies, PlaceName};
use coffre_store::transactions::{ForgetPlace, ReportCopies};
use coffre_store::{Depends, Receipt};

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;

impl Keeper {
    /// Takes a report of the backup account.
    pub(crate) async fn report_copies(
        self: &Arc<Self>,
        call: LocalCall,
        places: Vec<Copies>,
    ) -> Result<((), Receipt), Failure> {
        let draft = self.draft_here(call, Action::ReportCopies);
        self.store.transact(ReportCopies { places }, draft, None, Depends::default()).await.map_err(uncommitted)
    }

    /// What every place was last found to hold.
    pub(crate) async fn list_copies(self: &Arc<Self>) -> Result<Vec<Copies>, Failure> {
        self.view(|_, snapshot| Ok(snapshot.copies()?)).await
    }

    /// Strikes off a place that will never be looked at again.
    pub(crate) async fn forget_place(
        self: &Arc<Self>,
        call: LocalCall,
        place: PlaceName,
    ) -> Result<((), Receipt), Failure> {
        let draft = self.draft_here(call, Action::ForgetPlace);
        self.store.transact(ForgetPlace { place }, draft, None, Depends::default()).await.map_err(uncommitted)
    }
}
