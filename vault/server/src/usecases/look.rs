//! One look at the vault on behalf of a caller: who it is, how a record stands, what the policies
//! say of it, and the entry that tells all that.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit::{self, Draft};
use coffre_core::grant::Grant;
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::time::Timestamp;
use coffre_policies::Action;
use coffre_store::{Depends, RecordState, Snapshot};

use super::acting::Acting;
use super::call::Call;
use super::failure::{Denial, Failure};
use super::keeper::Keeper;
use super::plan::{Plan, Refused};
use crate::authentication::Identified;
use crate::authorization::{Asked, Decided, Refusal, Standing};

/// Whom a value that finds nobody is looked up as, so that it takes the same work as one that finds somebody hidden.
pub(super) const NOBODY: SubjectId = SubjectId::from_bytes([0; 16]);

/// The cause in the log where a record asked for does not exist.
const NO_SUCH_RECORD: &str = "no-such-record";

/// The cause in the log where officers have not approved the application.
const NOT_APPROVED: &str = "application-not-approved";

/// A view, and who looks.
pub(super) struct Look<'l> {
    pub(super) keeper: &'l Keeper,
    pub(super) snapshot: &'l Snapshot<'l>,
    pub(super) call: &'l Call,
    caller: Identified,
    pub(super) now: Timestamp,
    acting: Acting,
}

/// What is asked of a record, of many, or of the log.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) action: Action,
    pub(super) logged_as: audit::Action,
    /// None for the log.
    pub(super) kind: Option<RecordTypeName>,
    /// Empty for a record as a whole.
    pub(super) fields: BTreeSet<FieldPath>,
    /// Whether one closed field closes the whole.
    pub(super) entire: bool,
    pub(super) purpose: Option<String>,
    pub(super) reason: Option<String>,
}

impl Question {
    /// Of all of it, with no field named and for no purpose.
    pub(super) const fn whole(
        action: Action,
        logged_as: audit::Action,
        kind: Option<RecordTypeName>,
        reason: Option<String>,
    ) -> Self {
        Self { action, logged_as, kind, fields: BTreeSet::new(), entire: true, purpose: None, reason }
    }
}

/// A record that is there and may be used as asked.
pub(super) struct Found<'f> {
    pub(super) kind: &'f RecordTypeName,
    pub(super) subject: SubjectId,
    pub(super) state: &'f RecordState,
    pub(super) decided: &'f Decided,
}

impl<'l> Look<'l> {
    pub(super) fn new(keeper: &'l Keeper, snapshot: &'l Snapshot<'l>, call: &'l Call) -> Result<Self, Failure> {
        let now = keeper.store.now();
        let found = keeper.applications.identify(snapshot, &call.credential, now)?;
        let acting = Acting::default();
        Ok(Self { keeper, snapshot, call, caller: found.ok_or(Failure::Unauthenticated)?, now, acting })
    }

    /// The application that calls.
    pub(super) fn application(&self) -> &coffre_store::Application {
        &self.caller.application
    }

    /// The plan of refusing an application that officers have not approved, whatever it asks for.
    pub(super) fn not_approved<A>(&self) -> Plan<A> {
        let draft = Draft {
            policy_set: Some(self.keeper.policy_set.clone()),
            cause: Some(NOT_APPROVED.to_owned()),
            ..self.call.draft(&self.caller.application, audit::Action::Call, audit::Decision::Deny)
        };
        let depends = self.depends(Vec::new(), &Decided::nothing());
        Plan { draft, reason: None, depends, then: Err(Refused::NotApproved) }
    }

    /// Plans what is asked of one record: the action if the record is there and the policies allow
    /// it, the refusal otherwise.
    pub(super) fn on_record<A>(
        &self,
        question: &Question,
        subject: SubjectId,
        act: impl FnOnce(&Found<'_>) -> Result<A, Failure>,
    ) -> Result<Plan<A>, Failure> {
        let (state, decided) = self.judge(question, subject)?;
        let subjects = vec![subject];
        match (&state, &question.kind, decided.refusal) {
            (Some(state), Some(kind), None) => {
                let act = act(&Found { kind, subject, state, decided: &decided })?;
                Ok(self.go(question, subjects, decided, act))
            }
            _ => Ok(self.stop(question, subjects, &decided, state.is_none())),
        }
    }

    /// Plans what concerns no record in particular.
    pub(super) fn at_large<A>(
        &self,
        question: &Question,
        act: impl FnOnce() -> Result<A, Failure>,
    ) -> Result<Plan<A>, Failure> {
        let decided = self.decide(question, None)?;
        match decided.refusal {
            None => Ok(self.go(question, Vec::new(), decided, act()?)),
            Some(_) => Ok(self.stop(question, Vec::new(), &decided, false)),
        }
    }

    /// Plans what is asked of something that is not there, and so has no record type: the policies are asked about every
    /// one, so that whoever may do it nowhere is refused before they learn that it is not.
    pub(super) fn on_nothing<A>(&self, question: &Question, absent: Failure) -> Result<Plan<A>, Failure> {
        let mut refused = None;
        for kind in self.keeper.policies.record_types() {
            let question = Question { kind: Some(kind.name().clone()), ..question.clone() };
            let decided = self.judge_at_large(&question)?;
            if decided.refusal.is_none() {
                return Err(absent);
            }
            refused = refused.or(Some((question, decided)));
        }
        let Some((question, decided)) = refused else { return Err(absent) };
        Ok(self.stop(&question, Vec::new(), &decided, false))
    }

    /// How a record stands, and what the policies say of it.
    pub(super) fn judge(
        &self,
        question: &Question,
        subject: SubjectId,
    ) -> Result<(Option<RecordState>, Decided), Failure> {
        let (state, grants) = self.record(question, subject)?;
        let decided = self.decide(question, self.standing(state.as_ref(), &grants))?;
        Ok((state, decided))
    }

    /// The same of two questions about records of one type, for one purpose: the record is looked up once.
    pub(super) fn judge_both(
        &self,
        [one, other]: [&Question; 2],
        subject: SubjectId,
    ) -> Result<(Option<RecordState>, [Decided; 2]), Failure> {
        let (state, grants) = self.record(one, subject)?;
        let standing = self.standing(state.as_ref(), &grants);
        let decided = [self.decide(one, standing)?, self.decide(other, standing)?];
        Ok((state, decided))
    }

    /// A record and the grants that count; these are asked for where it is unknown, too, so that both take the same work. While
    /// an objection of the person waits for its answer, none counts for a purpose that may be objected to: direct marketing ends
    /// with the objection (GDPR article 21(3)), other processing rests meanwhile (article 18(1)(d)).
    fn record(&self, question: &Question, subject: SubjectId) -> Result<(Option<RecordState>, Arc<[Grant]>), Failure> {
        let kind = question.kind.as_ref();
        let state = kind.map(|kind| self.snapshot.record(kind, subject)).transpose()?.flatten();
        let grants = self.snapshot.grants(subject)?;
        let objects = state.as_ref().is_some_and(|state| state.objects);
        let grants = match question.purpose.as_deref() {
            Some(purpose) if objects && self.keeper.policies.may_be_objected_to(purpose) => {
                grants.iter().filter(|grant| grant.terms.purpose != purpose).cloned().collect()
            }
            _ => grants,
        };
        Ok((state, grants))
    }

    fn standing<'s>(&self, state: Option<&'s RecordState>, grants: &'s [Grant]) -> Option<Standing<'s>> {
        state.map(|RecordState { restricted, archived, .. }| Standing {
            grants,
            restricted: *restricted,
            archived,
            now: self.now,
        })
    }

    /// What the policies say of a question, whatever the record.
    pub(super) fn judge_at_large(&self, question: &Question) -> Result<Decided, Failure> {
        self.decide(question, None)
    }

    fn decide(&self, question: &Question, standing: Option<Standing<'_>>) -> Result<Decided, Failure> {
        let operator = self.acting.operator(self, question)?;
        let asked = Asked {
            role: self.caller.application.role,
            action: question.action,
            record_type: question.kind.as_ref(),
            fields: &question.fields,
            entire: question.entire,
            purpose: question.purpose.as_deref(),
            operator: operator.facts.clone(),
        };
        Ok(operator.relied_on(self.keeper.decider.decide(&asked, standing)))
    }

    /// The plan of what is allowed.
    pub(super) fn go<A>(&self, question: &Question, subjects: Vec<SubjectId>, mut decided: Decided, act: A) -> Plan<A> {
        let depends = self.depends(subjects.clone(), &decided);
        let (opened, withheld) = (std::mem::take(&mut decided.opened), std::mem::take(&mut decided.withheld));
        let draft = Draft {
            subjects,
            fields: opened.into_iter().collect(),
            withheld: withheld.into_keys().collect(),
            ..self.draft(question, decided, audit::Decision::Allow)
        };
        Plan { draft, reason: question.reason.clone(), depends, then: Ok(act) }
    }

    /// The plan of a refusal; a record that is not there is refused like one that is hidden.
    pub(super) fn stop<A>(
        &self,
        question: &Question,
        subjects: Vec<SubjectId>,
        decided: &Decided,
        missing: bool,
    ) -> Plan<A> {
        let hidden = matches!(decided.refusal, None | Some(Refusal::Hidden));
        let cause = if hidden && missing {
            Some(NO_SUCH_RECORD.to_owned())
        } else {
            decided.cause.map(|cause| cause.as_str().to_owned())
        };
        let depends = self.depends(subjects.clone(), decided);
        let draft = Draft {
            subjects,
            withheld: question.fields.iter().cloned().collect(),
            cause,
            ..self.draft(question, decided.clone(), audit::Decision::Deny)
        };
        let refused = if hidden { Refused::Hidden } else { Refused::Openly(denial(decided)) };
        Plan { draft, reason: question.reason.clone(), depends, then: Err(refused) }
    }

    pub(super) fn draft(&self, question: &Question, decided: Decided, decision: audit::Decision) -> Draft {
        Draft {
            record_type: question.kind.clone(),
            purpose: question.purpose.clone(),
            grants: decided.grants,
            habilitations: decided.habilitations,
            policies: decided.policies.into_iter().collect(),
            policy_set: Some(self.keeper.policy_set.clone()),
            ..self.call.draft(&self.caller.application, question.logged_as, decision)
        }
    }

    pub(super) fn depends(&self, subjects: Vec<SubjectId>, decided: &Decided) -> Depends {
        Depends {
            access_point: self.snapshot.access_point(),
            application: Some(self.caller.application.id),
            subjects,
            valid_until: [decided.valid_until, self.caller.expires_at].into_iter().flatten().min(),
        }
    }
}

fn denial(decided: &Decided) -> Denial {
    Denial {
        cause: decided.cause,
        policies: decided.policies.iter().cloned().collect(),
        withheld: decided.withheld.clone(),
    }
}
