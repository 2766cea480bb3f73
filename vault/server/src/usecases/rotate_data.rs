//! Rotating the data, on the vault's host: a new epoch begins, and a thread of its own encrypts anew what is of a former one, at the
//! pace asked for and never for more than half of the time. A vault that is stopped meanwhile goes on at its next start.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_store::transactions::BeginRotation;
use coffre_store::{AtEpoch, Depends, Receipt, Rotation};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};
use crate::rotating::Standing;

/// What is asked of a rotation.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateData {
    /// At most so many records and documents a second.
    #[serde(default)]
    rate: Option<NonZeroU32>,
}

/// How the data stand.
#[derive(Debug, Serialize)]
pub(crate) struct DataKeys {
    /// The epoch that new values are written under.
    pub(crate) epoch: u32,
    /// The newest rotation, if there ever was one.
    pub(crate) rotation: Option<Rotation>,
    /// What this process does about it.
    pub(crate) standing: Standing,
    /// How much is of which epoch.
    pub(crate) by_epoch: BTreeMap<u32, AtEpoch>,
}

impl Keeper {
    /// Begins a rotation of the data, or goes on with the one under way at another rate.
    pub(crate) async fn rotate_data(self: &Arc<Self>, call: LocalCall, asked: RotateData) -> Result<Receipt, Failure> {
        let _one_at_a_time = self.rotating.beginning().await;
        let under_way = self.newest_rotation().await?.filter(|rotation| rotation.finished.is_none());
        let epoch = if let Some(rotation) = under_way {
            rotation.epoch
        } else {
            let store = self.store.clone();
            blocking(move || store.announce_epoch().map_err(Failure::NotRotated)).await?
        };
        let transaction = BeginRotation { epoch, rate: asked.rate };
        let begun = self.store.transact(transaction, call.draft(Action::RotateData), None, Depends::default());
        let (rotation, receipt) = begun.await.map_err(uncommitted)?;
        self.rotating.run(&self.store, &rotation);
        Ok(receipt)
    }

    /// Goes on with a rotation that the last process did not come to the end of.
    pub(crate) async fn resume_rotation(self: &Arc<Self>) {
        match self.newest_rotation().await {
            Ok(Some(rotation)) if rotation.finished.is_none() => {
                tracing::info!(epoch = rotation.epoch, "the rotation of the data goes on");
                self.rotating.run(&self.store, &rotation);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "whether a rotation of the data is under way is not known"),
        }
    }

    /// Ends the thread, if there is one; the next start goes on.
    pub(crate) fn end_rotation(&self) {
        self.rotating.end();
    }

    /// The epoch that new values are written under.
    pub(crate) fn data_epoch(&self) -> u32 {
        self.store.data_epoch()
    }

    /// How it goes, to be watched.
    pub(crate) fn watch_rotation(&self) -> watch::Receiver<Standing> {
        self.rotating.watch()
    }

    /// How much of the data is of which epoch.
    pub(crate) async fn data_keys(self: &Arc<Self>) -> Result<DataKeys, Failure> {
        let rotation = self.newest_rotation().await?;
        let store = self.store.clone();
        let by_epoch = blocking(move || Ok(store.by_epoch()?)).await?;
        let standing = self.rotating.watch().borrow().clone();
        Ok(DataKeys { epoch: self.data_epoch(), rotation, standing, by_epoch })
    }

    async fn newest_rotation(self: &Arc<Self>) -> Result<Option<Rotation>, Failure> {
        self.view(|_, snapshot| Ok(snapshot.rotation()?)).await
    }
}
