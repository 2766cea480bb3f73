//! Tags on their way to their places, in memory: who has which, and who is found under one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use coffre_core::ids::SubjectId;

use super::Tag;

/// Those that came since a sorting began, and those that it sorts in.
#[derive(Default)]
pub(super) struct Gathered {
    new: Part,
    sorting: Part,
}

#[derive(Default)]
struct Part {
    of: HashMap<SubjectId, Arc<[Tag]>>,
    under: BTreeSet<(Tag, SubjectId)>,
    /// Tags that a sorting which was interrupted may have brought to their places, whatever they are now.
    former: BTreeMap<SubjectId, BTreeSet<Tag>>,
}

/// Somebody whose tags are to be brought to their places.
pub(super) struct ToSort {
    pub(super) subject: SubjectId,
    pub(super) tags: Arc<[Tag]>,
    /// What may stand in the tables besides what they know of. Where there is any, some of what they know of may be gone.
    pub(super) former: BTreeSet<Tag>,
}

impl Part {
    fn add(&mut self, subject: SubjectId, tags: &Arc<[Tag]>) {
        // Of somebody who changes again nearly all are the same.
        let before = self.of.insert(subject, Arc::clone(tags)).unwrap_or_default();
        for tag in before.iter().filter(|tag| !tags.contains(tag)) {
            self.under.remove(&(*tag, subject));
        }
        self.under.extend(tags.iter().filter(|tag| !before.contains(tag)).map(|tag| (*tag, subject)));
    }

    fn forget(&mut self, subject: SubjectId) {
        for tag in self.of.remove(&subject).iter().flat_map(|tags| tags.iter()) {
            self.under.remove(&(*tag, subject));
        }
    }

    fn tags_of(&self, subject: SubjectId) -> impl Iterator<Item = &Tag> {
        let former = self.former.get(&subject).into_iter().flatten();
        self.of.get(&subject).into_iter().flat_map(|tags| tags.iter()).chain(former)
    }

    fn under(&self, tag: Tag) -> impl Iterator<Item = SubjectId> {
        let [first, last] = [[0; 16], [0xff; 16]].map(SubjectId::from_bytes);
        self.under.range((tag, first)..=(tag, last)).map(|(_, subject)| *subject)
    }
}

impl Gathered {
    /// What a data subject's tags are from now on.
    pub(super) fn add(&mut self, subject: SubjectId, tags: &Arc<[Tag]>) {
        self.new.add(subject, tags);
    }

    /// The same, as an earlier process gathered them, in the order in which it did, until [`taken_up`](Self::taken_up). It may have begun to
    /// sort them in.
    pub(super) fn take_up(&mut self, subject: SubjectId, tags: Arc<[Tag]>) {
        self.new.former.entry(subject).or_default().extend(tags.iter());
        self.new.of.insert(subject, tags);
    }

    /// All of it is taken up: the last that came of each counts.
    pub(super) fn taken_up(&mut self) {
        let Part { of, under, .. } = &mut self.new;
        *under = of.iter().flat_map(|(subject, tags)| tags.iter().map(|tag| (*tag, *subject))).collect();
    }

    /// This data subject has no tags any more, and nothing stands in the tables.
    pub(super) fn forget(&mut self, subject: SubjectId) {
        for part in [&mut self.new, &mut self.sorting] {
            part.forget(subject);
            part.former.remove(&subject);
        }
    }

    /// Everything that was gathered of a data subject, whether it counts or no longer.
    pub(super) fn tags_of(&self, subject: SubjectId) -> BTreeSet<Tag> {
        self.new.tags_of(subject).chain(self.sorting.tags_of(subject)).copied().collect()
    }

    /// Whether this says more of a data subject than the sorted tables.
    pub(super) fn has(&self, subject: SubjectId) -> bool {
        self.new.of.contains_key(&subject) || self.sorting.of.contains_key(&subject)
    }

    /// Who is found under a tag.
    pub(super) fn under(&self, tag: Tag) -> Vec<SubjectId> {
        let former = self.sorting.under(tag).filter(|subject| !self.new.of.contains_key(subject));
        self.new.under(tag).chain(former).collect()
    }

    /// How many tags have come since a sorting began.
    pub(super) fn tags(&self) -> usize {
        self.new.under.len()
    }

    /// Everybody who has come, in order, to be sorted in.
    pub(super) fn begin_sorting(&mut self) -> Vec<ToSort> {
        self.sorting = std::mem::take(&mut self.new);
        let Part { of, former, .. } = &mut self.sorting;
        let to_sort = |(subject, tags): (&SubjectId, &Arc<[Tag]>)| ToSort {
            subject: *subject,
            tags: Arc::clone(tags),
            former: former.get(subject).cloned().unwrap_or_default(),
        };
        let mut all: Vec<_> = of.iter().map(to_sort).collect();
        all.sort_unstable_by_key(|who| who.subject);
        all
    }

    /// They are in the tables.
    pub(super) fn end_sorting(&mut self) {
        self.sorting = Part::default();
    }
}
