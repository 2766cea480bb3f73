//! Whether every place in a chain is accounted for: by a base that a manifest names, or by a segment.
//! Looks at names only; that each object continues the one before it is for whoever reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chain, Fault, History, Listing, Manifest, ObjectName, Ordinal, Side};
use crate::crypto::Scope;
use crate::ids::GenerationId;

/// The segments that directly follow a place in a chain, oldest first, with their sizes; up to the first that is missing.
/// Bases beside the chain are passed by.
pub fn segments_after(
    listing: &Listing,
    generation: GenerationId,
    chain: Chain,
    after: Ordinal,
) -> impl Iterator<Item = (Ordinal, u64)> {
    let mut position = after;
    std::iter::from_fn(move || {
        position = position.next();
        let size = listing.get(&ObjectName::Segment { generation, chain, position })?;
        Some((position, *size))
    })
}

/// The bases and segments of one chain.
struct Places {
    chain: Chain,
    generation: GenerationId,
    bases: BTreeSet<Ordinal>,
    /// Those of them that stand in the chain: no segment has their position.
    within: BTreeSet<Ordinal>,
    segments: BTreeSet<Ordinal>,
    /// Bases that are there, named or not; not those in pieces, which have no object of their own.
    listed: BTreeSet<Ordinal>,
    /// How many manifests cannot be believed whose base in pieces stood in the chain.
    unsound: usize,
    /// The oldest base that must be kept.
    retained: Option<Ordinal>,
    /// Whether nothing has to be there any more.
    outgrown: bool,
}

/// Names gaps in chains, and gives the segments that are past their retention or that nothing leads to.
pub(super) fn check<M: Manifest>(
    history: &History<M>,
    listing: &Listing,
    scope: &Scope,
    faults: &mut Vec<Fault>,
) -> Vec<ObjectName> {
    let mut adrift = Vec::new();
    for places in places(history, listing) {
        faults.extend(places.faults(scope));
        adrift.extend(places.adrift());
    }
    adrift
}

/// The positions that are taken in each chain.
type Taken = BTreeMap<(GenerationId, Chain), BTreeSet<Ordinal>>;

fn places<M: Manifest>(history: &History<M>, listing: &Listing) -> Vec<Places> {
    let (mut segments, mut listed) = (Taken::new(), Taken::new());
    for name in listing.keys() {
        let (taken, generation, chain, position) = match *name {
            ObjectName::Segment { generation, chain, position } => (&mut segments, generation, chain, position),
            ObjectName::Base { generation, chain, position } => (&mut listed, generation, chain, position),
            _ => continue,
        };
        if chain.side() == M::SIDE {
            taken.entry((generation, chain)).or_default().insert(position);
        }
    }
    let mut all = Vec::new();
    let outgrown = history.outgrown();
    for (generation, manifests) in history.generations() {
        let mut orphans = 0;
        for chain in Chain::ALL.into_iter().filter(|chain| chain.side() == M::SIDE) {
            let reaches = || manifests.manifests().filter_map(|signed| signed.manifest.reach(chain));
            let bases: BTreeSet<Ordinal> = reaches().map(|reach| reach.base.position).collect();
            let within = reaches().filter(|reach| !reach.is_beside()).map(|reach| reach.base.position).collect();
            let retained = manifests.retained().filter_map(|signed| signed.manifest.reach(chain));
            let retained = retained.map(|reach| reach.base.position).min();
            let segments = segments.remove(&(generation, chain)).unwrap_or_default();
            let listed = listed.remove(&(generation, chain)).unwrap_or_default();
            let outgrown = outgrown.contains(&generation);
            if chain == Chain::Vault {
                // Of a manifest that cannot be believed: one that stood in the chain, and that of the log was taken with it.
                let is_kept = |at: &Ordinal| retained.is_none_or(|from| *at >= from);
                let stood = |at: &&Ordinal| {
                    is_kept(at) && !segments.contains(*at) && bases.last().is_some_and(|last| *at < last)
                };
                orphans = listed.difference(&bases).filter(stood).count();
            }
            let unsound = if chain == Chain::Audit { manifests.unsound().min(orphans) } else { 0 };
            all.push(Places { chain, generation, bases, within, segments, listed, unsound, retained, outgrown });
        }
    }
    for ((generation, chain), segments) in segments {
        let (bases, within, listed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (unsound, retained, outgrown) = (0, None, false);
        all.push(Places { chain, generation, bases, within, segments, listed, unsound, retained, outgrown });
    }
    all
}

impl Places {
    fn faults(&self, scope: &Scope) -> Vec<Fault> {
        let Self { chain, generation, .. } = *self;
        let name = |position| ObjectName::Segment { generation, chain, position }.path(scope);
        let twice = self.within.intersection(&self.segments);
        let mut faults: Vec<Fault> = twice
            .map(|position| Fault::Fork { object: name(*position), what: "a base backup stands at its position" })
            .collect();
        let Some(retained) = self.retained.filter(|_| !self.outgrown) else { return faults };
        let (mut expected, mut all) = (retained, self.segments.clone());
        // One beside the chain takes no segment's place, but for the oldest: nothing leads up to that any more.
        all.extend(self.within.iter().chain([&retained]));
        let last = self.bases.last();
        // One that no manifest names is left over if it is the last, and its manifest's fault otherwise.
        all.extend(self.listed.difference(&self.bases).filter(|position| last.is_some_and(|last| *position < last)));
        let mut unsound = self.unsound;
        let mut gap = |from, to| {
            // The manifest that says what stood there has a fault of its own.
            if from == to && unsound > 0 && last.is_some_and(|last| to < *last) {
                unsound -= 1;
            } else {
                faults.push(Fault::ChainGap { chain, generation, from, to });
            }
        };
        for position in all.range(retained..) {
            if let Some(to) = position.before().filter(|to| *to >= expected) {
                gap(expected, to);
            }
            expected = position.next();
        }
        // What leads up to the newest one beside the chain has to be there although nothing follows it.
        if let Some(last) = last.filter(|last| **last >= expected) {
            gap(expected, *last);
        }
        faults
    }

    /// Segments up to the oldest base that must be kept. On the main side those that follow an older
    /// base are kept longer than promised, and no matter.
    fn adrift(&self) -> Vec<ObjectName> {
        let Self { chain, generation, .. } = *self;
        let from = match chain.side() {
            Side::Main => self.bases.first().copied(),
            Side::Keyring => self.retained,
        };
        let adrift = self.segments.iter().filter(|position| from.is_none_or(|from| **position <= from));
        adrift.map(|position| ObjectName::Segment { generation, chain, position: *position }).collect()
    }
}
