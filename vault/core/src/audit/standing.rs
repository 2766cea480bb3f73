//! Which writes that a log tells of still stand: what a comparison of stored values with the hashes in the log has to
//! know of restores to a moment, of categories that were removed at the end of their retention, and of what was encrypted anew.

use std::collections::BTreeMap;

use super::rewinds::Rewinds;
use super::{Action, Carried, DocumentRef, Entry, SealedValue};
use crate::ids::{DocumentId, SubjectId};
use crate::record::Category;

/// What takes writes back or away, gathered while a log is read from its beginning.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    rewinds: Rewinds,
    /// Where categories of a record were removed, and which.
    removals: BTreeMap<SubjectId, Vec<(u64, Vec<String>)>>,
    /// Where something of a record was encrypted anew, and what.
    reencrypted: BTreeMap<SubjectId, Vec<(u64, Written)>>,
}

/// What a hash in the log is of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Written {
    Value(Category, u32),
    Document(DocumentId, u32),
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
        if matches!(what.action, Action::Reencrypt | Action::CarryOver) {
            Carried::of(index, what.clone())
                .iter()
                .filter(|of| of.reencrypted)
                .for_each(|of| self.note_reencrypted(of));
        }
    }

    fn note_reencrypted(&mut self, of: &Carried) {
        let values = of.values.iter().map(|value| Written::Value(value.category.clone(), value.version));
        let document = of.document.iter().map(|document| Written::Document(document.id, document.version));
        let of_subject = self.reencrypted.entry(of.subject).or_default();
        of_subject.extend(values.chain(document).map(|written| (of.index, written)));
    }

    /// Whether a value that an entry wrote need not be there any more.
    pub fn value_is_gone(&self, index: u64, subject: SubjectId, value: &SealedValue) -> bool {
        let SealedValue { category, version, .. } = value;
        let undone = |at| self.rewinds.undo(at, subject);
        self.is_gone(index, subject, undone, |removed| removed.iter().any(|name| name == category.as_str()))
            || self.is_reencrypted(index, subject, undone, &Written::Value(category.clone(), *version))
    }

    /// The same of a document: the last category that holds some takes them all with it.
    pub fn document_is_gone(&self, index: u64, subject: SubjectId, document: &DocumentRef) -> bool {
        let undone = |at| self.rewinds.undo_documents(at, subject);
        self.is_gone(index, subject, undone, |_| true)
            || self.is_reencrypted(index, subject, undone, &Written::Document(document.id, document.version))
    }

    /// Whether a later entry says the same of another ciphertext.
    fn is_reencrypted(&self, index: u64, subject: SubjectId, undone: impl Fn(u64) -> bool, written: &Written) -> bool {
        let of_subject = self.reencrypted.get(&subject).map(Vec::as_slice).unwrap_or_default();
        of_subject.iter().any(|(at, what)| *at > index && what == written && !undone(*at))
    }

    fn is_gone(
        &self,
        index: u64,
        subject: SubjectId,
        undone: impl Fn(u64) -> bool,
        concerns: impl Fn(&[String]) -> bool,
    ) -> bool {
        let removals = self.removals.get(&subject).map(Vec::as_slice).unwrap_or_default();
        let later = removals.iter().filter(|(removal, _)| *removal > index);
        undone(index) || later.into_iter().any(|(at, removed)| concerns(removed) && !undone(*at))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::audit::{CHANGED_BACK, Decision, Draft, RewoundTo};
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

    fn value(name: &str, version: u32) -> SealedValue {
        SealedValue { category: name.parse().unwrap(), version, sha256: String::new() }
    }

    fn category(name: &str) -> SealedValue {
        value(name, 1)
    }

    fn document(version: u32) -> DocumentRef {
        DocumentRef { id: DocumentId::from_bytes([9; 16]), version, sha256: Some(String::new()) }
    }

    fn reencrypted(values: &[SealedValue], document: Option<DocumentRef>) -> Entry {
        let mut entry = entry(Action::Reencrypt, A, Some("2"), None);
        (entry.what.values, entry.what.document) = (values.to_vec(), document);
        entry
    }

    #[test]
    fn what_was_encrypted_anew_stands_as_the_later_entry_says() {
        let mut standing = Standing::default();
        standing.note(10, &reencrypted(&[value("health", 1), value("contact", 3)], None));
        standing.note(11, &reencrypted(&[], Some(document(2))));
        assert!(standing.value_is_gone(9, A, &value("health", 1)));
        assert!(!standing.value_is_gone(9, A, &value("health", 2)), "another version");
        assert!(!standing.value_is_gone(9, B, &value("health", 1)), "another record");
        assert!(!standing.value_is_gone(10, A, &value("health", 1)), "itself");
        assert!(standing.document_is_gone(10, A, &document(2)) && !standing.document_is_gone(10, A, &document(1)));
    }

    #[test]
    fn a_pruned_entry_of_it_counts_by_what_was_carried_over() {
        let carried = |index, reencrypted| Carried {
            index,
            subject: A,
            values: vec![value("health", 1)],
            document: None,
            reencrypted,
        };
        let mut carrying = entry(Action::CarryOver, A, None, None);
        carrying.what.carried = vec![carried(5, false), carried(60, true)];
        let mut standing = Standing::default();
        standing.note(900, &carrying);
        assert!(standing.value_is_gone(5, A, &value("health", 1)));
        assert!(!standing.value_is_gone(60, A, &value("health", 1)));
    }

    #[test]
    fn a_restore_to_before_it_brings_back_what_was_encrypted_before() {
        let mut standing = Standing::default();
        standing.note(10, &reencrypted(&[value("health", 1)], None));
        standing.note(20, &entry(Action::BeginGeneration, A, None, Some(8)));
        standing.note(21, &entry(Action::Rewind, A, None, None));
        assert!(!standing.value_is_gone(5, A, &value("health", 1)));
        assert!(standing.value_is_gone(10, A, &value("health", 1)), "taken back by the restore");
    }

    #[test]
    fn documents_of_a_record_that_was_changed_back_are_as_the_newest_entry_says() {
        let mut changed = entry(Action::Rewind, A, None, None);
        changed.what.cause = Some(CHANGED_BACK.to_owned());
        let mut standing = Standing::default();
        standing.note(10, &reencrypted(&[value("health", 1)], Some(document(1))));
        standing.note(20, &entry(Action::BeginGeneration, A, None, Some(8)));
        standing.note(21, &changed);
        assert!(!standing.value_is_gone(5, A, &value("health", 1)));
        assert!(standing.document_is_gone(5, A, &document(1)), "it is encrypted anew still");
        assert!(!standing.document_is_gone(10, A, &document(1)));
        assert!(!standing.document_is_gone(9, A, &document(2)), "one that was added since is still there");
        let mut standing = Standing::default();
        standing.note(10, &entry(Action::EraseCategories, A, Some("contract"), None));
        standing.note(20, &entry(Action::BeginGeneration, A, None, Some(8)));
        standing.note(21, &changed);
        assert!(standing.document_is_gone(5, A, &document(1)), "the values are back, it is not");
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
        assert!(standing.document_is_gone(9, A, &document(1)) && !standing.document_is_gone(11, A, &document(1)));
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
