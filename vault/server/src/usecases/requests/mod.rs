//! Requests to Legal: filed by whoever a person turns to, followed by whoever filed them, decided by Legal.
//!
//! That a filer sees its own requests and no other is a rule of this module; the policies know roles only.

mod accept;
mod file;
mod letter;
mod link;
mod queue;
mod read;
mod refusal;
mod step;

use coffre_core::audit;
use coffre_core::filing::Filing;
use coffre_core::ids::FilingId;
use coffre_core::record::RecordTypeName;
use coffre_policies::Action;

pub(crate) use accept::AcceptRequest;
pub(crate) use file::{About, FileRequest};
pub(crate) use letter::{Letter, LetterView, WriteLetter};
pub(crate) use link::LinkRequest;
pub(crate) use queue::{ListRequests, Requests};
pub(crate) use read::{ReadRequest, RequestView};
pub(crate) use refusal::RequestRefusal;
pub(crate) use step::{StepAsked, TakeStep};

use super::failure::Failure;
use super::look::{Look, Question};
use super::plan::Plan;
use crate::authorization::Decided;

/// The causes in the log where a request is not there, or not the caller's.
const NO_SUCH_REQUEST: &str = "no-such-request";
const NOT_ITS_OWN: &str = "not-its-own";

/// Whose requests a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Anybody's.
    Any,
    /// Those that the calling application filed.
    Own,
}

/// Whether the caller sees everybody's requests, and not only those that it filed.
fn sees_all(look: &Look<'_>, kind: &RecordTypeName) -> Result<bool, Failure> {
    let question = Question::whole(Action::ListRequests, audit::Action::ListRequests, Some(kind.clone()), None);
    Ok(look.judge_at_large(&question)?.refusal.is_none())
}

/// Plans what is asked of one request: the action if it is there, is the caller's where it must be, and the policies
/// allow it. To whom it is none of these it looks as if it did not exist.
pub(super) fn on_request<A>(
    look: &Look<'_>,
    question: &Question,
    id: FilingId,
    whose: Whose,
    act: impl FnOnce(&Filing, &Decided) -> Result<A, Failure>,
) -> Result<Plan<A>, Failure> {
    let Some(filing) = look.snapshot.filing(id)? else { return missing(look, question) };
    let question = Question { kind: Some(filing.record_type.clone()), ..question.clone() };
    let decided = look.judge_at_large(&question)?;
    let subjects = vec![filing.subject];
    if decided.refusal.is_some() {
        return Ok(look.stop(&question, subjects, &decided, false));
    }
    if whose == Whose::Own && filing.filer != look.application().id {
        return Ok(hidden(look, &question, subjects, &decided, NOT_ITS_OWN));
    }
    let act = act(&filing, &decided)?;
    let mut plan = look.go(&question, subjects, decided, act);
    plan.draft.target = Some(format!("request {id} ({})", filing.kind));
    Ok(plan)
}

/// A request that does not exist has no record type; the policies are asked about every one, so that whoever may do
/// nothing with requests is refused before it learns whether this one exists.
fn missing<A>(look: &Look<'_>, question: &Question) -> Result<Plan<A>, Failure> {
    let mut refused = None;
    for kind in look.keeper.policies.record_types() {
        let question = Question { kind: Some(kind.name().clone()), ..question.clone() };
        let decided = look.judge_at_large(&question)?;
        if decided.refusal.is_none() {
            return Ok(hidden(look, &question, Vec::new(), &decided, NO_SUCH_REQUEST));
        }
        refused = refused.or(Some((question, decided)));
    }
    let (question, decided) = refused.ok_or(RequestRefusal::NoSuchRequest)?;
    Ok(look.stop(&question, Vec::new(), &decided, false))
}

/// Adds to a plan what was decided of values: the entry names them, and the commit rests on that decision too.
fn with_values<A>(look: &Look<'_>, plan: &mut Plan<A>, decided: &Decided, purpose: Option<&str>) {
    plan.draft.fields = decided.opened.iter().cloned().collect();
    plan.draft.withheld = decided.withheld.keys().cloned().collect();
    plan.draft.purpose = purpose.map(str::to_owned);
    plan.draft.habilitations.clone_from(&decided.habilitations);
    plan.draft.policies.extend(decided.policies.iter().cloned());
    plan.draft.policies.sort_unstable();
    plan.draft.policies.dedup();
    plan.depends = look.depends(plan.draft.subjects.clone(), decided);
}

fn hidden<A>(
    look: &Look<'_>,
    question: &Question,
    subjects: Vec<coffre_core::ids::SubjectId>,
    decided: &Decided,
    cause: &str,
) -> Plan<A> {
    let mut plan = look.stop(question, subjects, decided, true);
    plan.draft.cause = Some(cause.to_owned());
    plan
}
