//! How old the last good backup of a source is, held against its objective. Pure.

use coffre_core::time::Timestamp;

use super::OtherSource;
use super::state::{SourceState, SourcesState};
use crate::objective;

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStanding {
    /// Its name.
    pub name: String,
    /// What is remembered of it.
    pub state: SourceState,
    /// Seconds since its last good backup was begun; negative if that is in the future.
    pub age: Option<i64>,
    /// Whether that is within its objective.
    pub within: bool,
}

/// How the sources stand, in the order given.
pub fn standing(state: &SourcesState, sources: &[OtherSource], now: Timestamp) -> Vec<SourceStanding> {
    let stands = |source: &OtherSource| {
        let state = state.sources.get(&source.name).cloned().unwrap_or_default();
        let age = state.last_good.as_ref().map(|good| objective::age(good.time, now));
        let within = age.is_some_and(|age| objective::is_within(age, source.objective_seconds));
        SourceStanding { name: source.name.clone(), state, age, within }
    };
    sources.iter().map(stands).collect()
}
