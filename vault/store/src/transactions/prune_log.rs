//! Pruning of the log: what its first entries say was written is carried over, then it begins after them.

use std::convert::Infallible;

use coffre_core::audit::{Action, Carried, Draft};

use super::Transaction;
use crate::log_file;
use crate::writer::{Work, WorkError};

/// Writes down what entries that are about to be pruned say was written.
#[derive(Clone)]
pub struct CarryOver {
    /// Where the log is to begin.
    pub minimum_index: u64,
    /// What was written: as much as an entry has room for.
    pub carried: Vec<Carried>,
}

impl Transaction for CarryOver {
    type Output = ();
    type Error = Infallible;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), Infallible> {
        let Self { minimum_index, carried } = self;
        work.log(Draft { action: Action::CarryOver, minimum_index: Some(minimum_index), carried, ..base });
        Ok(())
    }
}

/// Lets the log begin later. From its commit on nobody reads the entries before; they are removed from the file after
/// it, also if the vault is stopped or killed meanwhile.
#[derive(Clone)]
pub struct PruneLog {
    /// The index of the first entry that stays: a multiple of 256, so that whole bundles go.
    pub minimum_index: u64,
}

impl Transaction for PruneLog {
    type Output = ();
    type Error = WorkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), WorkError> {
        let Self { minimum_index } = self;
        work.try_run(log_file::prune_to(work.around.vault, minimum_index))?;
        work.log(Draft { action: Action::PruneLog, minimum_index: Some(minimum_index), ..base });
        work.effects.pruned = true;
        Ok(())
    }
}
