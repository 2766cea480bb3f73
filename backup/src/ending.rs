//! How a verb ended, for whoever schedules it. The numbers are those of `docs/OPERATIONS.md`; what
//! people read is each error's own text.

use std::io::ErrorKind;

use coffre_core::spool::{Fault, NoPoint};

use crate::destination::{PutError, SourceError};
use crate::jobs::JobsError;
use crate::lock::LockError;
use crate::measure::MeasurementError;
use crate::restic::{BackupError, CheckError, Failure, RestoreError as FetchError};
use crate::restore::{PlanError, RestoreError};
use crate::run::{RunError, TargetError};
use crate::ship::ShipError;
use crate::snapshot::SnapshotError;
use crate::state::StateError;
use crate::verify::VerifyError;

/// How a verb ended. The greater, the more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Done.
    Success,
    /// Another run is at it.
    Busy,
    /// May succeed later without a change: a full disk, a lost destination, a request to stop.
    Temporary,
    /// The last good backup is older than its objective.
    ObjectiveMissed,
    /// Failed for a reason without a number of its own.
    Failure,
    /// The configuration is wrong.
    Usage,
    /// restic is missing or not usable.
    ToolMissing,
    /// A password or key is another one's.
    WrongKey,
    /// Something was changed that must not change.
    Tampering,
}

impl Ending {
    /// The ending with this exit code; a failure where there is none.
    pub(crate) fn of_code(code: u8) -> Self {
        let all = [
            Self::Success,
            Self::Busy,
            Self::Temporary,
            Self::ObjectiveMissed,
            Self::Usage,
            Self::ToolMissing,
            Self::WrongKey,
            Self::Tampering,
        ];
        all.into_iter().find(|ending| ending.code() == code).unwrap_or(Self::Failure)
    }

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::ObjectiveMissed => 11,
            Self::Tampering => 12,
            Self::Busy => 13,
            Self::ToolMissing => 14,
            Self::WrongKey => 15,
            Self::Temporary => 75,
        }
    }
}

/// An error that knows how the verb ends with it.
pub trait Ends {
    /// How the verb ends.
    fn ending(&self) -> Ending;
}

impl Ends for Fault {
    fn ending(&self) -> Ending {
        match self {
            Self::Unreadable { .. } => Ending::Temporary,
            _ => Ending::Tampering,
        }
    }
}

impl Ends for NoPoint {
    fn ending(&self) -> Ending {
        match self {
            Self::Empty | Self::NotThere { .. } | Self::TooEarly { .. } => Ending::Failure,
            Self::NewestUnsound { .. } | Self::Faults { .. } => Ending::Tampering,
        }
    }
}

impl Ends for SourceError {
    fn ending(&self) -> Ending {
        match self {
            Self::NotFound { .. } => Ending::Tampering,
            Self::Absent { .. } | Self::Unreachable { .. } | Self::Io { .. } | Self::Cancelled(_) => Ending::Temporary,
            Self::Refused { .. } => Ending::WrongKey,
            Self::TooMany { .. } | Self::Path { .. } => Ending::Failure,
            Self::Fetch { source, .. } => source.downcast_ref::<FetchError>().map_or(Ending::Failure, Ends::ending),
        }
    }
}

impl Ends for PutError {
    fn ending(&self) -> Ending {
        match self {
            Self::Full { .. }
            | Self::Absent { .. }
            | Self::Unreachable { .. }
            | Self::Io { .. }
            | Self::Content { .. } => Ending::Temporary,
            Self::Refused { .. } => Ending::WrongKey,
            Self::Exists { .. } => Ending::Tampering,
            Self::Path { .. } | Self::TooLarge { .. } => Ending::Failure,
        }
    }
}

impl Ends for LockError {
    fn ending(&self) -> Ending {
        match self {
            Self::Held { .. } => Ending::Busy,
            // What a person must put right, or what passes, as a full disk: after that a service is started again.
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::Unsupported => Ending::Usage,
                _ => Ending::Temporary,
            },
        }
    }
}

impl Ends for Failure {
    fn ending(&self) -> Ending {
        match self {
            Self::Missing { .. } | Self::DoesNotStart { .. } | Self::NotRestic { .. } | Self::TooOld { .. } => {
                Ending::ToolMissing
            }
            Self::PasswordFile { .. } => Ending::Usage,
            Self::WrongPassword { .. } => Ending::WrongKey,
            Self::Locked { .. } => Ending::Busy,
            // A repository that is not there may be a disk that is not mounted.
            Self::NoRepository { .. }
            | Self::Unreachable { .. }
            | Self::LeftLocked { .. }
            | Self::Full { .. }
            | Self::Killed { .. }
            | Self::Cancelled(_) => Ending::Temporary,
            Self::Failed { .. } | Self::Answer { .. } | Self::TooMuch { .. } | Self::Output { .. } => Ending::Failure,
        }
    }
}

impl Ends for BackupError {
    fn ending(&self) -> Ending {
        match self {
            Self::NoSource { .. } | Self::Incomplete { .. } => Ending::Failure,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for CheckError {
    fn ending(&self) -> Ending {
        match self {
            Self::Damaged { .. } => Ending::Tampering,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for FetchError {
    fn ending(&self) -> Ending {
        match self {
            Self::Full { .. } => Ending::Temporary,
            Self::Incomplete { .. } => Ending::Failure,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for SnapshotError {
    fn ending(&self) -> Ending {
        match self {
            Self::None { .. } | Self::TooMany { .. } => Ending::Failure,
            Self::Foreign { .. } => Ending::Tampering,
            Self::Restic(failure) => failure.ending(),
            Self::Scratch { .. } => Ending::Temporary,
        }
    }
}

impl Ends for ShipError {
    fn ending(&self) -> Ending {
        match self {
            Self::Empty => Ending::Failure,
            Self::Spool(error) | Self::Destination(error) => error.ending(),
            Self::SpoolFault { fault } | Self::Refused { fault, .. } | Self::Damaged { fault, .. } => fault.ending(),
            Self::NoKeyring { source } => source.ending(),
            Self::Put(error) => error.ending(),
            Self::Dropped { .. } | Self::Cancelled(_) => Ending::Temporary,
        }
    }
}

impl Ends for VerifyError {
    fn ending(&self) -> Ending {
        match self {
            Self::Source(error) => error.ending(),
            Self::Cancelled(_) => Ending::Temporary,
        }
    }
}

impl Ends for PlanError {
    fn ending(&self) -> Ending {
        match self {
            Self::Source(error) => error.ending(),
            Self::NoPoint(error) => error.ending(),
            Self::Documents { first, .. } => first.ending(),
            Self::NewestLost { source } => source.ending(),
        }
    }
}

impl Ends for RestoreError {
    fn ending(&self) -> Ending {
        match self {
            Self::NotEmpty { .. } | Self::OtherPoint { .. } => Ending::Usage,
            Self::Lock(error) => error.ending(),
            Self::Fault { fault } => fault.ending(),
            Self::Source(error) => error.ending(),
            Self::Full { .. } | Self::Io { .. } | Self::Cancelled(_) => Ending::Temporary,
        }
    }
}

impl Ends for StateError {
    fn ending(&self) -> Ending {
        match self {
            Self::Damaged { .. } => Ending::Failure,
            Self::Io { .. } => Ending::Temporary,
        }
    }
}

impl Ends for JobsError {
    fn ending(&self) -> Ending {
        match self {
            Self::Damaged { .. } => Ending::Failure,
            Self::Io { .. } => Ending::Temporary,
            Self::Lock(error) => error.ending(),
        }
    }
}

impl Ends for MeasurementError {
    fn ending(&self) -> Ending {
        Ending::Temporary
    }
}

impl Ends for TargetError {
    fn ending(&self) -> Ending {
        match self {
            Self::Ship(error) => error.ending(),
            Self::Restic(failure) => failure.ending(),
            Self::Snapshot(error) => error.ending(),
            Self::Spool(error) => error.ending(),
            Self::Fault { fault } => fault.ending(),
            Self::Point(error) => error.ending(),
            Self::Empty => Ending::Failure,
            Self::Unproven { .. } => Ending::Tampering,
            Self::State(error) => error.ending(),
            Self::Lock(error) => error.ending(),
            // As of a place that holds nothing yet.
            Self::OnItsWay => Ending::ObjectiveMissed,
        }
    }
}

impl Ends for RunError {
    fn ending(&self) -> Ending {
        match self {
            Self::Lock(error) => error.ending(),
            Self::State(error) => error.ending(),
            Self::NoSpool { .. } | Self::NoTarget => Ending::Usage,
        }
    }
}
