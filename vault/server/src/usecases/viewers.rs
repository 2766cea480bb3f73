//! Those who look at the vault for callers: one view for all who wait together, on threads that may block.
//!
//! A view is begun after whoever looks through it has come, so that everybody sees at least what was answered before. Nobody is
//! bound to a view before their turn: who waits behind a look that takes long goes to the next viewer who is free.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coffre_store::{Snapshot, Unavailable};

use super::failure::Failure;
use super::keeper::Keeper;

/// So many may wait for a view, those who have gone meanwhile among them: some seconds of work. Beyond them nobody is taken in.
const MOST: usize = 8_192;
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

    /// Has somebody look, as soon as a viewer is free, or see that too many wait.
    pub(super) fn serve(&self, waiting: Waiting) {
        let added = lock(&self.queue).add(waiting);
        let begin = match added {
            Ok(begin) => begin,
            Err(waiting) => return waiting.look(Err(Unavailable::Busy.into())),
        };
        if begin {
            let queue = Arc::clone(&self.queue);
            tokio::task::spawn_blocking(move || while show(&queue) {});
        }
    }
}

fn lock<T>(queue: &Mutex<T>) -> MutexGuard<'_, T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a view, and shows it to those who have come by then. Nothing when nobody waits: the viewer is to end.
fn show(queue: &Mutex<Queue<Waiting>>) -> bool {
    let Some((first, until)) = lock(queue).begin() else { return false };
    let keeper = Arc::clone(&first.keeper);
    let begun = Instant::now();
    match keeper.store.snapshot() {
        Ok(snapshot) => {
            let mut next = Some(first);
            while let Some(looking) = next.take() {
                looking.look(Ok(&snapshot));
                // A view that met a damaged page answers nothing more: it costs whoever came across it, not the others.
                if begun.elapsed() <= LONG && snapshot.is_sound() {
                    next = lock(queue).another(until);
                }
            }
        }
        // The others try again.
        Err(error) => first.look(Err(error.into())),
    }
    true
}

/// Who waits, and how many viewers are at work.
struct Queue<W> {
    waiting: VecDeque<W>,
    /// How many have come, ever.
    came: u64,
    working: usize,
    most: usize,
}

impl<W> Queue<W> {
    fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), came: 0, working: 0, most: most.max(1) }
    }

    /// Adds somebody, and says whether another viewer is to begin; gives back who finds no room.
    fn add(&mut self, waiting: W) -> Result<bool, W> {
        if self.waiting.len() >= MOST {
            return Err(waiting);
        }
        self.waiting.push_back(waiting);
        self.came += 1;
        let begin = self.working < self.most;
        self.working += usize::from(begin);
        Ok(begin)
    }

    /// The first who waits, and up to where others may look through a view that begins now; nobody when the viewer is to end.
    fn begin(&mut self) -> Option<(W, u64)> {
        let first = self.waiting.pop_front();
        self.working -= usize::from(first.is_none());
        first.map(|first| (first, self.came))
    }

    /// The next in the order in which they came, if they came before that.
    fn another(&mut self, until: u64) -> Option<W> {
        let number = self.came - self.waiting.len() as u64;
        if number < until { self.waiting.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_begin_as_long_as_there_are_readers_and_end_when_nobody_waits() {
        let mut queue = Queue::new(2);
        let begun: Vec<_> = (0..4).map(|number| queue.add(number)).collect();
        assert_eq!(begun, [Ok(true), Ok(true), Ok(false), Ok(false)]);
        assert_eq!(queue.begin(), Some((0, 4)));
        assert_eq!([queue.another(4), queue.another(4)], [Some(1), Some(2)], "all who wait look together");
        assert_eq!(queue.begin(), Some((3, 4)), "unless another viewer is free");
        assert_eq!((queue.another(4), queue.begin()), (None, None), "one viewer ends");
        assert_eq!(queue.add(4), Ok(true), "and another may begin");
        assert_eq!(queue.add(5), Ok(false));
    }

    #[test]
    fn beyond_so_many_nobody_is_taken_in() {
        let mut queue = Queue::new(1);
        assert!((0..MOST).all(|number| queue.add(number).is_ok()));
        assert_eq!(queue.add(MOST), Err(MOST));
        assert_eq!(queue.begin().map(|(first, _)| first), Some(0));
        assert_eq!(queue.add(MOST), Ok(false));
    }

    #[test]
    fn nobody_looks_through_a_view_that_began_before_they_came() {
        let mut queue = Queue::new(1);
        assert!((0..2).all(|number| queue.add(number).is_ok()));
        let (first, until) = queue.begin().unwrap_or_default();
        assert_eq!((first, queue.add(2)), (0, Ok(false)));
        assert_eq!((queue.another(until), queue.another(until)), (Some(1), None));
        assert_eq!(queue.begin(), Some((2, 3)));
    }
}
