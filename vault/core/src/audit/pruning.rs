//! Pruning of the log (C2SP tlog-tiles, "Pruning"): entries that are past their time go, from the first on; their leaf
//! hashes stay, and so does the tree. What the log alone vouches for, the hashes of what was written, is carried over
//! first, without who wrote it, when and why.

use serde::{Deserialize, Serialize};

use super::{Action, DocumentRef, Draft, Entry, SealedValue};
use crate::ids::SubjectId;

/// What an entry that is pruned said was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The entry that said so first.
    pub index: u64,
    /// Whose it is.
    pub subject: SubjectId,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<SealedValue>,
    /// The document, with its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentRef>,
    /// Whether it was there before and was encrypted anew: what was said of it earlier counts no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reencrypted: bool,
}

impl Carried {
    /// What an entry says was written, itself or of entries pruned before.
    pub fn of(index: u64, what: Draft) -> Vec<Self> {
        if what.action == Action::CarryOver {
            return what.carried;
        }
        let document = what.document.filter(|document| document.sha256.is_some());
        match what.subjects.first() {
            Some(subject) if document.is_some() || !what.values.is_empty() => {
                let reencrypted = what.action == Action::Reencrypt;
                vec![Self { index, subject: *subject, values: what.values, document, reencrypted }]
            }
            _ => Vec::new(),
        }
    }
}

/// Which of what was carried over counts: what is said by an entry that is still there is not said again, and a pruning
/// that was begun twice carried things twice.
#[derive(Debug)]
pub struct CarriedOnce {
    minimum_index: u64,
    /// A bit for each entry that was pruned.
    seen: Vec<u64>,
}

impl CarriedOnce {
    /// Over a log whose first entry has this index.
    pub const fn new(minimum_index: u64) -> Self {
        Self { minimum_index, seen: Vec::new() }
    }

    /// Takes in what was carried over of an entry; says whether it counts.
    pub fn counts(&mut self, index: u64) -> bool {
        if index >= self.minimum_index {
            return false;
        }
        let Ok(word) = usize::try_from(index / 64) else { return false };
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let (bit, Some(bits)) = (1 << (index % 64), self.seen.get_mut(word)) else { return false };
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }
}

/// Where a log may begin that has this leaf: `None` if the leaf is not the entry of a pruning.
pub fn minimum_index(leaf: &[u8]) -> Option<u64> {
    // A leaf is canonical JSON; what callers put into an entry cannot hold a bare quotation mark.
    const MARK: &[u8] = br#""action":"prune-log""#;
    if !leaf.windows(MARK.len()).any(|window| window == MARK) {
        return None;
    }
    let what = Entry::from_leaf(leaf).ok()?.what;
    what.minimum_index.filter(|_| what.action == Action::PruneLog)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::audit::Decision;
    use crate::ids::{DocumentId, RequestId};
    use crate::time::Timestamp;

    const SUBJECT: SubjectId = SubjectId::from_bytes([7; 16]);

    fn draft(action: Action) -> Draft {
        Draft::new(action, Decision::Allow, RequestId::from_bytes([0; 16]))
    }

    fn leaf(what: Draft) -> Vec<u8> {
        what.at(Timestamp::from_micros(0)).leaf().unwrap()
    }

    #[test]
    fn only_the_entry_of_a_pruning_says_where_the_log_begins() {
        let pruning = Draft { minimum_index: Some(512), ..draft(Action::PruneLog) };
        assert_eq!(minimum_index(&leaf(pruning.clone())), Some(512));
        let carrying = Draft { action: Action::CarryOver, ..pruning.clone() };
        assert_eq!(minimum_index(&leaf(carrying)), None);
        let boast = r#"","action":"prune-log","minimum_index":512,"x":""#.to_owned();
        let forged = Draft { operator: Some(boast), ..draft(Action::Read) };
        assert_eq!(minimum_index(&leaf(forged)), None);
        assert_eq!(minimum_index(br#"{"action":"prune-log""#), None);
    }

    #[test]
    fn what_was_carried_counts_once_and_only_of_entries_that_are_gone() {
        let mut once = CarriedOnce::new(200);
        let counted: Vec<u64> = [0, 63, 64, 63, 199, 200, 0, 900].into_iter().filter(|at| once.counts(*at)).collect();
        assert_eq!(counted, [0, 63, 64, 199]);
    }

    #[test]
    fn what_was_written_is_carried_and_nothing_of_who_wrote_it() {
        let value = SealedValue { category: "health".parse().unwrap(), version: 3, sha256: "ab".to_owned() };
        let document = |sha256| DocumentRef { id: DocumentId::from_bytes([9; 16]), version: 1, sha256 };
        let mut amended = draft(Action::Amend);
        (amended.subjects, amended.operator) = (vec![SUBJECT], Some("u4711".to_owned()));
        amended.values = vec![value.clone()];
        let expected = Carried { index: 5, subject: SUBJECT, values: vec![value], document: None, reencrypted: false };
        assert_eq!(Carried::of(5, amended), std::slice::from_ref(&expected));

        let mut stored = draft(Action::UploadDocument);
        (stored.subjects, stored.document) = (vec![SUBJECT], Some(document(Some("cd".to_owned()))));
        assert_eq!(Carried::of(6, stored.clone()).len(), 1);
        stored.document = Some(document(None));
        assert_eq!(Carried::of(7, stored), [], "a document that was only read");

        let again = Draft { carried: vec![expected.clone()], ..draft(Action::CarryOver) };
        assert_eq!(Carried::of(900, again), [expected], "under the index of the entry that said so first");
    }
}
