//! «May I contact these people?»: yes or no for each, and nothing else.
//!
//! Yes needs a consent in force for the stated purpose that opens every field of the channel. No is the answer for
//! whoever has not consented, has withdrawn, waits for the answer to an objection, is restricted, is unknown, or cannot be
//! told from somebody who is one of these: a value that several people share is yes only if it is for all of them. Every
//! person goes through the same look-ups, known or not, and takes the same room in the log, whose length everybody sees
//! by the entries of their calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit::{self, Draft};
use coffre_core::ids::SubjectId;
use coffre_core::record::FieldPath;
use coffre_core::search::{SearchIndex, SearchKind};
use coffre_core::time::Timestamp;
use coffre_policies::record_type::Kind;
use coffre_policies::{Action, RecordType};
use coffre_store::{Depends, ReadError, Receipt, transactions};

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, NOBODY, Question};
use super::plan::Plan;
use crate::authorization::{Decided, Refusal};

/// At most so many people are named in one entry: identifiers and grants stay well within a log entry's length.
const NAMED: usize = 250;
/// A value that more people share is of no use to tell whom to contact.
const SHARED_BY: usize = 16;
/// The cause in the log for the people who may not be contacted.
const NOT_CONTACTABLE: &str = "not-contactable";

/// Through what somebody is contacted: the fields of a record type that hold such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Channel {
    /// E-mail.
    Email,
    /// Calls and short messages.
    Phone,
}

/// Who is asked about.
pub(crate) enum Person {
    /// By the record's identifier.
    Id(SubjectId),
    /// By a value of an exact index.
    Value { index: String, value: String },
}

/// What is asked for.
pub(crate) struct CheckContactable {
    pub(crate) kind: String,
    pub(crate) channel: Channel,
    pub(crate) people: Vec<Person>,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// Somebody to be looked up.
enum Sought {
    Id(SubjectId),
    Value(SearchIndex, String),
}

impl Sought {
    /// At most so many are found.
    const fn most(&self) -> usize {
        match self {
            Self::Id(_) => 1,
            Self::Value(..) => SHARED_BY + 1,
        }
    }
}

/// What is answered of somebody, and whom that is about.
struct Answer {
    yes: bool,
    found: Vec<(SubjectId, Decided)>,
    /// At most so many could have been found.
    most: usize,
}

struct Asked {
    question: Question,
    people: Vec<Sought>,
}

impl Channel {
    fn fields(self, kind: &RecordType) -> BTreeSet<FieldPath> {
        let holds = |kind: &Kind| match self {
            Self::Email => *kind == Kind::Email,
            Self::Phone => *kind == Kind::Phone,
        };
        let of_channel = |kind: &Kind| match kind {
            Kind::List { of, .. } => holds(of),
            single => holds(single),
        };
        kind.fields().iter().filter(|field| of_channel(&field.kind)).map(|field| field.path.clone()).collect()
    }
}

impl Keeper {
    /// Answers for each person, in the order asked.
    pub(crate) async fn check_contactable(
        self: &Arc<Self>,
        call: &Call,
        asked: CheckContactable,
    ) -> Result<(Vec<bool>, Receipt), Failure> {
        let asked = self.contact_asked(asked)?;
        self.change(call, move |look: &Look<'_>| asked.plan(look)).await
    }

    fn contact_asked(&self, asked: CheckContactable) -> Result<Asked, Failure> {
        let kind = self.record_type(&asked.kind)?;
        let fields = asked.channel.fields(kind);
        if fields.is_empty() {
            return Err(Failure::NoSuchChannel { kind: kind.name().clone() });
        }
        let sought = |person| match person {
            Person::Id(id) => Ok(Sought::Id(id)),
            Person::Value { index, value } => {
                let index = declared::index(kind, &index)?;
                // A name finds people who only sound alike.
                if index.kind == SearchKind::Name {
                    let exact = kind.indexes().into_iter().filter(|index| index.kind != SearchKind::Name);
                    let known = exact.map(|index| index.field.to_string()).collect::<Vec<_>>().join(", ");
                    return Err(Failure::UnknownIndex { kind: kind.name().clone(), known });
                }
                Ok(Sought::Value(index, value))
            }
        };
        let question = Question {
            action: Action::CheckContactable,
            logged_as: audit::Action::CheckContactable,
            kind: Some(kind.name().clone()),
            fields,
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        Ok(Asked { question, people: asked.people.into_iter().map(sought).collect::<Result<_, _>>()? })
    }
}

impl Asked {
    fn plan(&self, look: &Look<'_>) -> Result<Plan<transactions::NoteAll<Vec<bool>>>, Failure> {
        // A no is no refusal: the time that it takes must not tell who is remembered either.
        if look.snapshot.is_remembered() {
            return Err(ReadError::NotRemembered.into());
        }
        let at_large = look.judge_at_large(&self.question)?;
        if at_large.refusal == Some(Refusal::Outright) {
            return Ok(look.stop(&self.question, Vec::new(), &at_large, false));
        }
        let answers = self.people.iter().map(|person| self.answer(look, person)).collect::<Result<Vec<_>, _>>()?;
        let entries = shares(&answers).into_iter().flat_map(|share| self.entries(look, &at_large, share)).collect();
        let draft = look.draft(&self.question, at_large, audit::Decision::Allow);
        let then = Ok(transactions::NoteAll { entries, answer: answers.iter().map(|answer| answer.yes).collect() });
        Ok(Plan { draft, reason: self.question.reason.clone(), depends: depends(look, &answers), then })
    }

    fn answer(&self, look: &Look<'_>, person: &Sought) -> Result<Answer, Failure> {
        let subjects = match person {
            Sought::Id(id) => vec![*id],
            Sought::Value(index, value) => {
                let hits = look.snapshot.find(index, value, SHARED_BY + 1)?;
                hits.into_iter().map(|hit| hit.subject).collect()
            }
        };
        if subjects.is_empty() {
            let _same_work = look.judge(&self.question, NOBODY)?;
        }
        let mut yes = (1..=SHARED_BY).contains(&subjects.len());
        let mut found = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let (state, decided) = look.judge(&self.question, subject)?;
            yes &= decided.refusal.is_none() && state.is_some_and(|state| !state.objects);
            found.push((subject, decided));
        }
        Ok(Answer { yes, found, most: person.most() })
    }

    /// The entries of some answers: of a yes, then of a no.
    fn entries(&self, look: &Look<'_>, at_large: &Decided, share: &[Answer]) -> Vec<Draft> {
        let (yes, no): (Vec<&Answer>, Vec<&Answer>) = share.iter().partition(|answer| answer.yes);
        let mut entries = Vec::new();
        if !yes.is_empty() {
            entries.push(self.entry_of_yes(look, &yes));
        }
        if !no.is_empty() {
            entries.push(Draft {
                subjects: named(no),
                withheld: self.question.fields.iter().cloned().collect(),
                cause: Some(NOT_CONTACTABLE.to_owned()),
                ..look.draft(&self.question, at_large.clone(), audit::Decision::Deny)
            });
        }
        entries
    }

    fn entry_of_yes(&self, look: &Look<'_>, some: &[&Answer]) -> Draft {
        let found = some.iter().flat_map(|answer| &answer.found);
        let found: BTreeMap<SubjectId, &Decided> = found.map(|(subject, decided)| (*subject, decided)).collect();
        let policies: BTreeSet<&String> = found.values().flat_map(|decided| &decided.policies).collect();
        let nothing_yet = look.draft(&self.question, Decided::nothing(), audit::Decision::Allow);
        Draft {
            subjects: found.keys().copied().collect(),
            fields: self.question.fields.iter().cloned().collect(),
            grants: found.values().flat_map(|decided| decided.grants.iter().cloned()).collect(),
            policies: policies.into_iter().cloned().collect(),
            ..nothing_yet
        }
    }
}

/// The answers in parts, in whose entries there is room for everybody who could have been found.
fn shares(answers: &[Answer]) -> Vec<&[Answer]> {
    let (mut shares, mut rest) = (Vec::new(), answers);
    while !rest.is_empty() {
        let mut most = 0;
        let fits = |answer: &&Answer| {
            most += answer.most;
            most <= NAMED
        };
        let (share, left) = rest.split_at(rest.iter().take_while(fits).count());
        shares.push(share);
        rest = left;
    }
    shares
}

/// Whom some answers are about, each once.
fn named<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Vec<SubjectId> {
    let found = answers.into_iter().flat_map(|answer| &answer.found);
    let found: BTreeSet<SubjectId> = found.map(|(subject, _)| *subject).collect();
    found.into_iter().collect()
}

/// The answer rests on everybody who was found, whatever the answer, and on the first consent to end.
fn depends(look: &Look<'_>, answers: &[Answer]) -> Depends {
    let yes = answers.iter().filter(|answer| answer.yes).flat_map(|answer| &answer.found);
    let valid_until: Option<Timestamp> = yes.filter_map(|(_, decided)| decided.valid_until).min();
    look.depends(named(answers), &Decided { valid_until, ..Decided::nothing() })
}
