//! An answer of the writer that is on its way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::{CommitError, Unavailable};

/// An answer of the writer that is on its way: await it, or `wait` for it outside async code.
#[must_use = "nothing is durable before the answer is there"]
pub struct Pending<T, E: std::error::Error + 'static> {
    answer: oneshot::Receiver<Result<T, CommitError<E>>>,
}

impl<T, E: std::error::Error + 'static> Pending<T, E> {
    pub(crate) fn channel() -> (oneshot::Sender<Result<T, CommitError<E>>>, Self) {
        let (sender, answer) = oneshot::channel();
        (sender, Self { answer })
    }

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
