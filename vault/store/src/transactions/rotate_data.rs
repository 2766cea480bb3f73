//! The beginning and the end of a rotation of the data.

use std::num::NonZeroU32;

use coffre_core::audit::{Action, Draft};
use coffre_core::spool::DocumentName;
use rusqlite::params;
use thiserror::Error;

use super::Transaction;
use crate::rotation::{self, Rotation};
use crate::writer::{Work, WorkError};

/// Begins to write under a further epoch, whose secret stands in `keys.json` and in a backup. Where a rotation goes on already, only
/// its rate changes.
pub struct BeginRotation {
    /// The epoch, as [`Store::announce_epoch`](crate::Store::announce_epoch) gave it.
    pub epoch: u32,
    /// At most so many records and documents a second.
    pub rate: Option<NonZeroU32>,
}

/// A rotation that did not begin.
#[derive(Debug, Error)]
pub enum BeginRotationError {
    /// The secret of the epoch is not known.
    #[error("there is no secret of data epoch {epoch} in keys.json: begin the rotation again")]
    NotAnnounced {
        /// The epoch.
        epoch: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for BeginRotation {
    type Output = Rotation;
    type Error = BeginRotationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Rotation, BeginRotationError> {
        let Self { epoch, rate } = self;
        let newest = work.try_run(rotation::newest(work.around.vault))?;
        let rotation = match newest.filter(|newest| newest.finished.is_none()) {
            Some(under_way) => Rotation { rate, ..under_way },
            None if epoch <= work.around.epoch || epoch > work.around.keys.epochs.newest() => {
                return Err(BeginRotationError::NotAnnounced { epoch });
            }
            None => Rotation { epoch, request: base.request, began: work.now(), finished: None, rate },
        };
        work.try_run(rotation::remember(work.around.vault, &rotation))?;
        // Where a restore came in between, what is written is of its epoch already.
        let in_use = work.try_run(rotation::epoch(work.around.vault))?;
        work.effects.epoch = Some(in_use);
        work.log(Draft { target: Some(rotation.epoch.to_string()), ..base });
        Ok(rotation)
    }
}

/// Ends a rotation: nothing is left under a former epoch.
pub(crate) struct FinishRotation {
    /// The epoch that it was to.
    pub(crate) epoch: u32,
    /// Documents whose former files are removed.
    pub(crate) removed: Vec<DocumentName>,
}

impl Transaction for FinishRotation {
    /// Whether it was under way.
    type Output = bool;
    type Error = WorkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<bool, WorkError> {
        let vault = work.around.vault;
        let newest = work.try_run(rotation::newest(vault))?;
        let Some(rotation) = newest.filter(|newest| newest.finished.is_none() && newest.epoch == self.epoch) else {
            return Ok(false);
        };
        work.try_run(rotation::remember(vault, &Rotation { finished: Some(work.now()), ..rotation }))?;
        let forget = |name: &DocumentName| {
            let sql = "DELETE FROM removed_documents WHERE document = ?1 AND version = ?2";
            vault.prepare_cached(sql)?.execute(params![name.document.as_bytes(), name.version])
        };
        work.try_run(self.removed.iter().try_for_each(|name| forget(name).map(drop)))?;
        work.log(Draft { action: Action::FinishRotation, target: Some(self.epoch.to_string()), ..base });
        Ok(true)
    }
}
