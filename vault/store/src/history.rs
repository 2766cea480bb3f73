//! Who was concerned by which entry, on its way into `index.db`: the newest accesses are kept in memory and written
//! later, many at a time and in order of the data subjects, so that neighbours share a page. One by one, every entry
//! would rewrite a page of its own. Whatever a crash takes from here is read from the log again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::ids::SubjectId;

/// So many accesses are written together.
const BATCH: usize = 8_192;
/// So many accesses come together before a commit takes a part of a batch for them: twice as many as were added, so that
/// the batch comes to an end.
const PART: usize = 256;

/// The accesses that are not in `index.db` yet, oldest first: entry and data subject.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<(u64, SubjectId)>>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, SubjectId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the accesses of newer entries.
    pub(crate) fn add(&self, accesses: &[(u64, SubjectId)]) {
        self.lock().extend(accesses);
    }

    /// The entries about a subject before one, newest first.
    pub(crate) fn of(&self, subject: SubjectId, before: Option<u64>) -> Vec<u64> {
        let before = before.unwrap_or(u64::MAX);
        self.lock()
            .iter()
            .rev()
            .filter(|(entry, who)| *who == subject && *entry < before)
            .map(|(entry, _)| *entry)
            .collect()
    }

    /// Forgets what is in `index.db` now.
    fn forget_before(&self, entry: u64) {
        let mut recent = self.lock();
        let known = recent.partition_point(|(index, _)| *index < entry);
        recent.drain(..known);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// The batch that is being written.
#[derive(Default)]
pub(crate) struct Batch {
    /// In order of the subjects.
    left: VecDeque<(SubjectId, u64)>,
    /// The entry after the last of it.
    until: u64,
    /// Accesses that were added since the last part.
    added: usize,
}

/// What a commit takes of a batch.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) rows: Vec<(SubjectId, u64)>,
    /// Every access before this entry is in `index.db` with it.
    pub(crate) until: Option<u64>,
}

impl Batch {
    /// What to write with a group that added so many, if it is time or there is something else to write; begins a batch
    /// when enough have come together.
    pub(crate) fn part(&mut self, recent: &Recent, added: usize, now: bool) -> Option<Part> {
        self.added += added;
        if self.added < PART && !now {
            return None;
        }
        if self.left.is_empty() {
            self.begin(recent, BATCH);
        }
        let count = 2 * std::mem::take(&mut self.added);
        Some(self.take(count))
    }

    /// All that is left in memory, for the end.
    pub(crate) fn rest(&mut self, recent: &Recent) -> Part {
        self.begin(recent, 1);
        self.take(usize::MAX)
    }

    fn begin(&mut self, recent: &Recent, least: usize) {
        let recent = recent.lock();
        if let Some((last, _)) = recent.back().filter(|_| recent.len() >= least) {
            self.until = last + 1;
            let mut sorted: Vec<_> = recent.iter().map(|(entry, subject)| (*subject, *entry)).collect();
            sorted.sort_unstable();
            self.left = sorted.into();
        }
    }

    fn take(&mut self, count: usize) -> Part {
        if self.left.is_empty() {
            return Part::default();
        }
        let rows: Vec<_> = self.left.drain(..count.min(self.left.len())).collect();
        Part { rows, until: Some(self.until).filter(|_| self.left.is_empty()) }
    }
}

impl Part {
    /// What to do once it is committed.
    pub(crate) fn written(&self, recent: &Recent) {
        if let Some(until) = self.until {
            recent.forget_before(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(number: u64) -> SubjectId {
        SubjectId::from_bytes([u8::try_from(number % 251).unwrap_or(0); 16])
    }

    #[test]
    fn nothing_is_lost_between_memory_and_file() {
        let (recent, mut batch, mut written) = (Recent::default(), Batch::default(), Vec::new());
        let total = 3 * BATCH as u64;
        for entry in 0..total {
            recent.add(&[(entry, subject(entry))]);
            if let Some(part) = batch.part(&recent, 1, entry % 1_000 == 1) {
                written.extend(part.rows.iter().map(|(_, entry)| *entry));
                part.written(&recent);
            }
            if entry % 1_000 == 0 {
                let (mut all, about) = (recent.of(subject(7), None), subject(7));
                all.extend(written.iter().filter(|entry| subject(**entry) == about));
                all.sort_unstable();
                all.dedup();
                assert_eq!(all, (0..=entry).filter(|entry| subject(*entry) == about).collect::<Vec<_>>());
            }
        }
        assert!(recent.lock().len() < 2 * BATCH, "memory is bounded");
        let rest = batch.rest(&recent);
        assert_eq!(rest.until, Some(total));
        rest.written(&recent);
        written.extend(rest.rows.iter().map(|(_, entry)| *entry));
        written.sort_unstable();
        written.dedup();
        assert_eq!(written, (0..total).collect::<Vec<_>>());
        assert!(recent.lock().is_empty());
    }

    #[test]
    fn the_newest_come_first_and_end_before() {
        let recent = Recent::default();
        recent.add(&[(3, subject(1)), (4, subject(2)), (5, subject(1)), (9, subject(1))]);
        assert_eq!(recent.of(subject(1), None), [9, 5, 3]);
        assert_eq!(recent.of(subject(1), Some(9)), [5, 3]);
        assert!(recent.of(subject(3), None).is_empty());
    }
}
