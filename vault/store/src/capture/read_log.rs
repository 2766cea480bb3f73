//! What base backups of this process have read of the log, and found to be what was written. Under a great load bases follow each other within
//! minutes, because the segments have become many: such a one rests on what was read before, where no page has changed
//! since, and reads the rest. Whatever damages a page meanwhile damages none of the pieces that are in the spool already.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coffre_core::spool::ContentHash;

/// The pieces that were read, and when all of them last were.
#[derive(Debug, Default)]
pub(crate) struct ReadLog(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    all: Option<Instant>,
    /// By where in the file it begins: what its pages were together, and the piece.
    pieces: BTreeMap<u64, ([u8; 32], ContentHash)>,
}

impl ReadLog {
    fn lately(&self) -> MutexGuard<'_, Lately> {
        // Every change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of the log was read by one base backup that began no longer ago.
    pub(super) fn was_read_within(&self, time: Duration) -> bool {
        self.lately().all.is_some_and(|all| all.elapsed() < time)
    }

    /// What was read counts no longer.
    pub(super) fn begin_anew(&self) {
        *self.lately() = Lately::default();
    }

    /// All of the log was read by a base backup that began then.
    pub(super) fn all_was_read(&self, begun: Instant) {
        self.lately().all = Some(begun);
    }

    /// The piece that was read there, if its pages are these still.
    pub(super) fn piece(&self, from: u64, pages: [u8; 32]) -> Option<ContentHash> {
        self.lately().pieces.get(&from).filter(|(read, _)| *read == pages).map(|(_, sha256)| *sha256)
    }

    /// A piece was read, and is in the spool.
    pub(super) fn note(&self, from: u64, pages: [u8; 32], sha256: ContentHash) {
        self.lately().pieces.insert(from, (pages, sha256));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_as_read_until_a_page_of_it_changes_or_everything_is_read_again() {
        let (log, hour, read) = (ReadLog::default(), Duration::from_hours(1), ContentHash::of(b"a piece"));
        assert!(!log.was_read_within(hour));
        log.begin_anew();
        log.note(4096, [1; 32], read);
        assert!(!log.was_read_within(hour), "not to its end");
        log.all_was_read(Instant::now());
        assert!(log.was_read_within(hour) && !log.was_read_within(Duration::ZERO));
        assert_eq!(log.piece(4096, [1; 32]), Some(read));
        assert_eq!(log.piece(4096, [2; 32]), None);
        assert_eq!(log.piece(0, [1; 32]), None);
        log.begin_anew();
        assert_eq!(log.piece(4096, [1; 32]), None);
        assert!(!log.was_read_within(hour));
    }
}
