//! What the refusals of holds, erasures, restrictions, objections and reports of copies are for callers.

use coffre_store::WorkError;
use coffre_store::transactions::{
    ErasureError, ForgetPlaceError, LiftHoldError, ObjectError, PlaceHoldError, ReportCopiesError, RetainError,
    SetRestrictionError,
};

use super::failure::{Failure, below, vanished};

impl From<ErasureError> for Failure {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::NoSuchRecord => vanished(),
            ErasureError::NotProposed => Self::NotProposed,
            // Every route that erases asks for an operator.
            ErasureError::NoOperator => Self::Internal { what: error.to_string() },
            ErasureError::Store(error) => below(&error),
        }
    }
}

impl From<PlaceHoldError> for Failure {
    fn from(error: PlaceHoldError) -> Self {
        match error {
            PlaceHoldError::NoSuchRecord => vanished(),
            PlaceHoldError::Store(error) => below(&error),
        }
    }
}

impl From<WorkError> for Failure {
    fn from(error: WorkError) -> Self {
        below(&error)
    }
}

impl From<RetainError> for Failure {
    fn from(error: RetainError) -> Self {
        match error {
            RetainError::NoSuchRecord => vanished(),
            RetainError::Store(error) => below(&error),
        }
    }
}

impl From<LiftHoldError> for Failure {
    fn from(error: LiftHoldError) -> Self {
        match error {
            LiftHoldError::NoSuchHold => Self::NoSuchHold,
            LiftHoldError::Store(error) => below(&error),
        }
    }
}

impl From<SetRestrictionError> for Failure {
    fn from(error: SetRestrictionError) -> Self {
        match error {
            SetRestrictionError::NoSuchRecord => vanished(),
            SetRestrictionError::Store(error) => below(&error),
        }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NoSuchRecord => vanished(),
            ObjectError::Store(error) => below(&error),
        }
    }
}

impl From<ReportCopiesError> for Failure {
    fn from(error: ReportCopiesError) -> Self {
        match error {
            ReportCopiesError::Store(error) => below(&error),
            refused => Self::UnusableReport { cause: refused.to_string() },
        }
    }
}

impl From<ForgetPlaceError> for Failure {
    fn from(error: ForgetPlaceError) -> Self {
        match error {
            ForgetPlaceError::NoSuchPlace => Self::NoSuchPlace,
            ForgetPlaceError::Spool => Self::SpoolStays,
            ForgetPlaceError::Store(error) => below(&error),
        }
    }
}
