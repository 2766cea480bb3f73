//! What a group comes to, before any of it is committed: its entries in their order, and what becomes of documents, keys and the index.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::ids::SubjectId;
use coffre_core::time::Timestamp;
use coffre_core::tombstone::Tombstone;

use super::access::AccessKey;
use super::entries::Prepared;
use super::job::{Waiting, WriteJob};
use super::reads::Accepted;
use super::work::Effects;
use crate::capture::Changes;
use crate::document::Kept;
use crate::log_file::Leaf;
use crate::remembered::Amended;
use crate::terms::TaggedRecord;

/// A write after it ran.
pub(super) struct RanWrite {
    pub(super) job: Box<dyn WriteJob>,
    pub(super) outcome: Outcome,
    /// The index of its first entry.
    pub(super) first_index: u64,
}

pub(super) enum Outcome {
    Done(Box<Effects>, Vec<Prepared>),
    Refused,
    Moved,
    /// The log cannot take what it would say.
    Unsayable,
}

/// Those who wait for an entry, and its index.
pub(super) struct Listening {
    pub(super) index: u64,
    pub(super) waiting: Vec<Waiting>,
}

/// A group that is ready to be committed.
pub(super) struct Plan {
    pub(super) time: Timestamp,
    pub(super) leaves: Vec<Leaf>,
    /// How many of the leaves are of writes: they come first and are pending in `vault.db`.
    pub(super) pending: usize,
    pub(super) staged: Vec<Kept>,
    /// What becomes of the list of documents.
    pub(super) documents: Changes,
    pub(super) erased: Vec<Tombstone>,
    /// Reasons that are encrypted anew.
    pub(super) reasons: Vec<(u64, Vec<u8>)>,
    pub(super) records: Vec<TaggedRecord>,
    pub(super) accesses: Vec<(u64, SubjectId)>,
    /// How many entries the log has then.
    pub(super) entries: u64,
}

impl Plan {
    /// What the writes did, then what the reads say, in a log of so many entries.
    pub(super) fn make(
        first: u64,
        ran: &mut [RanWrite],
        reads: Vec<Accepted>,
        time: Timestamp,
    ) -> (Self, Vec<Listening>) {
        let mut plan = Self {
            time,
            leaves: Vec::with_capacity(ran.len() + reads.len()),
            pending: 0,
            staged: Vec::new(),
            documents: Changes::default(),
            erased: Vec::new(),
            reasons: Vec::new(),
            records: Vec::new(),
            accesses: Vec::new(),
            entries: first,
        };
        for write in ran {
            let Outcome::Done(effects, entries) = &mut write.outcome else { continue };
            write.first_index = first + plan.leaves.len() as u64;
            entries.drain(..).for_each(|entry| plan.push(first, entry));
            for staged in effects.staged.drain(..) {
                plan.documents.add(staged.listed());
                plan.staged.push(staged.keep());
            }
            effects.removed.iter().chain(&effects.replaced).for_each(|name| plan.documents.remove(*name));
            plan.reasons.append(&mut effects.reasons);
            plan.erased.append(&mut effects.erased);
            plan.records.append(&mut effects.records);
        }
        plan.pending = plan.leaves.len();
        let mut listening = Vec::with_capacity(reads.len());
        for Accepted { prepared, waiting, .. } in reads {
            listening.push(Listening { index: first + plan.leaves.len() as u64, waiting });
            plan.push(first, prepared);
        }
        plan.entries = first + plan.leaves.len() as u64;
        (plan, listening)
    }

    /// Whom the writes concerned, as they say in their entries, by how a record is found, or by whose access changes.
    pub(super) fn concerned(&self, ran: &[RanWrite]) -> BTreeSet<SubjectId> {
        let mut found: BTreeSet<SubjectId> = self.named().collect();
        found.extend(self.records.iter().map(|(subject, _)| *subject));
        found.extend(effects(ran).flat_map(|effects| &effects.access).filter_map(AccessKey::subject));
        found
    }

    /// Whose values the writes changed and nothing else, and how. Each amendment has one entry: whom more of them name, or whose
    /// access changes, was concerned by something else as well.
    pub(super) fn amended<'r>(&self, ran: &'r [RanWrite]) -> BTreeMap<SubjectId, Vec<&'r Amended>> {
        let mut found: BTreeMap<SubjectId, Vec<&Amended>> = BTreeMap::new();
        for amended in effects(ran).flat_map(|effects| &effects.amended) {
            found.entry(amended.subject).or_default().push(amended);
        }
        let mut entries: BTreeMap<SubjectId, usize> = BTreeMap::new();
        self.named().for_each(|subject| *entries.entry(subject).or_default() += 1);
        found.retain(|subject, amended| entries.get(subject) == Some(&amended.len()));
        for subject in effects(ran).flat_map(|effects| &effects.access).filter_map(AccessKey::subject) {
            found.remove(&subject);
        }
        found
    }

    /// Whom the entries of the writes name, once for each of them.
    fn named(&self) -> impl Iterator<Item = SubjectId> {
        let first = self.entries - self.leaves.len() as u64;
        let of_writes = self.accesses.iter().filter(move |(index, _)| index - first < self.pending as u64);
        of_writes.map(|(_, subject)| *subject)
    }

    fn push(&mut self, first: u64, entry: Prepared) {
        let (subjects, leaf) = entry.into_parts();
        let index = first + self.leaves.len() as u64;
        self.accesses.extend(subjects.into_iter().map(|subject| (index, subject)));
        self.leaves.push(leaf);
    }
}

/// What the writes that were done leave to be done.
fn effects(ran: &[RanWrite]) -> impl Iterator<Item = &Effects> {
    ran.iter().filter_map(|write| match &write.outcome {
        Outcome::Done(effects, _) => Some(effects.as_ref()),
        _ => None,
    })
}
