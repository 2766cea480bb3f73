//! «May I contact these people?»: yes or no for each, and nothing else.
//!
//! Yes needs a consent in force for the stated purpose that opens every field of the channel. No is the answer for
//! whoever has not consented, has withdrawn, is restricted, is unknown, or cannot be told from somebody who is one of
//! these: a value that several people share is yes only if it is for all of them. Every person goes through the same
//! look-ups, known or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit::{self, Draft};
use coffre_core::ids::SubjectId;
use coffre_core::record::FieldPath;
use coffre_core::search::{SearchIndex, SearchKind};
use coffre_core::time::Timestamp;
use coffre_policies::record_type::Kind;
use coffre_policies::{Action, RecordType};
use coffre_store::{Depends, Receipt, transactions};

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::Plan;
use crate::authorization::{Decided, Refusal};

/// So many people are named in one entry: identifiers and grants stay well within a log entry's length.
const NAMED: usize = 250;
/// A value that more people share is of no use to tell whom to contact.
const SHARED_BY: usize = 16;
/// Whom a value that finds nobody is looked up as, so that it takes the same work.
const NOBODY: SubjectId = SubjectId::from_bytes([0; 16]);
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
        let at_large = look.judge_at_large(&self.question)?;
        if at_large.refusal == Some(Refusal::Outright) {
            return Ok(look.stop(&self.question, Vec::new(), &at_large, false));
        }
        let mut found = BTreeMap::new();
        let mut answer = Vec::with_capacity(self.people.len());
        for person in &self.people {
            answer.push(self.answer(look, person, &mut found)?);
        }
        let depends = depends(look, &found);
        let entries = self.entries(look, &at_large, found);
        let draft = look.draft(&self.question, &at_large, audit::Decision::Allow);
        let then = Ok(transactions::NoteAll { entries, answer });
        Ok(Plan { draft, reason: self.question.reason.clone(), depends, then })
    }

    /// Whether somebody may be contacted; whom that was about goes into `found`.
    fn answer(
        &self,
        look: &Look<'_>,
        person: &Sought,
        found: &mut BTreeMap<SubjectId, Decided>,
    ) -> Result<bool, Failure> {
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
        let mut all = !subjects.is_empty() && subjects.len() <= SHARED_BY;
        for subject in subjects {
            let (_, decided) = look.judge(&self.question, subject)?;
            all &= decided.refusal.is_none();
            found.insert(subject, decided);
        }
        Ok(all)
    }

    /// The entries: first those who may be contacted, then those who may not; at least one.
    fn entries(&self, look: &Look<'_>, at_large: &Decided, found: BTreeMap<SubjectId, Decided>) -> Vec<Draft> {
        let (yes, no): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, decided)| decided.refusal.is_none());
        let mut entries: Vec<Draft> = yes.chunks(NAMED).map(|some| self.entry_of_yes(look, some)).collect();
        let names = |some: &[(SubjectId, Decided)]| some.iter().map(|(subject, _)| *subject).collect();
        let no_one = [Vec::new()];
        let of_no: Vec<Vec<SubjectId>> = no.chunks(NAMED).map(names).collect();
        let of_no = if entries.is_empty() && of_no.is_empty() { &no_one[..] } else { &of_no[..] };
        entries.extend(of_no.iter().map(|subjects| Draft {
            subjects: subjects.clone(),
            withheld: self.question.fields.iter().cloned().collect(),
            cause: Some(NOT_CONTACTABLE.to_owned()),
            ..look.draft(&self.question, at_large, audit::Decision::Deny)
        }));
        entries
    }

    fn entry_of_yes(&self, look: &Look<'_>, some: &[(SubjectId, Decided)]) -> Draft {
        let decided = some.iter().map(|(_, decided)| decided);
        let policies: BTreeSet<&String> = decided.clone().flat_map(|decided| &decided.policies).collect();
        let nothing_yet = look.draft(&self.question, &Decided::nothing(), audit::Decision::Allow);
        Draft {
            subjects: some.iter().map(|(subject, _)| *subject).collect(),
            fields: self.question.fields.iter().cloned().collect(),
            grants: decided.clone().flat_map(|decided| decided.grants.iter().cloned()).collect(),
            policies: policies.into_iter().cloned().collect(),
            ..nothing_yet
        }
    }
}

/// The answer rests on everybody who was found, whatever the answer, and on the first consent to end.
fn depends(look: &Look<'_>, found: &BTreeMap<SubjectId, Decided>) -> Depends {
    let yes = found.values().filter(|decided| decided.refusal.is_none());
    let valid_until: Option<Timestamp> = yes.filter_map(|decided| decided.valid_until).min();
    look.depends(found.keys().copied().collect(), &Decided { valid_until, ..Decided::nothing() })
}
