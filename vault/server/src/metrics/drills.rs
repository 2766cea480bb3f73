//! Drills as Prometheus sees them: when the last one was, whether it passed, how long each of its phases took.

use coffre_core::drill::Phase;

use super::{Exposition, Seconds};
use crate::usecases::DrillHistory;

impl Exposition {
    pub(super) fn expose_drills(&mut self, history: &DrillHistory) {
        if history.objective_seconds.is_none() {
            return;
        }
        self.gauge("coffre_drill_overdue", "1 while no drill has passed for too long.", u64::from(history.overdue));
        let Some(last) = history.drills.last() else { return };
        self.gauge("coffre_drill_passed", "1 if the last drill passed.", u64::from(last.passed()));
        let ended = u64::try_from(last.ended.as_seconds()).unwrap_or(0);
        self.gauge("coffre_drill_last_timestamp_seconds", "When the last drill ended.", ended);
        if let Some(ended) = history.last_success {
            let ended = u64::try_from(ended.as_seconds()).unwrap_or(0);
            self.gauge("coffre_drill_last_success_timestamp_seconds", "When the last drill ended that passed.", ended);
        }
        if let Some(fetched) = &last.fetched {
            self.gauge("coffre_drill_bytes", "Bytes that the last drill restored.", fetched.bytes);
        }
        self.head("coffre_drill_duration_seconds", "gauge", "How long each phase of the last drill took.");
        for phase in Phase::ALL {
            let labels = format!("phase=\"{}\"", phase.name());
            let took = Seconds(last.milliseconds.of(phase).saturating_mul(1_000));
            self.sample("coffre_drill_duration_seconds", &labels, &took);
        }
    }
}
