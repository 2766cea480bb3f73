//! Those who look at the vault for callers: one view for all who wait together, on threads that may block.
//!
//! A view is begun after whoever looks through it has come, so that everybody sees at least what was answered before.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coffre_store::Snapshot;

use super::failure::Failure;
use super::keeper::Keeper;

/// At most so many look through one view.
const TOGETHER: usize = 32;
/// A view that has been open for so long is not used for another look.
const LONG: Duration = Duration::from_millis(5);

/// What a look sees, or why it sees nothing.
pub(super) type View<'v> = Result<&'v Snapshot<'v>, Failure>;

/// What somebody does with a view.
type Act = Box<dyn FnOnce(&Keeper, View<'_>) + Send>;

/// Somebody who waits for a view.
pub(super) struct Waiting {
    keeper: Arc<Keeper>,
    look: Act,
}

impl Waiting {
    pub(super) fn new(keeper: &Arc<Keeper>, look: impl FnOnce(&Keeper, View<'_>) + Send + 'static) -> Self {
        Self { keeper: Arc::clone(keeper), look: Box::new(look) }
    }

    /// A look that panics leaves its caller without an answer, and nobody else.
    fn look(self, view: View<'_>) {
        let Self { keeper, look } = self;
        if catch_unwind(AssertUnwindSafe(|| look(&keeper, view))).is_err() {
            tracing::error!("a look at the vault ended by a mistake in this program");
        }
    }
}

/// The viewers, and the queue in front of them.
pub(super) struct Viewers {
    queue: Arc<Mutex<Queue<Waiting>>>,
}

impl Viewers {
    /// As many at a time as the store has readers.
    pub(super) fn new(most: usize) -> Self {
        Self { queue: Arc::new(Mutex::new(Queue::new(most))) }
    }

    /// Has somebody look, as soon as a viewer is free.
    pub(super) fn serve(&self, waiting: Waiting) {
        if lock(&self.queue).add(waiting) {
            let queue = Arc::clone(&self.queue);
            tokio::task::spawn_blocking(move || {
                loop {
                    let Some(together) = lock(&queue).next() else { return };
                    show(together);
                }
            });
        }
    }
}

fn lock<T>(queue: &Mutex<T>) -> MutexGuard<'_, T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(mut waiting: VecDeque<Waiting>) {
    while let Some(first) = waiting.front() {
        let keeper = Arc::clone(&first.keeper);
        let begun = Instant::now();
        match keeper.store.snapshot() {
            Ok(snapshot) => {
                while let Some(next) = waiting.pop_front() {
                    next.look(Ok(&snapshot));
                    // A view that met a damaged page answers nothing more: it costs whoever came across it, not the others.
                    if begun.elapsed() > LONG || !snapshot.is_sound() {
                        break;
                    }
                }
            }
            // The others try again.
            Err(error) => {
                if let Some(first) = waiting.pop_front() {
                    first.look(Err(error.into()));
                }
            }
        }
    }
}

/// Who waits, and how many viewers are at work.
struct Queue<W> {
    waiting: VecDeque<W>,
    working: usize,
    most: usize,
}

impl<W> Queue<W> {
    fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), working: 0, most: most.max(1) }
    }

    /// Adds somebody; says whether another viewer is to begin.
    fn add(&mut self, waiting: W) -> bool {
        self.waiting.push_back(waiting);
        let begin = self.working < self.most;
        self.working += usize::from(begin);
        begin
    }

    /// The next to look together, in the order in which they came; nobody when the viewer is to end.
    fn next(&mut self) -> Option<VecDeque<W>> {
        if self.waiting.is_empty() {
            self.working -= 1;
            return None;
        }
        let rest = self.waiting.split_off(TOGETHER.min(self.waiting.len()));
        Some(std::mem::replace(&mut self.waiting, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_begin_as_long_as_there_are_readers_and_end_when_nobody_waits() {
        let mut queue = Queue::new(2);
        let begun: Vec<bool> = (0..4).map(|number| queue.add(number)).collect();
        assert_eq!(begun, [true, true, false, false]);
        assert_eq!(queue.next(), Some(VecDeque::from([0, 1, 2, 3])), "all who wait look together");
        assert_eq!(queue.next(), None, "one viewer ends");
        assert!(queue.add(4), "and another may begin");
        assert!(!queue.add(5));
    }

    #[test]
    fn a_crowd_is_served_in_order_and_in_parts() {
        let mut queue = Queue::new(1);
        for number in 0..TOGETHER + 3 {
            queue.add(number);
        }
        assert_eq!(queue.next().map(|part| part.len()), Some(TOGETHER));
        assert_eq!(queue.next(), Some((TOGETHER..TOGETHER + 3).collect()));
    }
}
