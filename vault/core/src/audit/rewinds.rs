//! Which writes of records still stand, where restores to a moment have set records back: what a
//! comparison of stored values with the hashes in the log has to know.

use std::collections::BTreeSet;

use super::{Action, Entry};
use crate::ids::SubjectId;

/// The restores to a moment that a log tells of, gathered while it is read from its beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Rewinds(Vec<Rewind>);

/// One of them: the records it names stand as they did when the log had `size` entries.
#[derive(Debug, Clone)]
struct Rewind {
    index: u64,
    size: u64,
    subjects: BTreeSet<SubjectId>,
    /// Those of them that were left out or brought back: their documents went or came with them.
    with_documents: BTreeSet<SubjectId>,
}

/// The `cause` of entries that name records which have former values again. Documents are not set back: theirs stay the
/// newest.
pub const CHANGED_BACK: &str = "changed-after-this-moment";

impl Rewinds {
    /// Takes in the next entry.
    pub(super) fn note(&mut self, index: u64, entry: &Entry) {
        let what = &entry.what;
        match (what.action, &what.rewound, self.0.last_mut()) {
            (Action::BeginGeneration, Some(to), _) => {
                let (subjects, with_documents) = (BTreeSet::new(), BTreeSet::new());
                self.0.push(Rewind { index, size: to.size, subjects, with_documents });
            }
            (Action::Rewind, _, Some(last)) => {
                last.subjects.extend(&what.subjects);
                if what.cause.as_deref() != Some(CHANGED_BACK) {
                    last.with_documents.extend(&what.subjects);
                }
            }
            _ => {}
        }
    }

    /// Whether what an entry wrote to a record was taken back by a restore since. A restore that was itself
    /// gone behind by a later one takes nothing back.
    pub(super) fn undo(&self, index: u64, subject: SubjectId) -> bool {
        self.take_back(index, |rewind| rewind.subjects.contains(&subject))
    }

    /// The same of what an entry did to a record's documents.
    pub(super) fn undo_documents(&self, index: u64, subject: SubjectId) -> bool {
        self.take_back(index, |rewind| rewind.with_documents.contains(&subject))
    }

    fn take_back(&self, index: u64, concerned: impl Fn(&Rewind) -> bool) -> bool {
        let mut end = u64::MAX;
        for rewind in self.0.iter().rev().filter(|rewind| concerned(rewind)) {
            if rewind.index >= end {
                continue;
            }
            if (rewind.size..rewind.index).contains(&index) {
                return true;
            }
            end = rewind.size;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Decision, Draft, RewoundTo};
    use crate::ids::{GenerationId, RequestId};
    use crate::time::Timestamp;

    const A: SubjectId = SubjectId::from_bytes([1; 16]);
    const B: SubjectId = SubjectId::from_bytes([2; 16]);

    fn entry(action: Action, to: Option<u64>, subjects: &[SubjectId]) -> Entry {
        let mut draft = Draft::new(action, Decision::Allow, RequestId::from_bytes([0; 16]));
        draft.subjects = subjects.to_vec();
        draft.rewound = to.map(|size| RewoundTo {
            generation: GenerationId::from_bytes([3; 16]),
            time: Timestamp::from_micros(0),
            size,
            root: String::new(),
        });
        draft.at(Timestamp::from_micros(0))
    }

    fn rewinds(log: &[(u64, u64, &[SubjectId])]) -> Rewinds {
        let mut rewinds = Rewinds::default();
        for (index, size, subjects) in log {
            rewinds.note(*index, &entry(Action::BeginGeneration, Some(*size), &[]));
            rewinds.note(index + 1, &entry(Action::Rewind, None, subjects));
        }
        rewinds
    }

    #[test]
    fn only_writes_between_the_moment_and_the_restore_are_taken_back_and_only_of_records_it_names() {
        let found = rewinds(&[(10, 5, &[A])]);
        let undone: Vec<u64> = (0..15).filter(|index| found.undo(*index, A)).collect();
        assert_eq!(undone, [5, 6, 7, 8, 9]);
        assert!((0..15).all(|index| !found.undo(index, B)));
    }

    #[test]
    fn a_restore_to_before_a_restore_brings_back_what_that_one_took() {
        // To 3 at 10, then to 8, which is before that, at 20.
        let found = rewinds(&[(10, 3, &[A]), (20, 8, &[A])]);
        let undone: Vec<u64> = (0..25).filter(|index| found.undo(*index, A)).collect();
        assert_eq!(undone, (8..20).collect::<Vec<u64>>());
        // To 12, which is after it: both count.
        let found = rewinds(&[(10, 3, &[A]), (20, 12, &[A])]);
        let undone: Vec<u64> = (0..25).filter(|index| found.undo(*index, A)).collect();
        assert_eq!(undone, (3..10).chain(12..20).collect::<Vec<u64>>());
    }

    #[test]
    fn documents_of_a_record_that_was_changed_back_stay_as_they_are() {
        let mut found = Rewinds::default();
        found.note(10, &entry(Action::BeginGeneration, Some(5), &[]));
        let mut changed = entry(Action::Rewind, None, &[A]);
        changed.what.cause = Some(CHANGED_BACK.to_owned());
        found.note(11, &changed);
        found.note(12, &entry(Action::Rewind, None, &[B]));
        assert!(found.undo(7, A) && !found.undo_documents(7, A));
        assert!(found.undo(7, B) && found.undo_documents(7, B), "it was left out, or brought back");
    }

    #[test]
    fn a_plain_restore_takes_nothing_back() {
        let mut found = Rewinds::default();
        found.note(4, &entry(Action::BeginGeneration, None, &[]));
        found.note(5, &entry(Action::Rewind, None, &[A]));
        assert!(!found.undo(1, A));
    }
}
