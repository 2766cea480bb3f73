//! How a record stands with the retention rules on a day: in use, in its archive, or to be erased.
//! Pure: the day and the record are passed in.

use coffre_core::record::{Category, FieldPath, Fields};
use coffre_core::search;
use coffre_core::time::Timestamp;
use serde_json::Value;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::labels::Labels;
use crate::policies::Policies;
use crate::record_type::RecordType;
use crate::retention::{Exemption, LongerRule, Period, ProspectRule, RetentionRule, StartingEvent};
use crate::values::date;

/// What of a record the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct RecordFacts<'f> {
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed: nothing tells better when the person was last in touch.
    pub changed: Timestamp,
    /// When the last of the requests about it was answered; none while one waits.
    pub answered: Option<Timestamp>,
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
    /// The rule for persons without a contract, where that is what decides.
    pub prospect: Option<&'p ProspectRule>,
    /// The rule that makes the archive longer, where one does.
    pub longer: Option<&'p LongerRule>,
}

/// Where a category belongs by its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// In daily use.
    InUse,
    /// In the intermediate archive.
    Apart,
    /// Nowhere: its time is over.
    Nowhere,
}

impl Keeping<'_> {
    /// Why an erasure that is asked for must wait, if it must.
    pub fn opposes_erasure(&self) -> Option<Exemption> {
        match self.phase {
            Phase::Running | Phase::Active(_) | Phase::Archive(_) if self.prospect.is_none() => {
                self.rule.opposes_erasure
            }
            _ => None,
        }
    }

    /// The last day on which it is kept, where one is known.
    pub fn until(&self) -> Option<Date> {
        match (self.phase, self.archive()) {
            (Phase::Active(until), None) | (Phase::Archive(until), _) => Some(until),
            (Phase::Active(until), Some(archive)) => Some(after(until, archive)),
            (Phase::Running | Phase::Ended(_) | Phase::WithoutEvent, _) => None,
        }
    }

    /// The law or decision that decides.
    pub fn source(&self) -> &Labels {
        match (self.prospect, self.longer) {
            (Some(prospect), _) => &prospect.source,
            (None, Some(longer)) => &longer.source,
            (None, None) => &self.rule.source,
        }
    }

    /// Where it belongs. Without an event and without a rule for that it stays: nothing is erased that no rule ends.
    pub fn belongs(&self) -> Belongs {
        match self.phase {
            Phase::Running | Phase::Active(_) | Phase::WithoutEvent => Belongs::InUse,
            Phase::Archive(_) => Belongs::Apart,
            Phase::Ended(_) => Belongs::Nowhere,
        }
    }

    /// How long it is kept from its starting event on, in use and apart.
    pub fn lasting(&self) -> Period {
        let active = self.prospect.map_or(self.rule.active, |prospect| prospect.active);
        let Some(apart) = self.archive() else { return active };
        Period {
            years: active.years.saturating_add(apart.years),
            months: active.months.saturating_add(apart.months),
            days: active.days.saturating_add(apart.days),
        }
    }

    pub(crate) fn archive(&self) -> Option<Period> {
        if self.prospect.is_some() { None } else { self.longer.map(|longer| longer.archive).or(self.rule.archive) }
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
        let keeping = |rule| self.stands(rule, facts, &held, today);
        self.retention().iter().filter(of_record).map(keeping).collect()
    }

    fn stands<'p>(
        &'p self,
        rule: &'p RetentionRule,
        facts: RecordFacts<'_>,
        held: &[Category],
        today: Date,
    ) -> Keeping<'p> {
        let longer = self.longer(rule, facts.fields);
        let archive = longer.map(|longer| longer.archive).or(rule.archive);
        let phase = phase(rule, archive, facts, held, today);
        let prospect = self.prospects().iter().find(|prospect| prospect.record_type == rule.record_type);
        let Some(prospect) = prospect.filter(|_| phase == Phase::WithoutEvent) else {
            return Keeping { rule, phase, prospect: None, longer };
        };
        let began = if prospect.starts == StartingEvent::Collection { facts.created } else { facts.changed };
        let until = after(day(began), prospect.active);
        let phase =
            if today <= until { Phase::Active(until) } else { Phase::Ended(until.saturating_add(Duration::days(1))) };
        Keeping { rule, phase, prospect: Some(prospect), longer: None }
    }

    /// The rule that keeps a category longest of those whose words the record says, of the current contract or of
    /// another one, if that is longer than its own.
    fn longer<'p>(&'p self, rule: &RetentionRule, fields: &Fields) -> Option<&'p LongerRule> {
        let says = |longer: &&LongerRule| {
            let looked_at = std::iter::once(&longer.field).chain(&longer.others);
            looked_at.filter_map(|field| fields.0.get(field)).any(|value| says_one_of(value, &longer.words))
        };
        let own =
            |longer: &&LongerRule| longer.record_type == rule.record_type && longer.categories.contains(&rule.category);
        let ends = |period: Period| after(Date::MIN, period);
        let longest = self.longer_rules().iter().filter(own).filter(says).max_by_key(|longer| ends(longer.archive));
        longest.filter(|longer| rule.archive.is_none_or(|archive| ends(longer.archive) > ends(archive)))
    }

    /// The fields of a record type on which the days rest: those that tell when a rule's durations begin, and those
    /// whose words make one longer.
    pub fn dating_fields(&self, record_type: &RecordType) -> Vec<FieldPath> {
        let of_type = self.retention().iter().filter(|rule| &rule.record_type == record_type.name());
        let mut fields: Vec<FieldPath> = of_type.filter_map(|rule| rule.dated_by.clone()).collect();
        let longer = self.longer_rules().iter().filter(|longer| &longer.record_type == record_type.name());
        fields.extend(longer.flat_map(|longer| std::iter::once(&longer.field).chain(&longer.others)).cloned());
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

/// Whether a text, or one of a list of texts, says one of these words, with its accents or, as in old systems, without.
fn says_one_of(value: &Value, words: &[String]) -> bool {
    if let Value::Array(items) = value {
        return items.iter().any(|item| says_one_of(item, words));
    }
    let said = search::words(value.as_str().unwrap_or_default());
    words.iter().any(|word| said.contains(&search::compact(word)))
}

fn phase(
    rule: &RetentionRule,
    archive: Option<Period>,
    facts: RecordFacts<'_>,
    held: &[Category],
    today: Date,
) -> Phase {
    let began = match (rule.starts, &rule.dated_by) {
        (_, Some(field)) => match facts.fields.0.get(field).and_then(Value::as_str).map(date::parse) {
            Some(Ok(date)) => date,
            // A date that cannot be read keeps: nothing is erased on a guess.
            Some(Err(_)) => return Phase::Running,
            None if held.contains(&field.category()) => return Phase::Running,
            None => return Phase::WithoutEvent,
        },
        (StartingEvent::Collection, None) => day(facts.created),
        (StartingEvent::RequestAnswered, None) => match facts.answered {
            Some(answered) => day(answered),
            None => return Phase::Running,
        },
        (_, None) => day(facts.changed),
    };
    if began > today {
        return Phase::Running;
    }
    let active = after(began, rule.active);
    let apart = archive.is_some();
    let archive = archive.map_or(active, |archive| after(active, archive));
    match (today <= active, today <= archive) {
        // A period of no days is over as it begins.
        (true, _) if active > began || !apart => Phase::Active(active),
        (_, true) => Phase::Archive(archive),
        _ => Phase::Ended(archive.saturating_add(Duration::days(1))),
    }
}

pub(crate) fn day(moment: Timestamp) -> Date {
    OffsetDateTime::from_unix_timestamp(moment.as_seconds()).map_or(Date::MIN, OffsetDateTime::date)
}

/// The same day of a later month, or the month's last one where it has no such day; then the days.
pub(crate) fn after(begin: Date, period: Period) -> Date {
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
    use crate::retention::LogRule;

    fn moment(day: &str) -> Timestamp {
        format!("{day}T10:00:00Z").parse().unwrap()
    }

    fn standing(values: &[(&str, &str)], today: &str) -> Vec<(String, Phase, Option<Exemption>)> {
        let policies = Policies::embedded().unwrap();
        let listed = |field: &str| field == "contract.others";
        let value = |field, text: &str| if listed(field) { Value::from(vec![text]) } else { Value::from(text) };
        let fields = values.iter().map(|(field, text)| (field.parse().unwrap(), value(*field, text)));
        let fields = Fields(fields.collect());
        let (created, changed) = (moment("2020-01-01"), moment("2021-01-01"));
        let facts = RecordFacts { created, changed, answered: None, fields: &fields };
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
    fn who_has_no_contract_is_kept_for_three_years_from_the_last_contact() {
        let alone = |today| standing(&[("contact.email", "a@example.fr")], today);
        let contact = || "contact".to_owned();
        assert_eq!(alone("2024-01-01"), [(contact(), Phase::Active(on("2024-01-01")), None)], "it opposes no erasure");
        assert_eq!(alone("2024-01-02"), [(contact(), Phase::Ended(on("2024-01-02")), None)]);
    }

    #[test]
    fn whoever_made_a_request_is_kept_apart_for_five_years_from_the_answer_on() {
        let policies = Policies::embedded().unwrap();
        let kind = policies.record_type(coffre_core::filing::REQUESTER).unwrap();
        let fields = Fields([("contact.family_name".parse().unwrap(), Value::from("Moreau"))].into());
        let (created, changed) = (moment("2020-01-01"), moment("2020-01-01"));
        let standing = |answered: Option<&str>, today| {
            let facts = RecordFacts { created, changed, answered: answered.map(moment), fields: &fields };
            let keeping = policies.keeping(kind, facts, moment(today));
            (keeping[0].phase, keeping[0].opposes_erasure())
        };
        let claims = Some(Exemption::LegalClaims);
        assert_eq!(standing(None, "2029-01-01"), (Phase::Running, claims), "it waits for its answer");
        let apart = (Phase::Archive(on("2025-02-01")), claims);
        assert_eq!(standing(Some("2020-02-01"), "2020-02-01"), apart);
        assert_eq!(standing(Some("2020-02-01"), "2025-02-01"), apart, "its last day");
        assert_eq!(standing(Some("2020-02-01"), "2025-02-02"), (Phase::Ended(on("2025-02-02")), None));
    }

    #[test]
    fn the_log_has_its_own_time() {
        let cutoff = |keep: &str, now| {
            LogRule { keep: keep.parse().unwrap(), justification: None }.cutoff(moment(now)).to_string()
        };
        assert_eq!(cutoff("P12M", "2026-11-25"), "2025-11-25T00:00:00.000000Z");
        assert_eq!(cutoff("P1M", "2026-03-31"), "2026-02-28T00:00:00.000000Z");
        assert_eq!(cutoff("P6M10D", "2026-05-04"), "2025-10-25T00:00:00.000000Z");
        assert_eq!(Policies::embedded().unwrap().log_retention().keep.to_string(), "P12M");
    }

    #[test]
    fn a_life_insurance_is_kept_longer() {
        let standing = |product| {
            let values =
                [("contact.email", "a@example.fr"), ("contract.product", product), ("contract.end_date", "2020-06-30")];
            standing(&values, "2021-01-01").into_iter().map(|(name, phase, _)| (name, phase)).collect::<Vec<_>>()
        };
        let archive = |contact, contract| {
            vec![
                ("contact".to_owned(), Phase::Archive(on(contact))),
                ("contract".to_owned(), Phase::Archive(on(contract))),
            ]
        };
        assert_eq!(standing("Assurance Vie Sérénité"), archive("2050-06-30", "2050-06-30"));
        assert_eq!(standing("Garantie accidents"), archive("2030-06-30", "2030-06-30"));
        assert_eq!(standing("Auto, envie de rouler"), archive("2025-06-30", "2030-06-30"), "whole words only");
        for written in ["Garantie décès", "GARANTIE DECES", "Garantie de\u{301}ce\u{300}s"] {
            assert_eq!(standing(written), archive("2050-06-30", "2050-06-30"), "{written}");
        }
    }

    #[test]
    fn a_life_insurance_among_the_other_contracts_counts_too() {
        let standing = |other| {
            let ended = [("contract.product", "Habitation"), ("contract.end_date", "2020-06-30")];
            standing(&[ended[0], ended[1], ("contract.others", other)], "2021-01-01")[0].1
        };
        let life = "C2 · Assurance vie · 2005-01-01 – 2019-12-31 · terminated";
        assert_eq!(standing(life), Phase::Archive(on("2050-06-30")));
        assert_eq!(standing("C2 · Automobile · – – – · expired"), Phase::Archive(on("2030-06-30")));
    }
}
