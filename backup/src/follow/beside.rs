//! A base backup on its way to a destination while its segments go on: on a thread and connections of its own. Segments go
//! first: while some are under way, the base waits after each mebibyte, for a moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use coffre_core::spool::{Known, Pinned};

use super::Following;
use super::turns::Turn;
use crate::destination::{Destination, FileSystem};
use crate::observer::{Cancelled, Observer, Progress};
use crate::run::TargetError;
use crate::ship::{Bases, ShipError, send_bases};
use crate::sources::Surveyed;

/// How much of a base goes before it is asked whether segments are under way.
const PIECE: u64 = 1 << 20;
/// How long it waits for them: they may be many, and it has to arrive, too.
const LONGEST: Duration = Duration::from_millis(250);

/// Whether segments are under way to a destination.
#[derive(Default)]
pub(super) struct Precedence {
    under_way: Mutex<bool>,
    free: Condvar,
}

/// Segments that are under way, until it is dropped.
pub(super) struct UnderWay<'p>(&'p Precedence);

impl Precedence {
    fn set(&self, under_way: bool) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = under_way;
        self.free.notify_all();
    }

    /// Lets segments go first.
    pub(super) fn take(&self) -> UnderWay<'_> {
        self.set(true);
        UnderWay(self)
    }

    fn give_way(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.free.wait_timeout_while(under_way, LONGEST, |under_way| *under_way));
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Watches a base on its way.
struct Giving<'a> {
    precedence: &'a Precedence,
    stop: &'a AtomicBool,
    cancel: &'a AtomicBool,
    /// Bytes that had gone when way was given last.
    gone: u64,
}

impl Observer for Giving<'_> {
    fn progress(&mut self, progress: Progress) {
        if progress.done >= self.gone + PIECE {
            self.gone = progress.done;
            self.precedence.give_way();
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.cancel.load(Ordering::SeqCst)
    }
}

/// The newest manifests that a base on its way brings.
#[derive(Clone, Copy)]
pub(super) struct Brings {
    pub(super) main: Option<Known>,
    pub(super) keyring: Option<Known>,
}

impl Brings {
    pub(super) fn of(bases: &Bases) -> Self {
        Self { main: bases.main.last().map(Known::of), keyring: bases.keyring.last().map(Known::of) }
    }
}

/// A base on its way.
pub(super) struct OnItsWay<'scope> {
    thread: ScopedJoinHandle<'scope, Result<u64, TargetError>>,
    cancel: Arc<AtomicBool>,
    brings: Brings,
}

impl<'scope> OnItsWay<'scope> {
    /// Sends one off, within a turn that lasts as long as it takes.
    pub(super) fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        (following, destination): (&'env Following<'env>, &'env (dyn Destination + Sync)),
        (bases, ours): (Bases, Surveyed),
        (precedence, stop): (&'env Precedence, &'env AtomicBool),
        turn: Turn<'env>,
    ) -> Self {
        let (brings, cancel) = (Brings::of(&bases), Arc::new(AtomicBool::new(false)));
        let cancelled = Arc::clone(&cancel);
        let pinned: &Pinned = following.pinned;
        let thread = scope.spawn(move || {
            let _turn = turn;
            let mut observer = Giving { precedence, stop, cancel: &cancelled, gone: 0 };
            let spool = FileSystem::new(following.spool);
            Ok(send_bases((&spool, &ours), destination, pinned, &bases, &mut observer)?)
        });
        Self { thread, cancel, brings }
    }

    pub(super) const fn brings(&self) -> Brings {
        self.brings
    }

    /// Asks it to stop where it is.
    pub(super) fn cancel(&self) {
        self.cancel.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// What it brought, and how many bytes; waits for its end.
    pub(super) fn end(self) -> Result<(Brings, u64), TargetError> {
        let ended = self.thread.join().unwrap_or_else(|_| Err(ShipError::from(Cancelled).into()));
        ended.map(|bytes| (self.brings, bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_base_waits_for_segments_after_each_piece_and_not_for_ever() {
        let (precedence, never) = (Precedence::default(), AtomicBool::new(false));
        let mut giving = Giving { precedence: &precedence, stop: &never, cancel: &never, gone: 0 };
        let stage = crate::observer::Stage::Copying;
        let mut pass = |done| giving.progress(Progress { stage, done, total: 0 });
        let under_way = precedence.take();
        pass(PIECE - 1);
        // It comes back although they are still under way.
        pass(PIECE);
        thread::scope(|scope| {
            scope.spawn(|| drop(under_way));
            pass(2 * PIECE);
        });
        pass(3 * PIECE);
        assert_eq!(giving.gone, 3 * PIECE);
    }
}
