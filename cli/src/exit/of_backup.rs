//! How a run ends when a verb of the backup crate failed: the crate knows itself.

use std::error::Error;

use coffre_backup::destination::SourceError;
use coffre_backup::expiry::ExpiryError;
use coffre_backup::jobs::JobsError;
use coffre_backup::maintenance::MaintenanceError;
use coffre_backup::measure::MeasurementError;
use coffre_backup::other_sources::{SourceRestoreError, SourceRunError};
use coffre_backup::restic::{CheckError, Failure};
use coffre_backup::restore::{PlanError, RestoreError};
use coffre_backup::run::RunError;
use coffre_backup::snapshot::SnapshotError;
use coffre_backup::state::StateError;
use coffre_backup::verify::VerifyError;
use coffre_backup::{Ending, Ends};

use super::Exit;

/// The ending of an error, if it is one of that crate's.
pub(super) fn any(link: &(dyn Error + 'static)) -> Option<Exit> {
    None.or_else(|| ending::<RunError>(link))
        .or_else(|| ending::<SourceError>(link))
        .or_else(|| ending::<VerifyError>(link))
        .or_else(|| ending::<PlanError>(link))
        .or_else(|| ending::<RestoreError>(link))
        .or_else(|| ending::<SnapshotError>(link))
        .or_else(|| ending::<CheckError>(link))
        .or_else(|| ending::<Failure>(link))
        .or_else(|| ending::<StateError>(link))
        .or_else(|| ending::<JobsError>(link))
        .or_else(|| ending::<MeasurementError>(link))
        .or_else(|| ending::<MaintenanceError>(link))
        .or_else(|| ending::<ExpiryError>(link))
        .or_else(|| ending::<SourceRunError>(link))
        .or_else(|| ending::<SourceRestoreError>(link))
        .map(Exit::from)
}

fn ending<E: Error + Ends + 'static>(link: &(dyn Error + 'static)) -> Option<Ending> {
    link.downcast_ref::<E>().map(Ends::ending)
}
