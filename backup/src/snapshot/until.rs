//! Watches what restic does with a snapshot, and stops it for a reason of the work's own, too.

use crate::observer::{Observer, Progress};

/// Asks to stop where its observer does, and as soon as it is over.
pub(super) struct Until<'a> {
    pub(super) observer: &'a mut dyn Observer,
    pub(super) over: &'a dyn Fn() -> bool,
}

impl Observer for Until<'_> {
    fn progress(&mut self, progress: Progress) {
        self.observer.progress(progress);
    }

    fn cancelled(&self) -> bool {
        (self.over)() || self.observer.cancelled()
    }
}
