//! How the work on a repository stands, for the morning's report: what failed, what was never done, what is overdue.

use coffre_core::time::Timestamp;

use super::state::{Kept, MaintenanceState, Work};
use super::{Reading, Rotation};
use crate::ending::Ending;
use crate::objective;

const DAY: i64 = 86_400;
/// Retention that was not done for so long is a fault, whatever the backups say.
const RETENTION_DAYS: i64 = 8;

/// How a repository stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryStanding {
    /// What is remembered of each kind of work.
    pub work: Vec<(Work, Kept)>,
    /// The kinds that are late: their last success is too old, or there was none.
    pub late: Vec<Work>,
    /// Since when all of it was read; none if some of it never was.
    pub whole_since: Option<Timestamp>,
    /// Parts that were not read within the period.
    pub overdue: usize,
    /// How the report of it ends.
    pub ending: Ending,
}

/// How a repository stands, of the kinds of work that are done on it.
pub fn standing(
    state: &MaintenanceState,
    name: &str,
    kinds: &[Work],
    rotation: Rotation,
    now: Timestamp,
) -> RepositoryStanding {
    let remembered = state.repositories.get(name).cloned().unwrap_or_default();
    let reading: Reading = remembered.reading;
    let work: Vec<(Work, Kept)> =
        kinds.iter().map(|kind| (*kind, remembered.work.get(kind).cloned().unwrap_or_default())).collect();
    let is_recent = |time| objective::is_within(objective::age(time, now), RETENTION_DAYS * DAY);
    let is_late = |kept: &Kept| !kept.last_success.is_some_and(is_recent);
    let late: Vec<Work> = work.iter().filter(|(_, kept)| is_late(kept)).map(|(kind, _)| *kind).collect();
    let (overdue, whole_since) = (reading.overdue(rotation, now), reading.whole_since(rotation, now));
    let late_reading = kinds.contains(&Work::Check) && overdue > 0;
    let ending = if late.is_empty() && !late_reading { Ending::Success } else { Ending::ObjectiveMissed };
    RepositoryStanding { work, late, whole_since, overdue, ending }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_that_is_hardly_ahead_was_just_now_and_one_in_the_future_is_none() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let is_late = |seconds: i64| {
            let mut state = MaintenanceState::default();
            state.note("restic", Work::Prune, now.plus_seconds(seconds), None);
            let rotation = Rotation { days: 28, parts: 2 };
            !standing(&state, "restic", &[Work::Prune], rotation, now).late.is_empty()
        };
        assert_eq!([-8 * DAY, -8 * DAY - 1, 1, 301].map(is_late), [false, true, false, true]);
    }
}
