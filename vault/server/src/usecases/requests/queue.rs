//! The queue: what waits for an answer, in the order in which it is due. Legal and the data protection officer see it
//! whole, every other application what it filed itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::day::Day;
use coffre_core::filing::{Filing, FilingKind, FilingState, SOON_DAYS};
use coffre_policies::Action;
use coffre_store::{FilingCursor, FilingFilter, Receipt};

use super::sees_all;
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::plan::Reading;

/// By when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It should have been answered.
    Overdue,
    /// Within a week, or it should have been answered.
    Soon,
}

impl std::str::FromStr for Due {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "overdue" => Ok(Self::Overdue),
            "soon" => Ok(Self::Soon),
            _ => Err(()),
        }
    }
}

/// What is asked for.
pub(crate) struct ListRequests {
    pub(crate) kind: String,
    pub(crate) state: Option<FilingState>,
    pub(crate) asks_for: Option<FilingKind>,
    pub(crate) assignee: Option<String>,
    pub(crate) due: Option<Due>,
    pub(crate) after: Option<FilingCursor>,
    pub(crate) limit: usize,
}

/// A page of requests.
pub(crate) struct Requests {
    pub(crate) listed: Vec<Filing>,
    /// Whether they are shown to the application that filed them, as one that sees no others.
    pub(crate) to_filer: bool,
    pub(crate) next: Option<FilingCursor>,
}

impl Keeper {
    /// Lists requests.
    pub(crate) async fn list_requests(
        self: &Arc<Self>,
        call: &Call,
        asked: ListRequests,
    ) -> Result<(Requests, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let look = move |look: &Look<'_>| {
            let sees_all = sees_all(look, &kind)?;
            let action = if sees_all { Action::ListRequests } else { Action::FollowRequests };
            let question = Question::whole(action, audit::Action::ListRequests, Some(kind.clone()), None);
            let filer = (!sees_all).then(|| look.application().id);
            let mut plan = look.at_large(&question, || {
                Ok(Reading { claims: Vec::new(), content: page(look, &asked, &question, filer)? })
            })?;
            if let Ok(reading) = &plan.then {
                let subjects: BTreeSet<_> = reading.content.listed.iter().map(|filing| filing.subject).collect();
                plan.draft.subjects = subjects.into_iter().collect();
            }
            Ok(plan)
        };
        self.disclose(call, look).await
    }
}

fn page(
    look: &Look<'_>,
    asked: &ListRequests,
    question: &Question,
    filer: Option<coffre_core::ids::ApplicationId>,
) -> Result<Requests, Failure> {
    let today = Day::of(look.now);
    let pending = || FilingState::ALL.iter().copied().filter(|state| state.is_pending()).collect();
    let wanted = FilingFilter {
        states: match (asked.state, asked.due) {
            (Some(state), _) => vec![state],
            // Whatever is due is not answered.
            (None, Some(_)) => pending(),
            (None, None) => Vec::new(),
        },
        kind: asked.asks_for,
        assignee: asked.assignee.clone(),
        filer,
        due_before: asked.due.map(|due| match due {
            Due::Overdue => today,
            Due::Soon => today.plus_days(SOON_DAYS + 1),
        }),
    };
    let to_filer = filer.is_some();
    let Some(kind) = &question.kind else { return Ok(Requests { listed: Vec::new(), to_filer, next: None }) };
    // One more than asked for tells whether there are more.
    let mut listed = look.snapshot.filings(kind, &wanted, asked.after, asked.limit.saturating_add(1))?;
    let more = listed.len() > asked.limit;
    listed.truncate(asked.limit);
    let next = listed.last().filter(|_| more).map(|last| FilingCursor { due_on: last.due_on, id: last.id });
    Ok(Requests { listed, to_filer, next })
}
