//! How long each category of a record is kept, as its person is told: until which day, or what is waited for.

use coffre_core::day::Day;
use coffre_core::record::{Category, RecordTypeName};
use coffre_policies::{Keeping, Labels, Period, Phase, RecordType, StartingEvent};
use coffre_store::Obstacles;
use coffre_store::transactions::{KeptBy, MustKeep};
use serde::Serialize;

use crate::usecases::keeper::Keeper;

/// How long a category is kept.
#[derive(Serialize)]
pub(crate) struct Kept {
    category: Category,
    pub(crate) labels: Labels,
    #[serde(flatten)]
    pub(crate) term: Term,
    /// The law or decision that says so.
    pub(crate) source: Labels,
}

/// Until when. `then` is how long it is kept after what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "term", rename_all = "kebab-case")]
pub(crate) enum Term {
    /// Until this day, the last one.
    Until { until: Day },
    /// As long as the contract runs.
    Contract { then: Period },
    /// As long as the membership runs.
    Membership { then: Period },
    /// Until the person's request is answered.
    Answer { then: Period },
    /// The event that its time runs from lies ahead.
    NotBegun { then: Period },
    /// Its time is over, and a legal hold keeps it.
    Hold,
    /// Its time is over, and its processing is restricted.
    Restriction,
    /// Its time is over, and a request of the person waits for an answer.
    Requests,
    /// Its time is over, and it is about to go.
    Over,
    /// No rule ends it.
    Open,
}

impl Keeper {
    /// How long each category that a record has values in is kept, to be asked within the store.
    pub(super) fn kept(&self, kind: &RecordTypeName, stands: Obstacles) -> MustKeep<Kept> {
        self.rules(kind, move |keeping, declared| Kept::of(keeping, declared, stands))
    }
}

impl Kept {
    /// What the person is told of a category; nothing of one that the record type does not declare.
    fn of(keeping: &Keeping<'_>, declared: &RecordType, stands: Obstacles) -> Option<Self> {
        let category = keeping.rule.category.clone();
        let labels = declared.category(category.as_str())?.labels.clone();
        Some(Self { category, labels, term: Term::of(keeping, stands), source: keeping.source().clone() })
    }
}

impl Term {
    fn of(keeping: &Keeping<'_>, stands: Obstacles) -> Self {
        let then = keeping.lasting();
        match keeping.phase {
            Phase::Active(day) | Phase::Archive(day) => Self::Until { until: keeping.until().unwrap_or(day).into() },
            Phase::Running => match keeping.rule.starts {
                StartingEvent::ContractEnd => Self::Contract { then },
                StartingEvent::MembershipEnd => Self::Membership { then },
                StartingEvent::RequestAnswered => Self::Answer { then },
                StartingEvent::Collection | StartingEvent::LastContact => Self::NotBegun { then },
            },
            Phase::Ended(_) => match stands.kept_by() {
                Some(KeptBy::Hold) => Self::Hold,
                Some(KeptBy::Restriction) => Self::Restriction,
                Some(KeptBy::Request) => Self::Requests,
                None => Self::Over,
            },
            Phase::WithoutEvent => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use coffre_core::record::Fields;
    use coffre_core::time::Timestamp;
    use coffre_policies::{Policies, RecordFacts};
    use serde_json::{Value, json};

    use super::*;

    const HELD: Obstacles = Obstacles { hold: true, restriction: true, request: true };
    const RESTRICTED: Obstacles = Obstacles { hold: false, ..HELD };
    const WAITING: Obstacles = Obstacles { restriction: false, ..RESTRICTED };
    const FREE: Obstacles = Obstacles { request: false, ..WAITING };

    /// What is told on a day of a record that was made in 2020 and not answered since.
    fn told(kind: &str, values: &[(&str, &str)], today: &str, stands: Obstacles) -> Vec<Kept> {
        let policies = Policies::embedded().unwrap();
        let moment = |day: &str| -> Timestamp { format!("{day}T10:00:00Z").parse().unwrap() };
        let fields = values.iter().map(|(field, value)| (field.parse().unwrap(), Value::from(*value)));
        let fields = Fields(fields.collect());
        let (created, changed) = (moment("2020-01-01"), moment("2020-01-01"));
        let facts = RecordFacts { created, changed, answered: None, fields: &fields };
        let declared = policies.record_type(kind).unwrap();
        let keeping = policies.keeping(declared, facts, moment(today));
        keeping.iter().filter_map(|keeping| Kept::of(keeping, declared, stands)).collect()
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_waits_for_an_answer_is_not_told_of_a_contract() {
        let stranger = [("contact.family_name", "Moreau")];
        let kept = told("requester", &stranger, "2029-01-01", WAITING);
        assert_eq!(kept[0].term, Term::Answer { then: period("P5Y") });
        let written = serde_json::to_value(&kept[0]).unwrap();
        assert_eq!((&written["term"], &written["then"]), (&json!("answer"), &json!("P5Y")), "{written}");
    }

    #[test]
    fn what_runs_says_what_it_runs_with_and_how_long_after_that() {
        let client = [("contact.family_name", "Moreau"), ("contract.number", "C-1")];
        let kept = told("policyholder", &client, "2029-01-01", FREE);
        let terms: Vec<Term> = kept.iter().map(|kept| kept.term).collect();
        assert_eq!(terms, [Term::Contract { then: period("P5Y") }, Term::Contract { then: period("P10Y") }]);
        let member = [("terminal.identifiers", "T-1"), ("membership.member_number", "1")];
        let kept = told("merchant", &member, "2029-01-01", FREE);
        assert!(kept.iter().any(|kept| kept.term == Term::Membership { then: period("P13M") }), "never a contract");
        assert!(kept.iter().all(|kept| matches!(kept.term, Term::Membership { .. })));
    }

    #[test]
    fn what_is_past_its_time_says_what_keeps_it() {
        let ended = [("contact.family_name", "Moreau"), ("contract.end_date", "2020-06-30")];
        let named =
            [(HELD, Term::Hold), (RESTRICTED, Term::Restriction), (WAITING, Term::Requests), (FREE, Term::Over)];
        for (stands, term) in named {
            let kept = told("policyholder", &ended, "2025-07-01", stands);
            assert_eq!(kept[0].term, term);
            let until = "2030-06-30".parse().unwrap();
            assert_eq!(kept[1].term, Term::Until { until }, "whose time is not over");
            let written = serde_json::to_value(&kept[1]).unwrap();
            assert_eq!((&written["category"], &written["until"]), (&json!("contract"), &json!("2030-06-30")));
        }
    }
}
