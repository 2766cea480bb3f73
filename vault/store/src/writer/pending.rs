//! An answer of the writer that is on its way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::{CommitError, Unavailable};

/// What is done with an answer, on the writer's thread.
type Then<T, E> = Box<dyn FnOnce(Result<T, CommitError<E>>) + Send>;

/// The way to whoever waits for the writer. It is taken once: dropped before, it tells that the vault stops.
pub(crate) struct Answer<T, E: std::error::Error + 'static>(Option<Then<T, E>>);

impl<T, E: std::error::Error + 'static> Answer<T, E> {
    pub(crate) fn new(then: impl FnOnce(Result<T, CommitError<E>>) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    pub(crate) fn give(mut self, answer: Result<T, CommitError<E>>) {
        if let Some(then) = self.0.take() {
            then(answer);
        }
    }
}

impl<T, E: std::error::Error + 'static> Drop for Answer<T, E> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(CommitError::Unavailable(Unavailable::Stopping)));
        }
    }
}

/// An answer of the writer that is on its way: await it, or `wait` for it outside async code.
#[must_use = "nothing is durable before the answer is there"]
pub struct Pending<T, E: std::error::Error + 'static> {
    answer: oneshot::Receiver<Result<T, CommitError<E>>>,
}

impl<T: Send + 'static, E: std::error::Error + Send + 'static> Pending<T, E> {
    pub(crate) fn channel() -> (Answer<T, E>, Self) {
        let (sender, answer) = oneshot::channel();
        // An asker that has gone needs no answer: what was committed stays committed.
        let then = move |answer| {
            let _gone = sender.send(answer);
        };
        (Answer::new(then), Self { answer })
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
