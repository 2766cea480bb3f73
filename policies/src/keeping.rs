//! How a record stands with the retention rules on a day: in use, in its archive, or to be erased.
//! Pure: the day and the record are passed in.

use coffre_core::record::{Category, FieldPath, Fields};
use coffre_core::time::Timestamp;
use serde_json::Value;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::policies::Policies;
use crate::record_type::RecordType;
use crate::retention::{Exemption, Period, RetentionRule, StartingEvent};
use crate::values::date;

/// What of a record the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct RecordFacts<'f> {
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed: nothing tells better when the person was last in touch.
    pub changed: Timestamp,
    /// Its values.
    pub fields: &'f Fields,
}

/// Where a category of a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The starting event has not come: the contract goes on.
    Running,
    /// In daily use until this day, the last one.
    Active(Date),
    /// Kept apart until this day, the last one.
    Archive(Date),
    /// Since this day nothing keeps it.
    Ended(Date),
    /// The event can never come: the person has no contract.
    WithoutEvent,
}

/// A category of a record, and where it stands with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping<'p> {
    /// The rule.
    pub rule: &'p RetentionRule,
    /// Where it stands.
    pub phase: Phase,
}

impl Keeping<'_> {
    /// Why an erasure that is asked for must wait, if it must.
    pub fn opposes_erasure(&self) -> Option<Exemption> {
        match self.phase {
            Phase::Running | Phase::Active(_) | Phase::Archive(_) => self.rule.opposes_erasure,
            Phase::Ended(_) | Phase::WithoutEvent => None,
        }
    }

    /// The last day on which it is kept, where one is known.
    pub fn until(&self) -> Option<Date> {
        match (self.phase, self.rule.archive) {
            (Phase::Active(until), None) | (Phase::Archive(until), _) => Some(until),
            (Phase::Active(until), Some(archive)) => Some(after(until, archive)),
            (Phase::Running | Phase::Ended(_) | Phase::WithoutEvent, _) => None,
        }
    }
}

impl Policies {
    /// How every category that a record has values in stands on the day of a moment (UTC, which in
    /// France is never ahead of the calendar).
    pub fn keeping(&self, record_type: &RecordType, facts: RecordFacts<'_>, now: Timestamp) -> Vec<Keeping<'_>> {
        let held = facts.fields.categories();
        let of_record =
            |rule: &&RetentionRule| &rule.record_type == record_type.name() && held.contains(&rule.category);
        let today = day(now);
        let keeping = |rule| Keeping { rule, phase: phase(rule, facts, &held, today) };
        self.retention().iter().filter(of_record).map(keeping).collect()
    }

    /// The fields of a record type that tell when a rule's durations begin.
    pub fn dating_fields(&self, record_type: &RecordType) -> Vec<FieldPath> {
        let of_type = self.retention().iter().filter(|rule| &rule.record_type == record_type.name());
        let mut fields: Vec<FieldPath> = of_type.filter_map(|rule| rule.dated_by.clone()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

fn phase(rule: &RetentionRule, facts: RecordFacts<'_>, held: &[Category], today: Date) -> Phase {
    let began = match (rule.starts, &rule.dated_by) {
        (_, Some(field)) => match facts.fields.0.get(field).and_then(Value::as_str).map(date::parse) {
            Some(Ok(date)) => date,
            // A date that cannot be read keeps: nothing is erased on a guess.
            Some(Err(_)) => return Phase::Running,
            None if held.contains(&field.category()) => return Phase::Running,
            None => return Phase::WithoutEvent,
        },
        (StartingEvent::Collection, None) => day(facts.created),
        (_, None) => day(facts.changed),
    };
    if began > today {
        return Phase::Running;
    }
    let active = after(began, rule.active);
    let archive = rule.archive.map_or(active, |archive| after(active, archive));
    match (today <= active, today <= archive) {
        // A period of no days is over as it begins.
        (true, _) if active > began || rule.archive.is_none() => Phase::Active(active),
        (_, true) => Phase::Archive(archive),
        _ => Phase::Ended(archive.saturating_add(Duration::days(1))),
    }
}

fn day(moment: Timestamp) -> Date {
    OffsetDateTime::from_unix_timestamp(moment.as_seconds()).map_or(Date::MIN, OffsetDateTime::date)
}

/// The same day of a later month, or the month's last one where it has no such day; then the days.
fn after(begin: Date, period: Period) -> Date {
    let months = i32::from(u8::from(begin.month())) - 1 + i32::from(period.months);
    let year = begin.year() + i32::from(period.years) + months.div_euclid(12);
    let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let Some(month) = month else { return Date::MAX };
    let last = month.length(year);
    let date = Date::from_calendar_date(year, month, begin.day().min(last)).unwrap_or(Date::MAX);
    date.saturating_add(Duration::days(i64::from(period.days)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn moment(day: &str) -> Timestamp {
        format!("{day}T10:00:00Z").parse().unwrap()
    }

    fn standing(values: &[(&str, &str)], today: &str) -> Vec<(String, Phase, Option<Exemption>)> {
        let policies = Policies::embedded().unwrap();
        let fields = values.iter().map(|(field, value)| (field.parse().unwrap(), Value::from(*value)));
        let fields = Fields(fields.collect());
        let facts = RecordFacts { created: moment("2020-01-01"), changed: moment("2021-01-01"), fields: &fields };
        let kind = policies.record_type("policyholder").unwrap();
        let keeping = policies.keeping(kind, facts, moment(today));
        keeping.iter().map(|k| (k.rule.category.to_string(), k.phase, k.opposes_erasure())).collect()
    }

    fn on(day: &str) -> Date {
        date::parse(day).unwrap()
    }

    #[test]
    fn the_months_of_a_period_end_on_days_that_exist() {
        for (begin, period, end) in [
            ("2024-02-29", "P1Y", "2025-02-28"),
            ("2024-02-29", "P4Y", "2028-02-29"),
            ("2026-01-31", "P1M", "2026-02-28"),
            ("2026-11-30", "P13M", "2027-12-30"),
            ("2026-12-31", "P2M1D", "2027-03-01"),
            ("2026-05-04", "P0D", "2026-05-04"),
            ("9999-12-31", "P5Y", "9999-12-31"),
        ] {
            assert_eq!(after(on(begin), period.parse().unwrap()), on(end), "{begin} {period}");
        }
    }

    #[test]
    fn a_contract_that_goes_on_keeps_everything() {
        let running = ("contact".to_owned(), Phase::Running, Some(Exemption::LegalClaims));
        let contact = ("contact.email", "a@example.fr");
        assert_eq!(standing(&[contact, ("contract.number", "C1")], "2026-01-01")[0], running);
        for end in ["2026-01-02", "9999-12-31", "soon"] {
            assert_eq!(standing(&[contact, ("contract.end_date", end)], "2026-01-01")[0], running, "{end}");
        }
    }

    #[test]
    fn after_its_end_each_category_has_its_time() {
        let values = [("contact.email", "a@example.fr"), ("contract.end_date", "2020-06-30")];
        let archive = |day| Phase::Archive(on(day));
        let (claims, law) = (Some(Exemption::LegalClaims), Some(Exemption::LegalObligation));
        let expect =
            |contact, contract| vec![("contact".to_owned(), contact, claims), ("contract".to_owned(), contract, law)];
        assert_eq!(standing(&values, "2020-06-30"), expect(archive("2025-06-30"), archive("2030-06-30")));
        assert_eq!(
            standing(&values, "2025-06-30"),
            expect(archive("2025-06-30"), archive("2030-06-30")),
            "its last day"
        );
        let ended = standing(&values, "2025-07-01");
        assert_eq!(ended[0], ("contact".to_owned(), Phase::Ended(on("2025-07-01")), None));
        assert_eq!(ended[1].1, archive("2030-06-30"));
    }

    #[test]
    fn who_has_no_contract_is_kept_by_none() {
        let alone = standing(&[("contact.email", "a@example.fr")], "2026-01-01");
        assert_eq!(alone, [("contact".to_owned(), Phase::WithoutEvent, None)]);
    }
}
