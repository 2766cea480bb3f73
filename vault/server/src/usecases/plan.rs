//! A use case computes a plan from one view of the vault; this executes it. Whatever a plan leads to,
//! its entry is durable before its answer exists.

use std::sync::Arc;

use coffre_core::audit::{Action, Draft};
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_store::{Claim, CommitError, Depends, Disclosure, Receipt, Snapshot, Transaction};
use tokio::sync::oneshot;

use super::approval_refusal::ApprovalRefusal;
use super::call::Call;
use super::failure::{Denial, Failure, uncommitted};
use super::keeper::{Keeper, lost};
use super::look::Look;
use crate::unusual::Unusual;

/// The cause by which refusals are counted that look like a record that does not exist.
const HIDDEN: &str = "hidden";

/// How often a decision is made again when access moved under it.
pub(super) const ATTEMPTS: usize = 8;

/// What a look at the vault led to.
pub(super) struct Plan<A> {
    /// The entry, or what a transaction makes its entries from.
    pub(super) draft: Draft,
    /// The caller's free-text reason.
    pub(super) reason: Option<String>,
    /// What the decision rests on.
    pub(super) depends: Depends,
    /// What to do, or what to answer instead.
    pub(super) then: Result<A, Refused>,
}

/// A refusal whose entry is not committed yet.
pub(super) enum Refused {
    /// To be answered like a record that does not exist.
    Hidden,
    /// To be answered openly.
    Openly(Denial),
    /// The application has no effect before officers have approved it.
    NotApproved,
}

/// Something to be disclosed: what it claims, and what it is once the claims have their receipt.
pub(super) struct Reading<C> {
    pub(super) claims: Vec<Claim>,
    pub(super) content: C,
}

/// To whom the content of how many records is shown.
struct Shown {
    application: ApplicationId,
    role: Role,
    operator: Option<String>,
    records: usize,
}

impl Shown {
    /// By an entry; only what opens content counts, and of that nothing that two operators agreed to.
    fn by(draft: &Draft) -> Option<Self> {
        let content = match draft.action {
            Action::Read | Action::ReadVersions | Action::ReadDocument | Action::Search | Action::ExportAccess => true,
            // Its documents, which have entries of their own, are no other records.
            Action::ExportPortable => draft.document.is_none(),
            _ => false,
        };
        let (Some(application), Some(role), true) = (draft.application, draft.role, content) else { return None };
        Some(Self { application, role, operator: draft.operator.clone(), records: draft.subjects.len() })
    }
}

impl Refused {
    fn recorded(self, receipt: &Receipt) -> Failure {
        let entry = receipt.index();
        match self {
            Self::Hidden => Failure::NotFound { entry },
            Self::Openly(denial) => Failure::Denied { denial, entry },
            Self::NotApproved => ApprovalRefusal::Application { entry }.into(),
        }
    }
}

/// What became of an attempt.
enum Attempt<T> {
    Settled(Result<T, Failure>),
    Moved,
}

fn settle<T, E>(outcome: Result<T, CommitError<E>>) -> Attempt<T>
where
    E: std::error::Error + 'static,
    Failure: From<E>,
{
    match outcome {
        Ok(done) => Attempt::Settled(Ok(done)),
        Err(CommitError::Moved) => Attempt::Moved,
        Err(error) => Attempt::Settled(Err(uncommitted(error))),
    }
}

/// The way to whoever waits for an attempt. An asker that has gone needs no answer.
struct Answer<T>(oneshot::Sender<Result<Attempt<T>, Failure>>);

impl<T> Answer<T> {
    fn give(self, attempt: Result<Attempt<T>, Failure>) {
        let _gone = self.0.send(attempt);
    }
}

impl Keeper {
    /// Executes a reading: commits its entry, then gives the content and the receipt that opens it.
    pub(super) async fn disclose<C, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<(C, Receipt), Failure>
    where
        C: Send + 'static,
        F: Fn(&Look<'_>) -> Result<Plan<Reading<C>>, Failure> + Send + Sync + 'static,
    {
        let execute = |keeper: &Self, plan: Plan<Reading<C>>, answer: Answer<((C, Option<Shown>), Receipt)>| {
            let Plan { draft, reason, depends, then } = plan;
            match then {
                Ok(Reading { claims, content }) => {
                    let shown = Shown::by(&draft);
                    let disclosure = Disclosure { draft, reason, claims, depends };
                    let then = move |done: Result<Receipt, _>| {
                        answer.give(Ok(settle(done.map(|receipt| ((content, shown), receipt)))));
                    };
                    keeper.store.disclose_then(disclosure, then);
                }
                Err(refused) => keeper.refuse(draft, reason, depends, refused, answer),
            }
        };
        let ((content, shown), receipt) = self.attempt(call, look, execute).await?;
        // Once for each entry, however often it was decided before.
        if let Some(shown) = shown {
            self.watch_reads(&shown);
        }
        Ok((content, receipt))
    }

    /// Executes a change.
    pub(super) async fn change<T, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<(T::Output, Receipt), Failure>
    where
        T: Transaction,
        Failure: From<T::Error>,
        F: Fn(&Look<'_>) -> Result<Plan<T>, Failure> + Send + Sync + 'static,
    {
        let execute = |keeper: &Self, plan: Plan<T>, answer: Answer<(T::Output, Receipt)>| {
            let Plan { draft, reason, depends, then } = plan;
            match then {
                Ok(transaction) => {
                    let then = move |done| answer.give(Ok(settle(done)));
                    keeper.store.transact_then(transaction, draft, reason, depends, then);
                }
                Err(refused) => keeper.refuse(draft, reason, depends, refused, answer),
            }
        };
        self.attempt(call, look, execute).await
    }

    /// Decides without doing anything yet; a refusal is committed. What it allows is decided again
    /// when it is done.
    pub(super) async fn permit<A, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<A, Failure>
    where
        A: Send + 'static,
        F: Fn(&Look<'_>) -> Result<Plan<A>, Failure> + Send + Sync + 'static,
    {
        let execute = |keeper: &Self, plan: Plan<A>, answer: Answer<A>| {
            let Plan { draft, reason, depends, then } = plan;
            match then {
                Ok(permitted) => answer.give(Ok(Attempt::Settled(Ok(permitted)))),
                Err(refused) => keeper.refuse(draft, reason, depends, refused, answer),
            }
        };
        self.attempt(call, look, execute).await
    }

    /// Plans and executes until access stands still. The plan goes to the writer from the thread that made it, and what
    /// comes of it straight to the caller, who is woken once.
    async fn attempt<A, T, F>(
        self: &Arc<Self>,
        call: &Call,
        look: F,
        execute: fn(&Self, Plan<A>, Answer<T>),
    ) -> Result<T, Failure>
    where
        A: 'static,
        T: Send + 'static,
        F: Fn(&Look<'_>) -> Result<Plan<A>, Failure> + Send + Sync + 'static,
    {
        let look = Arc::new(look);
        for _ in 0..ATTEMPTS {
            let (answer, answered) = oneshot::channel();
            let answer = Answer(answer);
            if let Some(plan) = self.plan_at_once(call, look.as_ref()) {
                execute(self, plan, answer);
            } else {
                let (call, look) = (call.clone(), Arc::clone(&look));
                self.look(move |keeper, view| {
                    // For whoever has gone meanwhile nothing is decided.
                    if answer.0.is_closed() {
                        return;
                    }
                    match view.and_then(|snapshot| keeper.plan(snapshot, &call, look.as_ref())) {
                        Ok(plan) => execute(keeper, plan, answer),
                        Err(failure) => answer.give(Err(failure)),
                    }
                });
            }
            match answered.await.unwrap_or_else(|_| Err(lost()))? {
                Attempt::Settled(result) => return result,
                Attempt::Moved => {}
            }
        }
        Err(Failure::Contended)
    }

    fn plan<A>(
        &self,
        snapshot: &Snapshot<'_>,
        call: &Call,
        look: &impl Fn(&Look<'_>) -> Result<Plan<A>, Failure>,
    ) -> Result<Plan<A>, Failure> {
        let here = Look::new(self, snapshot, call)?;
        // Before anything is looked at, whatever it is.
        if here.application().in_effect { look(&here) } else { Ok(here.not_approved()) }
    }

    /// The plan of what is allowed by all that is remembered, made where the call is: no other thread is waited for. Whatever
    /// is refused is looked up, so that nobody who is refused learns from the time it takes who is remembered.
    fn plan_at_once<A>(&self, call: &Call, look: &impl Fn(&Look<'_>) -> Result<Plan<A>, Failure>) -> Option<Plan<A>> {
        self.plan(&self.store.remembered(), call, look).ok().filter(|plan| plan.then.is_ok())
    }

    /// Tells when somebody reads far more than they do usually.
    fn watch_reads(&self, shown: &Shown) {
        let Shown { application, role, ref operator, records } = *shown;
        if let Some(unusual) = self.watch.count(application, operator.as_deref(), records, self.store.now()) {
            let Unusual { reads, usual } = unusual;
            self.metrics.unusual(role);
            tracing::warn!(%application, %role, reads, usual, "reads have left their usual range: see the audit log");
        }
    }

    fn refuse<T: Send + 'static>(
        &self,
        draft: Draft,
        reason: Option<String>,
        depends: Depends,
        refused: Refused,
        answer: Answer<T>,
    ) {
        // Whoever counts needs no token: why a record is hidden, or whether there is one, is told to the audit log alone.
        let cause = if matches!(refused, Refused::Hidden) { Some(HIDDEN.to_owned()) } else { draft.cause.clone() };
        let (metrics, role, action) = (Arc::clone(&self.metrics), draft.role, draft.action);
        let disclosure = Disclosure { draft, reason, claims: Vec::new(), depends };
        self.store.disclose_then(disclosure, move |done| {
            answer.give(Ok(match settle(done) {
                Attempt::Settled(Ok(receipt)) => {
                    // Once for each refusal in the log, however often it was decided before.
                    metrics.denied(role, action, cause.as_deref());
                    Attempt::Settled(Err(refused.recorded(&receipt)))
                }
                Attempt::Settled(Err(failure)) => Attempt::Settled(Err(failure)),
                Attempt::Moved => Attempt::Moved,
            }));
        });
    }
}

#[cfg(test)]
mod tests;
