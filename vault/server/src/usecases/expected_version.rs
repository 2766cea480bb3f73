//! The version that a change was made against: lost updates are refused, never merged.

use coffre_store::RecordState;

use super::failure::Failure;

/// The versions that the caller says it saw; one of them must be the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedVersion(pub(crate) Vec<u32>);

impl ExpectedVersion {
    /// The current version, if the caller saw it.
    pub(super) fn of(&self, state: &RecordState) -> Result<u32, Failure> {
        if self.0.contains(&state.version) { Ok(state.version) } else { Err(Failure::Stale { current: state.version }) }
    }
}
