//! Drills: a backup is restored from where it is kept, opened with the keys that this process has, and checked. Whoever
//! asks gets numbers; the result is signed, kept, counted, and an entry of the log.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use coffre_core::audit::{Action, Draft};
use coffre_core::drill::{DrillResult, Slice, last_passed, next_destination};
use coffre_core::time::Timestamp;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Store};
use serde::Serialize;

use super::background::in_background;
use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use crate::drills::DrillOptions;

/// How many are in memory: as many as the store keeps.
const REMEMBERED: usize = 400;

/// A drill that came to its end, whichever that was.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    /// What was found.
    pub(crate) drill: DrillResult,
    /// The same as a C2SP signed note.
    pub(crate) note: String,
}

/// The drills so far.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DrillHistory {
    /// Oldest first.
    pub(crate) drills: Vec<DrillResult>,
    /// How long ago the last one that passed may be; absent where no drills are held.
    pub(crate) objective_seconds: Option<u64>,
    /// Whether none passed within that.
    pub(crate) overdue: bool,
    /// When the last one ended that passed.
    #[serde(skip)]
    pub(crate) last_success: Option<Timestamp>,
}

/// The results that the vault keeps, as they were when it was opened.
pub(super) fn kept(store: &Store) -> Vec<DrillResult> {
    store.drills().unwrap_or_else(|error| {
        tracing::error!(%error, "the results of drills cannot be read");
        Vec::new()
    })
}

/// Whether no drill has passed for longer than it may. None ever is too long, and one that ended in the future proves
/// nothing: a clock was wrong.
fn is_overdue(drills: &[DrillResult], objective: Duration, now: Timestamp) -> bool {
    let limit = i64::try_from(objective.as_secs()).unwrap_or(i64::MAX);
    last_passed(drills, now).is_none_or(|drill| now.as_seconds() - drill.ended.as_seconds() > limit)
}

impl Keeper {
    /// Holds a drill. It goes on when whoever asked for it leaves, and ends when it is `over`.
    pub(crate) async fn hold_drill(
        self: Arc<Self>,
        call: LocalCall,
        options: DrillOptions,
        from: Option<String>,
        over: impl Fn() -> bool + Send + 'static,
    ) -> Result<Held, Failure> {
        let Ok(_alone) = self.drilling.try_lock() else { return Err(Failure::DrillUnderWay) };
        let destinations = options.holder.destinations();
        let history = self.drills();
        let destination = match &from {
            Some(name) => destinations.iter().find(|known| *known == name).map(String::as_str),
            None => next_destination(&destinations, &history),
        };
        let unknown = || Failure::NoDestination { known: destinations.join(", ") };
        let destination = destination.ok_or_else(unknown)?;
        let number = history.last().map_or(0, |drill| drill.number) + 1;
        let mut begun = DrillResult::begun(self.store.scope(), number, destination, self.now(), call.request);
        begun.slice = Slice::of_drill(number, options.slices);
        tracing::info!(number, destination, "a drill begins");
        let store = self.store.clone();
        let (drill, note) = in_background("coffre-drill", move || {
            let mut drill = options.holder.hold(begun, &over);
            drill.ended = store.now().max(drill.started);
            let note = store.keep_drill(&drill).map_err(|error| Failure::Internal { what: error.to_string() })?;
            Ok((drill, note))
        })
        .await?;
        tell(&drill);
        self.remember_drill(drill.clone());
        let noted = self.store.transact(NoteOnly, self.entry_of_drill(call, &drill), None, Depends::default());
        noted.await.map_err(uncommitted)?;
        Ok(Held { drill, note })
    }

    /// The drills so far, and whether the next one is overdue.
    pub(crate) fn drill_history(&self, objective: Option<Duration>) -> DrillHistory {
        let drills = self.drills();
        // Not the vault's time: that never goes back behind a drill's own entry, so one of the future would be recent.
        let now = self.store.clock_time();
        let overdue = objective.is_some_and(|objective| is_overdue(&drills, objective, now));
        let last_success = last_passed(&drills, now).map(|drill| drill.ended);
        let objective_seconds = objective.map(|objective| objective.as_secs());
        DrillHistory { drills, objective_seconds, overdue, last_success }
    }

    /// A drill that failed says in which phase.
    fn entry_of_drill(&self, call: LocalCall, drill: &DrillResult) -> Draft {
        let cause = drill.failure.as_ref().map(|failure| format!("drill-failed-{}", failure.phase.name()));
        Draft { target: Some(drill.destination.clone()), cause, ..self.draft_here(call, Action::Drill) }
    }

    fn drills(&self) -> Vec<DrillResult> {
        self.held_drills.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember_drill(&self, drill: DrillResult) {
        let mut held = self.held_drills.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(drill);
        let beyond = held.len().saturating_sub(REMEMBERED);
        held.drain(..beyond);
    }
}

fn tell(drill: &DrillResult) {
    let (number, destination, milliseconds) = (drill.number, &drill.destination, drill.milliseconds.total());
    match &drill.failure {
        None => tracing::info!(number, destination, milliseconds, "the drill passed"),
        Some(failure) => {
            let (phase, cause) = (failure.phase.name(), &failure.cause);
            tracing::error!(number, destination, phase, cause, "THE DRILL FAILED");
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::crypto::Scope;
    use coffre_core::drill::{DrillFailure, OpenedState, Phase};
    use coffre_core::ids::{RequestId, VaultId};

    use super::*;

    const HOUR: i64 = 3_600;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }

    /// A drill that passed so many seconds ago.
    fn passed(number: u64, seconds_ago: i64) -> DrillResult {
        let scope = Scope { environment: "recette".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) };
        let ended = now().plus_seconds(-seconds_ago);
        let mut drill = DrillResult::begun(&scope, number, "offsite", ended, RequestId::from_bytes([2; 16]));
        drill.opened = Some(OpenedState {
            entries: 3,
            root: "03".repeat(32),
            values: 1,
            documents: 0,
            slice_records: 1,
            slice_documents: 0,
            slice_document_bytes: 0,
        });
        drill
    }

    fn overdue(drills: &[DrillResult]) -> bool {
        is_overdue(drills, Duration::from_hours(1), now())
    }

    #[test]
    fn a_drill_is_overdue_when_none_passed_within_the_objective_and_the_future_proves_nothing() {
        assert!(overdue(&[]), "none ever");
        for (seconds_ago, is) in [(0, false), (HOUR, false), (HOUR + 1, true), (-300, false), (-301, true)] {
            assert_eq!(overdue(&[passed(1, seconds_ago)]), is, "{seconds_ago}");
        }
        let cause = DrillFailure { phase: Phase::Fetch, cause: "lost; try again".to_owned(), code: 75 };
        let mut failed = passed(2, 60);
        (failed.failure, failed.opened) = (Some(cause), None);
        assert!(overdue(&[passed(1, 2 * HOUR), failed]), "a failure is no success");
        assert!(!overdue(&[passed(1, 60), passed(2, -30 * HOUR)]), "what proves nothing takes nothing away");
    }
}
