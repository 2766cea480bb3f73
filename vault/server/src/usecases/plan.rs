//! A use case computes a plan from one view of the vault; this executes it. Whatever a plan leads to,
//! its entry is durable before its answer exists.

use std::sync::Arc;

use coffre_core::audit::{Action, Draft};
use coffre_store::{Claim, CommitError, Depends, Disclosure, Pending, Receipt, Snapshot, Transaction};

use super::call::Call;
use super::failure::{Denial, Failure, uncommitted};
use super::keeper::Keeper;
use super::look::Look;
use crate::unusual::Unusual;

/// How often a decision is made again when access moved under it.
const ATTEMPTS: usize = 8;

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
}

/// Something to be disclosed: what it claims, and what it is once the claims have their receipt.
pub(super) struct Reading<C> {
    pub(super) claims: Vec<Claim>,
    pub(super) content: C,
}

impl Refused {
    fn recorded(self, receipt: &Receipt) -> Failure {
        let entry = receipt.index();
        match self {
            Self::Hidden => Failure::NotFound { entry },
            Self::Openly(denial) => Failure::Denied { denial, entry },
        }
    }
}

/// A refusal on its way into the log.
struct Refusing {
    pending: Pending<Receipt, std::convert::Infallible>,
    refused: Refused,
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

impl Keeper {
    /// Executes a reading: commits its entry, then gives the content and the receipt that opens it.
    pub(super) async fn disclose<C, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<(C, Receipt), Failure>
    where
        C: Send + 'static,
        F: Fn(&Look<'_>) -> Result<Plan<Reading<C>>, Failure> + Send + Sync + 'static,
    {
        let look = Arc::new(look);
        for _ in 0..ATTEMPTS {
            let attempt = self.plan(call, &look, |keeper, plan| match plan.then {
                Ok(reading) => {
                    let Plan { draft, reason, depends, .. } = plan;
                    keeper.watch_reads(&draft);
                    let disclosure = Disclosure { draft, reason, claims: reading.claims, depends };
                    Ok((keeper.store.disclose(disclosure), reading.content))
                }
                Err(refused) => Err(keeper.refuse(plan.draft, plan.reason, plan.depends, refused)),
            });
            let settled = match attempt.await? {
                Ok((pending, content)) => settle(pending.await.map(|receipt| (content, receipt))),
                Err(refusing) => refusing.settle().await,
            };
            if let Attempt::Settled(result) = settled {
                return result;
            }
        }
        Err(Failure::Contended)
    }

    /// Executes a change.
    pub(super) async fn change<T, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<(T::Output, Receipt), Failure>
    where
        T: Transaction,
        Failure: From<T::Error>,
        F: Fn(&Look<'_>) -> Result<Plan<T>, Failure> + Send + Sync + 'static,
    {
        let look = Arc::new(look);
        for _ in 0..ATTEMPTS {
            let attempt = self.plan(call, &look, |keeper, plan| match plan.then {
                Ok(transaction) => Ok(keeper.store.transact(transaction, plan.draft, plan.reason, plan.depends)),
                Err(refused) => Err(keeper.refuse(plan.draft, plan.reason, plan.depends, refused)),
            });
            let settled = match attempt.await? {
                Ok(pending) => settle(pending.await),
                Err(refusing) => refusing.settle().await,
            };
            if let Attempt::Settled(result) = settled {
                return result;
            }
        }
        Err(Failure::Contended)
    }

    /// Decides without doing anything yet; a refusal is committed. What it allows is decided again
    /// when it is done.
    pub(super) async fn permit<A, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<A, Failure>
    where
        A: Send + 'static,
        F: Fn(&Look<'_>) -> Result<Plan<A>, Failure> + Send + Sync + 'static,
    {
        let look = Arc::new(look);
        for _ in 0..ATTEMPTS {
            let attempt = self.plan(call, &look, |keeper, plan| {
                plan.then.map_err(|refused| keeper.refuse(plan.draft, plan.reason, plan.depends, refused))
            });
            let settled = match attempt.await? {
                Ok(permitted) => return Ok(permitted),
                Err(refusing) => refusing.settle().await,
            };
            if let Attempt::Settled(result) = settled {
                return result;
            }
        }
        Err(Failure::Contended)
    }

    /// One view: plans, and hands the plan to the writer from the same thread.
    async fn plan<A, F, S>(
        self: &Arc<Self>,
        call: &Call,
        look: &Arc<F>,
        submit: impl FnOnce(&Self, Plan<A>) -> S + Send + 'static,
    ) -> Result<S, Failure>
    where
        F: Fn(&Look<'_>) -> Result<Plan<A>, Failure> + Send + Sync + 'static,
        S: Send + 'static,
    {
        let (call, look) = (call.clone(), Arc::clone(look));
        let view = move |keeper: &Self, snapshot: &Snapshot<'_>| {
            let plan = look(&Look::new(keeper, snapshot, &call)?)?;
            Ok(submit(keeper, plan))
        };
        self.view(view).await
    }

    /// Tells when somebody reads far more than they do usually; only what opens content counts.
    fn watch_reads(&self, draft: &Draft) {
        let content =
            matches!(draft.action, Action::Read | Action::ReadVersions | Action::ReadDocument | Action::Search);
        let (Some(application), Some(role), true) = (draft.application, draft.role, content) else { return };
        let (operator, records) = (draft.operator.as_deref(), draft.subjects.len());
        if let Some(unusual) = self.watch.count(application, operator, records, self.store.now()) {
            let Unusual { reads, usual } = unusual;
            self.metrics.unusual(role);
            tracing::warn!(%application, %role, reads, usual, "reads have left their usual range: see the audit log");
        }
    }

    fn refuse(&self, draft: Draft, reason: Option<String>, depends: Depends, refused: Refused) -> Refusing {
        self.metrics.denied(draft.role, draft.action, draft.cause.as_deref());
        let disclosure = Disclosure { draft, reason, claims: Vec::new(), depends };
        Refusing { pending: self.store.disclose(disclosure), refused }
    }
}

impl Refusing {
    async fn settle<T>(self) -> Attempt<T> {
        match settle(self.pending.await) {
            Attempt::Settled(Ok(receipt)) => Attempt::Settled(Err(self.refused.recorded(&receipt))),
            Attempt::Settled(Err(failure)) => Attempt::Settled(Err(failure)),
            Attempt::Moved => Attempt::Moved,
        }
    }
}
