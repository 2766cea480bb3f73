//! What the refusals of changes of records, documents, grants, habilitations and applications are for callers.

use coffre_policies::GrantFault;
use coffre_policies::record_type::{FieldFault, Rule};
use coffre_store::transactions::{
    AddApplicationError, AddDocumentError, AmendError, BeginRotationError, CreateError, GiveGrantError,
    GiveHabilitationError, RestoreError, RevokeApplicationError, RotateTokenError, WithdrawGrantError,
    WithdrawHabilitationError,
};

use super::failure::{Failure, below, vanished};

impl From<GiveHabilitationError> for Failure {
    fn from(error: GiveHabilitationError) -> Self {
        match error {
            GiveHabilitationError::Store(error) => below(&error),
        }
    }
}

impl From<BeginRotationError> for Failure {
    fn from(error: BeginRotationError) -> Self {
        match error {
            // Another process finished it in between: asked again, the next one begins.
            BeginRotationError::NotAnnounced { .. } => Self::Contended,
            BeginRotationError::Store(error) => below(&error),
        }
    }
}

impl From<WithdrawHabilitationError> for Failure {
    fn from(error: WithdrawHabilitationError) -> Self {
        match error {
            WithdrawHabilitationError::NoSuchHabilitation => Self::NoSuchHabilitation,
            WithdrawHabilitationError::Store(error) => below(&error),
        }
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => below(&error),
        }
    }
}

impl From<AmendError> for Failure {
    fn from(error: AmendError) -> Self {
        match error {
            AmendError::NoSuchRecord => vanished(),
            AmendError::Stale { current } => Self::Stale { current },
            AmendError::Store(error) => below(&error),
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::NoSuchRecord => vanished(),
            RestoreError::NoSuchVersion { .. } => Self::NoSuchVersion,
            // Every field that is declared was decided over.
            RestoreError::Beyond { fields } => {
                let undeclared = |field| FieldFault { field, rule: Rule::Unknown };
                Self::InvalidValues { faults: fields.into_iter().map(undeclared).collect() }
            }
            RestoreError::Stale { current } => Self::Stale { current },
            RestoreError::Store(error) => below(&error),
        }
    }
}

impl From<AddDocumentError> for Failure {
    fn from(error: AddDocumentError) -> Self {
        match error {
            AddDocumentError::NoSuchRecord | AddDocumentError::Taken => vanished(),
            AddDocumentError::Stale => Self::StaleDocument,
            AddDocumentError::Store(error) => below(&error),
        }
    }
}

impl From<GiveGrantError> for Failure {
    fn from(error: GiveGrantError) -> Self {
        match error {
            GiveGrantError::NoSuchRecord => vanished(),
            GiveGrantError::Evidence => Self::NoSuchEvidence,
            GiveGrantError::Objected => Self::InvalidGrant { faults: vec![GrantFault::Objected] },
            GiveGrantError::Store(error) => below(&error),
        }
    }
}

impl From<WithdrawGrantError> for Failure {
    fn from(error: WithdrawGrantError) -> Self {
        match error {
            WithdrawGrantError::NoSuchGrant => Self::NoSuchGrant,
            WithdrawGrantError::Store(error) => below(&error),
        }
    }
}

impl From<AddApplicationError> for Failure {
    fn from(error: AddApplicationError) -> Self {
        match error {
            AddApplicationError::Name => Self::NotAName,
            AddApplicationError::Taken => Self::NameTaken,
            AddApplicationError::Uri => Self::NotAUri,
            AddApplicationError::UriTaken => Self::UriTaken,
            AddApplicationError::Store(error) => below(&error),
        }
    }
}

impl From<RevokeApplicationError> for Failure {
    fn from(error: RevokeApplicationError) -> Self {
        match error {
            RevokeApplicationError::NoSuchApplication => Self::NoSuchApplication,
            RevokeApplicationError::Store(error) => below(&error),
        }
    }
}

impl From<RotateTokenError> for Failure {
    fn from(error: RotateTokenError) -> Self {
        match error {
            RotateTokenError::NoSuchApplication => Self::NoSuchApplication,
            RotateTokenError::NoToken => Self::NoToken,
            RotateTokenError::Store(error) => below(&error),
        }
    }
}
