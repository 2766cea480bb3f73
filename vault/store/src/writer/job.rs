//! What waits for the writer: transactions and disclosures, each with the way back to its asker.

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::time::Timestamp;

use super::pending::Answer;
use super::work::{Effects, Surroundings, Work};
use crate::disclosure::{Claim, Depends, Disclosure, Receipt};
use crate::error::{CommitError, Unavailable};
use crate::transactions::Transaction;

/// The entries of a job as they were committed.
pub(crate) struct Committed {
    pub(super) first_index: u64,
    pub(super) time: Timestamp,
}

/// How one transaction of a group ran.
pub(crate) enum Ran {
    /// It made its change; this is left to do.
    Done(Box<Effects>),
    /// It refused, or what it rested on has moved: its change is rolled back.
    Refused,
    /// The databases failed: the group fails.
    Failed(Unavailable),
}

/// A transaction whose type is known only to itself.
pub(crate) trait WriteJob: Send {
    fn depends(&self) -> &Depends;
    /// Whether it takes something out of somebody's reach: possible on a full disk too.
    fn is_protective(&self) -> bool;
    /// Whether it waits behind nobody.
    fn goes_ahead(&self) -> bool;
    fn reason(&mut self) -> Option<String>;
    fn run(&mut self, around: &Surroundings<'_>, first_entry: u64) -> Ran;
    fn moved(self: Box<Self>);
    fn not_covered(self: Box<Self>);
    fn answer(self: Box<Self>, committed: &Committed);
    fn fail(self: Box<Self>, cause: &Unavailable);
}

pub(super) struct TypedJob<T: Transaction> {
    pub(super) transaction: Option<(T, Draft)>,
    pub(super) reason: Option<String>,
    pub(super) depends: Depends,
    pub(super) result: Option<Result<T::Output, T::Error>>,
    pub(super) answer: Answer<(T::Output, Receipt), T::Error>,
}

impl<T: Transaction> WriteJob for TypedJob<T> {
    fn depends(&self) -> &Depends {
        &self.depends
    }

    fn is_protective(&self) -> bool {
        self.transaction.as_ref().is_some_and(|(_, base)| protects(base.action))
    }

    fn goes_ahead(&self) -> bool {
        self.transaction.as_ref().is_some_and(|(_, base)| is_urgent(base.action))
    }

    fn reason(&mut self) -> Option<String> {
        self.reason.take()
    }

    fn run(&mut self, around: &Surroundings<'_>, first_entry: u64) -> Ran {
        let Some((transaction, base)) = self.transaction.take() else { return Ran::Refused };
        let mut work = Work::new(around, first_entry);
        let result = transaction.run(&mut work, base);
        if let Some(failure) = work.failure() {
            return Ran::Failed(failure);
        }
        let done = result.is_ok();
        self.result = Some(result);
        if done { Ran::Done(Box::new(work.effects)) } else { Ran::Refused }
    }

    fn moved(self: Box<Self>) {
        self.answer.give(Err(CommitError::Moved));
    }

    fn not_covered(self: Box<Self>) {
        self.answer.give(Err(CommitError::NotCovered));
    }

    fn answer(self: Box<Self>, committed: &Committed) {
        let receipt = Receipt::new(committed.first_index, committed.time, &[]);
        self.answer.give(match self.result {
            Some(Ok(output)) => Ok((output, receipt)),
            Some(Err(refused)) => Err(CommitError::Refused(refused)),
            None => Err(CommitError::Moved),
        });
    }

    fn fail(self: Box<Self>, cause: &Unavailable) {
        self.answer.give(Err(CommitError::Unavailable(cause.clone())));
    }
}

/// What no lack of space may stand in the way of.
const fn protects(action: Action) -> bool {
    matches!(
        action,
        Action::Erase
            | Action::ProposeErasure
            | Action::WithdrawErasure
            | Action::Restrict
            | Action::Object
            | Action::WithdrawGrant
            | Action::WithdrawHabilitation
            | Action::RevokeApplication
            | Action::PlaceHold
            | Action::ProposeSeal
            | Action::Seal
    )
}

/// What a crowd must not delay: it closes the vault, or shuts out an application, which may be whose crowd it is.
const fn is_urgent(action: Action) -> bool {
    matches!(action, Action::ProposeSeal | Action::Seal | Action::RevokeApplication)
}

/// A disclosure that waits for its entry.
pub(crate) struct ReadJob {
    pub(super) disclosure: Disclosure,
    pub(super) answer: Answer<Receipt, std::convert::Infallible>,
}

impl ReadJob {
    /// Whether what is asked for takes something out of somebody's reach. Who is denied it takes nothing.
    pub(super) fn is_protective(&self) -> bool {
        let Draft { action, decision, .. } = &self.disclosure.draft;
        *decision == Decision::Allow && protects(*action)
    }

    /// Whether it waits behind nobody. Who is denied it waits like everybody.
    pub(super) fn goes_ahead(&self) -> bool {
        let Draft { action, decision, .. } = &self.disclosure.draft;
        *decision == Decision::Allow && is_urgent(*action)
    }

    /// What it rests on.
    pub(super) const fn depends(&self) -> &Depends {
        &self.disclosure.depends
    }

    /// Whether a free-text reason is to be kept beside the entry.
    pub(super) const fn has_reason(&self) -> bool {
        self.disclosure.reason.is_some()
    }

    /// What the entry is to say, with which reason, and who waits for it.
    pub(super) fn split(self) -> (Draft, Option<String>, Waiting) {
        let Disclosure { draft, reason, claims, .. } = self.disclosure;
        (draft, reason, Waiting { claims, answer: self.answer })
    }

    pub(super) fn fail(self, cause: &Unavailable) {
        self.answer.give(Err(CommitError::Unavailable(cause.clone())));
    }
}

/// Whoever waits for an entry to be durable.
pub(super) struct Waiting {
    claims: Vec<Claim>,
    answer: Answer<Receipt, std::convert::Infallible>,
}

impl Waiting {
    pub(super) fn answer(self, committed: &Committed) {
        self.answer.give(Ok(Receipt::new(committed.first_index, committed.time, &self.claims)));
    }

    pub(super) fn moved(self) {
        self.answer.give(Err(CommitError::Moved));
    }

    pub(super) fn not_covered(self) {
        self.answer.give(Err(CommitError::NotCovered));
    }

    pub(super) fn fail(self, cause: &Unavailable) {
        self.answer.give(Err(CommitError::Unavailable(cause.clone())));
    }
}
