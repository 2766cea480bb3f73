//! What waits for the writer. Whoever has gone meanwhile still waits here with what they asked for, so it is not the number of
//! connections that bounds it: beyond so many nothing more is taken in for callers, but what takes something out of somebody's reach.
//! What closes the vault, or shuts an application out, has a way of its own and goes ahead of them all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Message;
use crate::error::Unavailable;

/// So many may wait: sixteen groups, some seconds of work. Tests fill it.
const MOST: usize = if cfg!(test) { 8 } else { 8_192 };
/// No group takes so long whose disk answers, nor does anything else that the writer does in between.
const LONG: Duration = Duration::from_secs(30);

/// The way in.
#[derive(Clone)]
pub(crate) struct Sender {
    messages: mpsc::Sender<Message>,
    ahead: mpsc::Sender<Message>,
    state: Arc<State>,
}

/// The writer's end.
pub(crate) struct Receiver {
    messages: mpsc::Receiver<Message>,
    ahead: mpsc::Receiver<Message>,
    state: Arc<State>,
}

/// What both ends know.
#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    /// Since when the writer has been at work without asking for more.
    since: Mutex<Option<Instant>>,
}

impl State {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both ends.
pub(crate) fn inbox() -> (Sender, Receiver) {
    let (messages, waiting) = mpsc::channel();
    let (ahead, first) = mpsc::channel();
    let state = Arc::<State>::default();
    let sender = Sender { messages, ahead, state: Arc::clone(&state) };
    (sender, Receiver { messages: waiting, ahead: first, state })
}

impl Sender {
    /// Sends what the vault itself asks for. A writer that has gone drops the message, and the answer says that the vault stops.
    pub(crate) fn send(&self, message: Message) {
        let message = if message.goes_ahead() {
            let _gone = self.ahead.send(message);
            Message::Ahead
        } else {
            message
        };
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        if self.messages.send(message).is_err() {
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Sends what a caller asks for, or refuses it where too much waits.
    pub(crate) fn offer(&self, message: Message) {
        if self.state.waiting.load(Ordering::Relaxed) >= MOST && !message.is_protective() {
            return message.refuse(&Unavailable::Busy);
        }
        self.send(message);
    }

    /// What is wrong where the writer does not come back: a disk that hangs tells no error.
    pub(crate) fn stalled(&self) -> Option<Unavailable> {
        self.at_work_for(LONG)
    }

    fn at_work_for(&self, longer_than: Duration) -> Option<Unavailable> {
        let took = (*self.state.since())?.elapsed();
        let detail = || format!("it has not answered for {} seconds", took.as_secs());
        (took > longer_than).then(|| Unavailable::Disk { detail: detail() })
    }
}

impl Receiver {
    fn came(&self, message: Message) -> Message {
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        message
    }

    /// Waits for the next: the writer is at work from then on, until it asks for another one.
    pub(super) fn next(&self, patience: Duration) -> Result<Message, RecvTimeoutError> {
        *self.state.since() = None;
        let message = self.messages.recv_timeout(patience)?;
        *self.state.since() = Some(Instant::now());
        Ok(self.came(message))
    }

    /// What is there already.
    pub(super) fn another(&self) -> Option<Message> {
        self.messages.try_recv().ok().map(|message| self.came(message))
    }

    /// Those who go ahead of the others.
    pub(super) fn ahead(&self) -> impl Iterator<Item = Message> {
        self.ahead.try_iter()
    }
}

impl Message {
    fn is_protective(&self) -> bool {
        match self {
            Self::Write(job) => job.is_protective(),
            Self::Read(job) => job.is_protective(),
            Self::Exclusive(_) | Self::Stop | Self::Ahead => true,
        }
    }

    fn goes_ahead(&self) -> bool {
        match self {
            Self::Write(job) => job.goes_ahead(),
            Self::Read(job) => job.goes_ahead(),
            Self::Exclusive(_) | Self::Stop | Self::Ahead => false,
        }
    }

    fn refuse(self, cause: &Unavailable) {
        match self {
            Self::Write(job) => job.fail(cause),
            Self::Read(job) => job.fail(cause),
            Self::Exclusive(act) => act(Err(cause.clone())),
            Self::Stop | Self::Ahead => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::mpsc::channel;

    use coffre_core::audit::{Action, Decision, Draft};
    use coffre_core::ids::RequestId;

    use super::*;
    use crate::clock::SystemEntropy;
    use crate::disclosure::{Depends, Disclosure};
    use crate::error::CommitError;
    use crate::writer::Answer;

    #[test]
    fn a_full_queue_takes_in_nothing_but_what_protects() {
        let (sender, receiver) = inbox();
        let (told, answers) = channel();
        let offer = |action| {
            let draft = Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy));
            let asked = Disclosure { draft, reason: None, claims: Vec::new(), depends: Depends::default() };
            let told = told.clone();
            sender.offer(Message::read_then(asked, Answer::new(move |done| told.send((action, done)).unwrap())));
        };
        (0..MOST).for_each(|_| offer(Action::Read));
        assert_eq!(answers.try_iter().count(), 0, "they wait");
        offer(Action::Search);
        offer(Action::ProposeSeal);
        let refused: Vec<_> = answers.try_iter().collect();
        assert!(
            matches!(refused.as_slice(), [(Action::Search, Err(CommitError::Unavailable(Unavailable::Busy)))]),
            "{refused:?}"
        );
        let taken = [receiver.another(), receiver.another()];
        offer(Action::Search);
        assert_eq!(answers.try_iter().count(), 0, "there is room again");
        drop(taken);
        while receiver.another().is_some() {}
        assert_eq!(receiver.ahead().count(), 1, "what seals waits apart");
        assert_eq!(receiver.state.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_writer_that_does_not_come_back_is_told() {
        let (sender, receiver) = inbox();
        sender.send(Message::Stop);
        let at_work = || sender.at_work_for(Duration::ZERO);
        assert_eq!(at_work(), None, "it has not begun");
        assert!(receiver.next(Duration::ZERO).is_ok());
        let told = std::iter::repeat_with(at_work).flatten().next().unwrap().to_string();
        assert!(told.contains("has not answered for"), "{told}");
        assert_eq!(sender.stalled(), None);
        assert!(receiver.next(Duration::ZERO).is_err());
        assert_eq!(at_work(), None, "it rests");
    }
}
