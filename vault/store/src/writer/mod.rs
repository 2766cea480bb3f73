//! The one writer thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use coffre_core::audit::Draft;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::error::{CommitError, Unavailable};

/// The inside of a transaction.
pub struct Work<'w> {
    entries: &'w mut Vec<Draft>,
}

impl Work<'_> {
    /// Adds an entry.
    pub fn log(&mut self, draft: Draft) {
        self.entries.push(draft);
    }
}

/// A failure below a transaction.
#[derive(Debug, Error)]
pub enum WorkError {
    /// The database refused.
    #[error("the vault could not be written")]
    Database(#[from] rusqlite::Error),
}

/// An answer of the writer that is on its way: await it, or `wait` for it outside async code.
#[must_use = "nothing is durable before the answer is there"]
pub struct Pending<T, E: std::error::Error + 'static> {
    answer: oneshot::Receiver<Result<T, CommitError<E>>>,
}

impl<T, E: std::error::Error + 'static> Pending<T, E> {
    /// Waits for the answer on this thread, which must not be an async one.
    pub fn wait(self) -> Result<T, CommitError<E>> {
        self.answer.blocking_recv().unwrap_or(Err(CommitError::Unavailable(Unavailable::Stopping)))
    }
}

impl<T, E: std::error::Error + 'static> Future for Pending<T, E> {
    type Output = Result<T, CommitError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stopping = |_| Err(CommitError::Unavailable(Unavailable::Stopping));
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.unwrap_or_else(stopping))
    }
}
