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

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};
use crate::drills::DrillOptions;

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
    /// Whether it is longer ago than that.
    pub(crate) overdue: bool,
}

/// The results that the vault keeps, as they were when it was opened.
pub(super) fn kept(store: &Store) -> Vec<DrillResult> {
    store.drills().unwrap_or_else(|error| {
        tracing::error!(%error, "the results of drills cannot be read");
        Vec::new()
    })
}

/// Whether no drill has passed for longer than it may. None ever is too long.
fn is_overdue(drills: &[DrillResult], objective: Duration, now: Timestamp) -> bool {
    let limit = i64::try_from(objective.as_secs()).unwrap_or(i64::MAX);
    last_passed(drills).is_none_or(|drill| now.as_seconds() - drill.ended.as_seconds() > limit)
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
        let (drill, note) = blocking(move || {
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
        let overdue = objective.is_some_and(|objective| is_overdue(&drills, objective, self.now()));
        DrillHistory { drills, objective_seconds: objective.map(|objective| objective.as_secs()), overdue }
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
        self.held_drills.lock().unwrap_or_else(PoisonError::into_inner).push(drill);
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
