//! The manifests of one side, put in order: what each generation holds, where it came from, and
//! every place where the story does not hold together. Looks at no other object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::signed::{self, Pinned, Signed};
use super::{Fault, Manifest, ObjectName, Ordinal, Parent, Side};
use crate::crypto::Scope;
use crate::ids::GenerationId;
use crate::time::Timestamp;

/// One generation's manifests.
#[derive(Debug, Clone)]
pub struct Generation<M> {
    /// Shared with the histories that were made of this one: there are ever more of them.
    manifests: BTreeMap<Ordinal, Arc<Signed<M>>>,
    /// The numbers seen, sound or not; at least one.
    seen: BTreeSet<Ordinal>,
}

impl<M> Default for Generation<M> {
    fn default() -> Self {
        Self { manifests: BTreeMap::new(), seen: BTreeSet::new() }
    }
}

impl<M: Manifest> Generation<M> {
    /// Its sound manifests, oldest first.
    pub fn manifests(&self) -> impl DoubleEndedIterator<Item = &Signed<M>> {
        self.manifests.values().map(Arc::as_ref)
    }

    /// The manifest of this number, if it is there and sound.
    pub fn manifest(&self, number: Ordinal) -> Option<&Signed<M>> {
        self.manifests.get(&number).map(Arc::as_ref)
    }

    /// The newest sound manifest.
    pub fn newest(&self) -> Option<&Signed<M>> {
        self.manifests().next_back()
    }

    /// The newest manifest, unless the newest one that was seen is unsound.
    pub fn newest_of_all(&self) -> Option<&Signed<M>> {
        self.manifest(self.newest_seen())
    }

    /// The newest number that was seen, sound or not.
    pub fn newest_seen(&self) -> Ordinal {
        self.seen.last().copied().unwrap_or(Ordinal::FIRST)
    }

    /// The sound manifests that must be kept, oldest first.
    pub fn retained(&self) -> impl Iterator<Item = &Signed<M>> {
        let from = self.retained_from();
        self.manifests().filter(move |signed| signed.manifest.heading().number >= from)
    }

    /// How many that must be kept were seen and cannot be believed.
    pub(super) fn unsound(&self) -> usize {
        self.seen.range(self.retained_from()..).filter(|number| !self.manifests.contains_key(number)).count()
    }

    /// The oldest number that must be kept, as the newest sound manifest says.
    pub fn retained_from(&self) -> Ordinal {
        self.newest().map_or(Ordinal::FIRST, |newest| newest.manifest.heading().retained_from)
    }

    /// The manifest that it was begun from.
    pub fn parent(&self) -> Option<&Parent> {
        self.newest()?.manifest.heading().parent.as_ref()
    }

    fn began(&self) -> Option<Timestamp> {
        self.manifests().next().map(|first| first.manifest.heading().time)
    }

    fn check_numbers(&self, id: GenerationId, faults: &mut Vec<Fault>) {
        let mut expected = self.retained_from();
        for number in self.seen.range(expected..) {
            if let Some(to) = number.before().filter(|to| *to >= expected) {
                faults.push(Fault::Gap { side: M::SIDE, generation: id, from: expected, to });
            }
            expected = number.next();
        }
    }

    fn check_steps(&self, scope: &Scope, faults: &mut Vec<Fault>) {
        for (before, after) in self.manifests().zip(self.manifests().skip(1)) {
            check_growth(before, after, scope, faults);
            if before.manifest.heading().number.next() == after.manifest.heading().number {
                check_links(before, after, scope, faults);
            }
        }
    }
}

/// All manifests of one side.
#[derive(Debug, Clone)]
pub struct History<M> {
    generations: BTreeMap<GenerationId, Generation<M>>,
    /// What could not be believed.
    unsound: Vec<Fault>,
}

impl<M> Default for History<M> {
    fn default() -> Self {
        Self { generations: BTreeMap::new(), unsound: Vec::new() }
    }
}

impl<M: Manifest> History<M> {
    /// Takes in what was read under a name, if that is one of this side's manifests. Of its text nothing is kept.
    pub fn take(&mut self, name: &ObjectName, bytes: &[u8], pinned: &Pinned) {
        let ObjectName::Manifest { generation, side, number } = *name else { return };
        if side != M::SIDE {
            return;
        }
        let scope = &pinned.scope;
        let entry = self.generations.entry(generation).or_default();
        entry.seen.insert(number);
        let fault = match signed::open::<M>(bytes, pinned) {
            Ok(signed) if signed.manifest.name() == *name => {
                entry.manifests.insert(number, Arc::new(signed));
                return;
            }
            Ok(signed) => Fault::Misplaced { object: name.path(scope), belongs: signed.manifest.name().path(scope) },
            Err(error) => Fault::Manifest { object: name.path(scope), cause: with_causes(&error) },
        };
        self.unsound.push(fault);
    }

    /// This history and what another has beside it.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (id, theirs) in &other.generations {
            let ours = both.generations.entry(*id).or_default();
            let new: BTreeSet<Ordinal> = theirs.seen.difference(&ours.seen).copied().collect();
            let manifests = theirs.manifests.iter().filter(|(number, _)| new.contains(number));
            ours.manifests.extend(manifests.map(|(number, signed)| (*number, Arc::clone(signed))));
            ours.seen.extend(new);
        }
        both.unsound.extend(other.unsound.iter().cloned());
        both
    }

    /// Names every fault: what could not be believed, and where the story does not hold together.
    pub(super) fn check(&self, scope: &Scope, faults: &mut Vec<Fault>) {
        faults.extend(self.unsound.iter().cloned());
        let outgrown = self.outgrown();
        for (id, generation) in &self.generations {
            if !outgrown.contains(id) {
                generation.check_numbers(*id, faults);
            }
            generation.check_steps(scope, faults);
            self.check_parent(generation, scope, faults);
        }
    }

    /// The generations, in no order of meaning.
    pub fn generations(&self) -> impl Iterator<Item = (GenerationId, &Generation<M>)> {
        self.generations.iter().map(|(id, generation)| (*id, generation))
    }

    /// One generation.
    pub fn generation(&self, id: GenerationId) -> Option<&Generation<M>> {
        self.generations.get(&id)
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.generations.is_empty()
    }

    /// The generations that others were begun from.
    fn parents(&self) -> BTreeSet<GenerationId> {
        self.generations.values().filter_map(Generation::parent).map(|parent| parent.generation).collect()
    }

    /// The generations of which nothing has to be there any more: on the keyring side all that others were begun from,
    /// since the newest keyring opens every older point.
    pub fn outgrown(&self) -> BTreeSet<GenerationId> {
        match M::SIDE {
            Side::Main => BTreeSet::new(),
            Side::Keyring => self.parents(),
        }
    }

    /// The generations that led to the current one, the oldest first, and it; none where there are two current ones.
    pub fn line(&self) -> Result<Vec<GenerationId>, Fault> {
        let mut line = Vec::new();
        let mut at = self.current()?;
        while let Some(id) = at.filter(|id| !line.contains(id)) {
            line.push(id);
            at = self.generation(id).and_then(Generation::parent).map(|parent| parent.generation);
        }
        line.reverse();
        Ok(line)
    }

    /// The generation that the others led to; none if there is nothing, a fault if there are two.
    pub fn current(&self) -> Result<Option<GenerationId>, Fault> {
        let parents = self.parents();
        let mut ends: Vec<GenerationId> = self.generations.keys().filter(|id| !parents.contains(id)).copied().collect();
        ends.extend(self.outlived());
        match ends.as_slice() {
            [] if self.is_empty() => Ok(None),
            [one] => Ok(Some(*one)),
            // Parents in a circle leave no end: signed by nobody sane, and not to be guessed about.
            [] => Err(Fault::Divided { generations: self.generations.keys().copied().collect() }),
            _ => Err(Fault::Divided { generations: ends }),
        }
    }

    /// Parents that made further backups after a generation had begun from them: both go on.
    fn outlived(&self) -> BTreeSet<GenerationId> {
        let outlived = |child: &Generation<M>| {
            let parent = child.parent()?;
            let newest = self.generation(parent.generation)?.newest()?.manifest.heading();
            (newest.number > parent.number && newest.time > child.began()?).then_some(parent.generation)
        };
        self.generations.values().filter_map(outlived).collect()
    }

    /// Whether a generation is this one or descends from it.
    pub fn descends(&self, generation: GenerationId, ancestor: GenerationId) -> bool {
        let mut seen = BTreeSet::new();
        let mut at = Some(generation);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            if !seen.insert(id) {
                return false;
            }
            at = self.generation(id).and_then(Generation::parent).map(|parent| parent.generation);
        }
        false
    }

    fn check_parent(&self, generation: &Generation<M>, scope: &Scope, faults: &mut Vec<Fault>) {
        let mut fork = |signed: &Signed<M>, what| {
            faults.push(Fault::Fork { object: signed.manifest.name().path(scope), what });
        };
        for signed in generation.retained() {
            if signed.manifest.heading().parent.as_ref() != generation.parent() {
                fork(signed, "another parent than the newest manifest of its generation names");
            }
        }
        let (Some(parent), Some(newest)) = (generation.parent(), generation.newest()) else { return };
        let stored = self.generation(parent.generation).and_then(|p| p.manifest(parent.number));
        if stored.is_some_and(|stored| stored.sha256 != parent.sha256) {
            fork(newest, "its parent manifest is not the one that is stored");
        }
    }
}

/// What only grows, from one manifest to any later one.
fn check_growth<M: Manifest>(before: &Signed<M>, after: &Signed<M>, scope: &Scope, faults: &mut Vec<Fault>) {
    let object = after.manifest.name().path(scope);
    let (old, new) = (before.manifest.heading(), after.manifest.heading());
    let mut backwards = |what| faults.push(Fault::Backwards { object: object.clone(), what });
    if new.time <= old.time {
        backwards("time");
    }
    if new.retained_from < old.retained_from {
        backwards("retention");
    }
    for ((_, old), (_, new)) in before.manifest.chains().into_iter().zip(after.manifest.chains()) {
        if new.base.position < old.last.position {
            backwards("position in a chain");
        }
    }
    if let (Some(old), Some(new)) = (&before.audit_head, &after.audit_head) {
        if new.size < old.size {
            backwards("size of the audit log");
        } else if new.origin != old.origin {
            backwards("origin of the audit log");
        } else if new.size == old.size && new.root != old.root {
            faults.push(Fault::Fork { object, what: "the audit log has another root at the same size" });
        }
    }
}

/// Whether one manifest names the one directly before it, and its chains the objects.
fn check_links<M: Manifest>(before: &Signed<M>, after: &Signed<M>, scope: &Scope, faults: &mut Vec<Fault>) {
    let object = after.manifest.name().path(scope);
    let fork = |what| Fault::Fork { object: object.clone(), what };
    if after.manifest.heading().previous != Some(before.sha256) {
        faults.push(fork("the manifest before it is another"));
    }
    for ((_, old), (_, new)) in before.manifest.chains().into_iter().zip(after.manifest.chains()) {
        let (last, base) = (old.last.position, new.base.position);
        if base == last && new.base != old.base {
            faults.push(fork("another base at the same position"));
        }
        // What leads up to one beside the chain is the segment at its own position.
        if base == last.next() && !new.is_beside() && new.base.previous != Some(old.last.sha256) {
            faults.push(fork("the object before its base is another"));
        }
    }
}

/// An error and its causes on one line; each keeps its remedy.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(" — ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
