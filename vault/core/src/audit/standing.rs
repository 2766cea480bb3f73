//! Which writes that a log tells of still stand: what a comparison of stored values with the hashes in the log has to
//! know of restores to a moment and of categories that were removed at the end of their retention.

use std::collections::BTreeMap;

use super::rewinds::Rewinds;
use super::{Action, Entry};
use crate::ids::SubjectId;
use crate::record::Category;

/// What takes writes back or away, gathered while a log is read from its beginning.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    rewinds: Rewinds,
    /// Where categories of a record were removed, and which.
    removals: BTreeMap<SubjectId, Vec<(u64, Vec<String>)>>,
}

impl Standing {
    /// Takes in the next entry.
    pub fn note(&mut self, index: u64, entry: &Entry) {
        self.rewinds.note(index, entry);
        let (what, removed) = (&entry.what, entry.what.target.as_deref());
        if let (Action::EraseCategories, Some(subject), Some(removed)) = (what.action, what.subjects.first(), removed) {
            let removed = removed.split(' ').map(str::to_owned).collect();
            self.removals.entry(*subject).or_default().push((index, removed));
        }
    }

    /// Whether a value that an entry wrote need not be there any more.
    pub fn value_is_gone(&self, index: u64, subject: SubjectId, category: &Category) -> bool {
        self.is_gone(index, subject, |removed| removed.iter().any(|name| name == category.as_str()))
    }

    /// The same of a document: the last category that holds some takes them all with it.
    pub fn document_is_gone(&self, index: u64, subject: SubjectId) -> bool {
        self.is_gone(index, subject, |_| true)
    }

    fn is_gone(&self, index: u64, subject: SubjectId, concerns: impl Fn(&[String]) -> bool) -> bool {
        let removals = self.removals.get(&subject).map(Vec::as_slice).unwrap_or_default();
        let later = removals.iter().filter(|(removal, _)| *removal > index);
        self.rewinds.undo(index, subject)
            || later.into_iter().any(|(at, removed)| concerns(removed) && !self.rewinds.undo(*at, subject))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::audit::{Decision, Draft, RewoundTo};
    use crate::ids::{GenerationId, RequestId};
    use crate::time::Timestamp;

    const A: SubjectId = SubjectId::from_bytes([1; 16]);
    const B: SubjectId = SubjectId::from_bytes([2; 16]);

    fn entry(action: Action, subject: SubjectId, target: Option<&str>, to: Option<u64>) -> Entry {
        let draft = Draft {
            subjects: vec![subject],
            target: target.map(str::to_owned),
            rewound: to.map(|size| RewoundTo {
                generation: GenerationId::from_bytes([3; 16]),
                time: Timestamp::from_micros(0),
                size,
                root: String::new(),
            }),
            ..Draft::new(action, Decision::Allow, RequestId::from_bytes([0; 16]))
        };
        draft.at(Timestamp::from_micros(0))
    }

    fn category(name: &str) -> Category {
        name.parse().unwrap()
    }

    #[test]
    fn what_was_removed_is_gone_of_what_was_written_before() {
        let mut standing = Standing::default();
        standing.note(10, &entry(Action::EraseCategories, A, Some("health behaviour"), None));
        assert!(standing.value_is_gone(9, A, &category("health")));
        assert!(standing.value_is_gone(9, A, &category("behaviour")));
        assert!(!standing.value_is_gone(9, A, &category("contact")));
        assert!(!standing.value_is_gone(11, A, &category("health")), "written again since");
        assert!(!standing.value_is_gone(9, B, &category("health")));
        assert!(standing.document_is_gone(9, A) && !standing.document_is_gone(11, A));
    }

    #[test]
    fn a_restore_to_before_a_removal_brings_back_what_it_took() {
        let mut standing = Standing::default();
        standing.note(10, &entry(Action::EraseCategories, A, Some("health"), None));
        standing.note(20, &entry(Action::BeginGeneration, A, None, Some(8)));
        standing.note(21, &entry(Action::Rewind, A, None, None));
        assert!(!standing.value_is_gone(5, A, &category("health")));
        assert!(standing.value_is_gone(9, A, &category("health")), "taken back by the restore itself");
    }
}
