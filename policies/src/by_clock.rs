//! Nothing is over before the clock says so. Time in the vault's log never goes back: where the clock was ahead once, the log
//! stays ahead of it until that day, and nothing may be destroyed too early for that.

use coffre_core::time::Timestamp;
use time::Duration;

use crate::keeping::{Keeping, Phase, day};

impl Keeping<'_> {
    /// The same where the clock shows this moment, which may be before the one that it was judged at: what is over by then is
    /// kept as on its last day until the clock has come to the end of that day, too.
    #[must_use]
    pub fn by_clock(self, clock: Timestamp) -> Self {
        let Phase::Ended(since) = self.phase else { return self };
        if since <= day(clock) {
            return self;
        }
        let last = since.saturating_sub(Duration::days(1));
        let phase = if self.archive().is_some() { Phase::Archive(last) } else { Phase::Active(last) };
        Self { phase, ..self }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use coffre_core::record::Fields;
    use serde_json::Value;

    use super::*;
    use crate::keeping::RecordFacts;
    use crate::policies::Policies;
    use crate::retention::Exemption;
    use crate::values::date;

    #[test]
    fn what_is_over_is_over_by_the_clock_too() {
        let policies = Policies::embedded().unwrap();
        let moment = |day: &str| -> Timestamp { format!("{day}T10:00:00Z").parse().unwrap() };
        let kind = policies.record_type("policyholder").unwrap();
        let standing = |values: &[(&str, &str)], clock: &str| {
            let fields = values.iter().map(|(field, text)| (field.parse().unwrap(), Value::from(*text)));
            let fields = Fields(fields.collect());
            let (created, changed) = (moment("2020-01-01"), moment("2020-01-01"));
            let facts = RecordFacts { created, changed, answered: None, fields: &fields };
            let kept = policies.keeping(kind, facts, moment("2026-01-01"))[0].clone().by_clock(moment(clock));
            (kept.phase, kept.opposes_erasure())
        };
        let on = |day: &str| date::parse(day).unwrap();
        let ended = [("contact.email", "a@example.fr"), ("contract.end_date", "2020-06-30")];
        let apart = (Phase::Archive(on("2025-06-30")), Some(Exemption::LegalClaims));
        for clock in ["1970-01-01", "2024-12-01", "2025-06-30"] {
            assert_eq!(standing(&ended, clock), apart, "{clock}");
        }
        for clock in ["2025-07-01", "2026-01-01", "2030-01-01"] {
            assert_eq!(standing(&ended, clock), (Phase::Ended(on("2025-07-01")), None), "{clock}");
        }
        let alone = [("contact.email", "a@example.fr")];
        assert_eq!(standing(&alone, "2023-01-01"), (Phase::Active(on("2023-01-01")), None));
        assert_eq!(standing(&alone, "2023-01-02"), (Phase::Ended(on("2023-01-02")), None));
    }
}
