//! The decision: a total function from a question to what is opened, what is withheld and why.
//! It never fails; whatever cannot be evaluated is refused.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::{FieldPath, RecordTypeName};
use serde::{Deserialize, Serialize};

use crate::action::Scope;
use crate::cedar::{Resource, Told, Verdict};
use crate::policies::Policies;
use crate::question::{GrantFacts, Question};
use crate::reason::Reason;
use crate::record_type::RecordType;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether the action may go ahead: with the opened fields for a read, with all for a write.
    pub allowed: bool,
    /// The fields that are open.
    #[serde(default)]
    pub opened: BTreeSet<FieldPath>,
    /// The fields that were asked for and are not open, each with the reason.
    #[serde(default)]
    pub withheld: BTreeMap<FieldPath, Reason>,
    /// Why the action is refused; none when it is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<Reason>,
    /// The policies that determined this, by name. Where nothing permits, no policy decided.
    #[serde(default)]
    pub policies: BTreeSet<String>,
}

/// What was decided of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The field; none for a record as a whole or the log.
    pub(crate) field: Option<FieldPath>,
    /// Why it is refused, if it is.
    pub(crate) refused: Option<Reason>,
    /// The policies that determined it.
    pub(crate) policies: BTreeSet<String>,
    /// What could not be evaluated.
    pub(crate) failures: Vec<String>,
}

impl Policies {
    /// Decides a question.
    pub fn decide(&self, question: &Question) -> Decision {
        Decision::of(question, &self.outcomes(question))
    }

    /// What is decided of each resource of a question; at least one.
    pub(crate) fn outcomes(&self, question: &Question) -> Vec<Outcome> {
        let mut outcomes = match self.case(question) {
            Ok(case) => case.outcomes(),
            Err(reason) => refused_as_a_whole(question, reason),
        };
        // One failure refuses everything: it may have been a `forbid` that matters to all.
        if outcomes.iter().any(|outcome| !outcome.failures.is_empty()) {
            for outcome in &mut outcomes {
                outcome.refused = Some(Reason::EvaluationError);
                outcome.policies.clear();
            }
        }
        outcomes
    }

    /// The question, once everything that it names is known to exist.
    fn case<'a>(&'a self, question: &'a Question) -> Result<Case<'a>, Reason> {
        let record_type = match &question.record_type {
            Some(name) => Some(self.record_type(name.as_str()).ok_or(Reason::UnknownRecordType)?),
            None if question.action.scope() == Scope::Log => None,
            None => return Err(Reason::UnknownRecordType),
        };
        if question.purpose.as_deref().is_some_and(|name| self.purpose(name).is_none()) {
            return Err(Reason::UnknownPurpose);
        }
        let targets = targets(question, record_type)?;
        Ok(Case { policies: self, question, record_type, targets })
    }
}

impl Decision {
    fn of(question: &Question, outcomes: &[Outcome]) -> Self {
        let mut opened = BTreeSet::new();
        let mut withheld = BTreeMap::new();
        for outcome in outcomes {
            match (&outcome.field, outcome.refused) {
                (Some(field), None) => drop(opened.insert(field.clone())),
                (Some(field), Some(reason)) => drop(withheld.insert(field.clone(), reason)),
                (None, _) => {}
            }
        }
        let open = |outcome: &Outcome| outcome.refused.is_none();
        let allowed =
            if question.action.takes_all_or_nothing() { outcomes.iter().all(open) } else { outcomes.iter().any(open) };
        let denied = if allowed { None } else { outcomes.iter().filter_map(|outcome| outcome.refused).min() };
        let policies = outcomes.iter().flat_map(|outcome| outcome.policies.iter().cloned()).collect();
        Self { allowed, opened, withheld, denied, policies }
    }
}

fn refused_as_a_whole(question: &Question, reason: Reason) -> Vec<Outcome> {
    let outcome = |field| Outcome { field, refused: Some(reason), policies: BTreeSet::new(), failures: Vec::new() };
    if question.fields.is_empty() {
        vec![outcome(None)]
    } else {
        question.fields.iter().map(|field| outcome(Some(field.clone()))).collect()
    }
}

/// What the question is about.
enum Targets<'a> {
    Fields(Vec<&'a FieldPath>),
    Record(&'a RecordTypeName),
    Log,
}

fn targets<'a>(question: &'a Question, record_type: Option<&'a RecordType>) -> Result<Targets<'a>, Reason> {
    let whole = |targets| if question.fields.is_empty() { Ok(targets) } else { Err(Reason::FieldsNotExpected) };
    match (question.action.scope(), record_type) {
        (Scope::Log, _) => whole(Targets::Log),
        (_, None) => Err(Reason::UnknownRecordType),
        (Scope::Record, Some(record_type)) => whole(Targets::Record(record_type.name())),
        (scope, Some(record_type)) => {
            let mut fields: Vec<&FieldPath> = question.fields.iter().collect();
            if fields.is_empty() && scope == Scope::DocumentFields {
                fields.extend(record_type.document_fields());
            }
            if fields.is_empty() { Err(Reason::NoFields) } else { Ok(Targets::Fields(fields)) }
        }
    }
}

struct Case<'a> {
    policies: &'a Policies,
    question: &'a Question,
    record_type: Option<&'a RecordType>,
    targets: Targets<'a>,
}

impl Case<'_> {
    fn outcomes(&self) -> Vec<Outcome> {
        match &self.targets {
            Targets::Fields(fields) => fields.iter().map(|field| self.field(field)).collect(),
            Targets::Record(name) => vec![self.outcome(None, Resource::Record(name))],
            Targets::Log => vec![self.outcome(None, Resource::Log)],
        }
    }

    fn field(&self, field: &FieldPath) -> Outcome {
        match self.record_type {
            Some(record_type) if self.suits(record_type, field) => {
                self.outcome(Some(field), Resource::Field(record_type.name(), field))
            }
            _ => Outcome {
                field: Some(field.clone()),
                refused: Some(Reason::UnknownField),
                policies: BTreeSet::new(),
                failures: Vec::new(),
            },
        }
    }

    /// Whether a record type has this field, and it holds documents where the action needs one.
    fn suits(&self, record_type: &RecordType, field: &FieldPath) -> bool {
        let documents = self.question.action.scope() == Scope::DocumentFields;
        record_type.field(field).is_some_and(|field| !documents || field.kind.holds_documents())
    }

    fn outcome(&self, field: Option<&FieldPath>, resource: Resource<'_>) -> Outcome {
        let verdict = self.verdict(resource, self.question.grant.as_ref());
        let refused = if verdict.allowed { None } else { Some(self.reason(&verdict, field, resource)) };
        Outcome { field: field.cloned(), refused, policies: verdict.policies, failures: verdict.failures }
    }

    fn verdict(&self, resource: Resource<'_>, grant: Option<&GrantFacts>) -> Verdict {
        let question = self.question;
        let record_type = self.record_type.map(RecordType::name);
        let engine = self.policies.engine();
        let told = Told {
            record_type,
            purpose: question.purpose.as_deref(),
            grant,
            restricted: question.restricted,
            archived: &question.archived,
            operator: &question.operator,
        };
        match engine.circumstances(&told) {
            Ok(circumstances) => engine.ask(question.role, question.action, resource, &circumstances),
            Err(failure) => Verdict::failed(failure),
        }
    }

    /// Why a verdict refuses: what the forbidding policies say; where none forbids and nothing
    /// permits, what is wrong with the grant, if any grant could help at all.
    fn reason(&self, verdict: &Verdict, field: Option<&FieldPath>, resource: Resource<'_>) -> Reason {
        let notes = self.policies.engine().notes();
        let stated = verdict.policies.iter().filter_map(|id| notes.get(id)).filter_map(|note| note.reason).min();
        match (stated, field) {
            _ if !verdict.failures.is_empty() => Reason::EvaluationError,
            (Some(reason), _) => reason,
            (None, Some(field)) if self.a_grant_would_open(field, resource) => self.grant_reason(field),
            (None, _) => Reason::RoleNotAllowed,
        }
    }

    fn a_grant_would_open(&self, field: &FieldPath, resource: Resource<'_>) -> bool {
        let Some(purpose) = self.question.purpose.as_deref().and_then(|name| self.policies.purpose(name)) else {
            return false;
        };
        let ideal = GrantFacts {
            role: self.question.role,
            purpose: purpose.name.clone(),
            fields: BTreeSet::from([field.clone()]),
            basis: Basis::Consent,
            article9: purpose.article9.first().copied(),
            state: GrantState::Valid,
        };
        self.verdict(resource, Some(&ideal)).allowed
    }

    fn grant_reason(&self, field: &FieldPath) -> Reason {
        let question = self.question;
        match &question.grant {
            None => Reason::NoGrant,
            Some(grant) if grant.role != question.role => Reason::GrantForAnotherRole,
            Some(grant) if Some(&grant.purpose) != question.purpose.as_ref() => Reason::GrantForAnotherPurpose,
            Some(grant) => match grant.state {
                GrantState::Withdrawn => Reason::GrantWithdrawn,
                GrantState::Expired => Reason::GrantExpired,
                GrantState::NotYetValid => Reason::GrantNotYetValid,
                GrantState::Valid if !grant.fields.contains(field) => Reason::NotInGrant,
                GrantState::Valid => Reason::RoleNotAllowed,
            },
        }
    }
}
