//! What every destination has confirmed, as the backup account tells it: base backups that the slowest one has not
//! confirmed stay in the spool for it. Nobody is waited for unless somebody says so.

use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::ids::GenerationId;
use coffre_core::spool::Ordinal;

use super::WhenFull;

/// What was told last. Not kept: until it is told again after a start, everything stays.
#[derive(Debug, Default)]
pub(crate) struct Confirmation(Mutex<Option<Awaited>>);

#[derive(Debug, Clone, Copy)]
struct Awaited {
    when_full: WhenFull,
    /// The newest base backup that all destinations hold.
    told: Option<(GenerationId, Ordinal)>,
}

/// For whom base backups stay in the spool beyond the number that is kept anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The oldest that stays: with the segments after it a destination goes on from what it has confirmed.
    pub(super) from: Ordinal,
    /// What happens when the spool is full of them.
    pub(super) when_full: WhenFull,
}

impl Confirmation {
    fn awaited(&self) -> MutexGuard<'_, Option<Awaited>> {
        // Every change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on base backups stay until they are confirmed.
    pub(crate) fn begin(&self, when_full: WhenFull) {
        *self.awaited() = Some(Awaited { when_full, told: None });
    }

    /// Takes what the backup account tells: the newest that all destinations hold, or none.
    pub(crate) fn tell(&self, told: Option<(GenerationId, Ordinal)>) {
        if let Some(awaited) = self.awaited().as_mut() {
            awaited.told = told;
        }
    }

    /// What stays, of a generation.
    pub(super) fn waiting(&self, generation: GenerationId) -> Option<Waiting> {
        let Awaited { when_full, told } = (*self.awaited())?;
        let told = told.filter(|(of, _)| *of == generation);
        Some(Waiting { from: told.map_or(Ordinal::FIRST, |(_, number)| number), when_full })
    }
}
