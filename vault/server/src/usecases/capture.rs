//! Taking a base backup into the spool, for the backup account: it gets numbers, never content.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coffre_core::audit::Action;
use coffre_core::ids::GenerationId;
use coffre_core::spool::Ordinal;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Captured, CaughtUp, Depends};

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::health::LastBase;
use super::keeper::{Keeper, blocking};

/// What is written into manifests as their maker.
pub(crate) const SOFTWARE: &str = concat!("coffre ", env!("CARGO_PKG_VERSION"));

impl Keeper {
    /// Takes a base backup. Its entry comes first, so that the backup holds it; an entry without its
    /// backup says that one was begun.
    pub(crate) async fn capture_base(
        self: &Arc<Self>,
        call: LocalCall,
        spool: PathBuf,
        keep: NonZeroU64,
    ) -> Result<Captured, Failure> {
        let noted = self.store.transact(NoteOnly, self.draft_here(call, Action::CaptureBase), None, Depends::default());
        noted.await.map_err(uncommitted)?;
        let store = self.store.clone();
        let captured = blocking(move || store.capture(&spool, keep, SOFTWARE).map_err(Failure::NotCaptured)).await?;
        self.base_taken(LastBase::from(&captured));
        Ok(captured)
    }

    /// The next base backup goes on after a spool that was lost.
    pub(crate) fn spool_was_lost(&self) {
        self.store.spool_was_lost();
    }

    /// Takes which base backup is the newest that every destination holds.
    pub(crate) fn confirmed(&self, newest: Option<(GenerationId, Ordinal)>) {
        self.store.confirmed(newest);
    }

    /// Nothing but copies of the keyring is dropped from the spool, for so long; or everything that need not stay is again.
    pub(crate) async fn keep_everything(&self, longest: Duration) -> Result<(), Failure> {
        let store = self.store.clone();
        blocking(move || {
            store.keep_everything(longest);
            Ok(())
        })
        .await
    }

    /// Waits until everything committed by now is in the spool. Where capture goes on continuously, that
    /// is nothing new and leaves no entry; otherwise it is a base backup.
    pub(crate) async fn catch_up(
        self: &Arc<Self>,
        call: LocalCall,
        spool: PathBuf,
        keep: NonZeroU64,
    ) -> Result<CaughtUp, Failure> {
        if !self.store.capture_status().on {
            let captured = self.capture_base(call, spool, keep).await?;
            return Ok(CaughtUp { base: captured.number, taken: true, time: captured.time });
        }
        let store = self.store.clone();
        blocking(move || store.catch_up(&spool, keep, SOFTWARE).map_err(Failure::NotCaptured)).await
    }
}
