//! Whether every place in a chain is accounted for: by a base that a manifest names, or by a segment.
//! Looks at names only; that each object continues the one before it is for whoever reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chain, Fault, History, Listing, Manifest, ObjectName, Ordinal, Side};
use crate::crypto::Scope;
use crate::ids::GenerationId;

/// The segments that directly follow a place in a chain, oldest first, with their sizes; up to the
/// next base or the first that is missing.
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
    segments: BTreeSet<Ordinal>,
    /// Bases that are there, named or not.
    listed: BTreeSet<Ordinal>,
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
        for chain in Chain::ALL.into_iter().filter(|chain| chain.side() == M::SIDE) {
            let base_of = |manifest: &M| {
                manifest.chains().into_iter().find(|(of, _)| *of == chain).map(|(_, reach)| reach.base.position)
            };
            let bases = manifests.manifests().filter_map(|signed| base_of(&signed.manifest)).collect();
            let retained = manifests.retained().filter_map(|signed| base_of(&signed.manifest)).min();
            let segments = segments.remove(&(generation, chain)).unwrap_or_default();
            let listed = listed.remove(&(generation, chain)).unwrap_or_default();
            let outgrown = outgrown.contains(&generation);
            all.push(Places { chain, generation, bases, segments, listed, retained, outgrown });
        }
    }
    for ((generation, chain), segments) in segments {
        let (bases, listed) = (BTreeSet::new(), BTreeSet::new());
        all.push(Places { chain, generation, bases, segments, listed, retained: None, outgrown: false });
    }
    all
}

impl Places {
    fn faults(&self, scope: &Scope) -> Vec<Fault> {
        let Self { chain, generation, .. } = *self;
        let name = |position| ObjectName::Segment { generation, chain, position }.path(scope);
        let twice = self.bases.intersection(&self.segments);
        let mut faults: Vec<Fault> = twice
            .map(|position| Fault::Fork { object: name(*position), what: "a base backup stands at its position" })
            .collect();
        let Some(retained) = self.retained.filter(|_| !self.outgrown) else { return faults };
        let (mut expected, mut all) = (retained, self.segments.clone());
        all.extend(&self.bases);
        // One that no manifest names is left over if it is the last, and its manifest's fault otherwise.
        all.extend(self.listed.iter().filter(|position| self.bases.last().is_some_and(|last| *position < last)));
        for position in all.range(retained..) {
            if let Some(to) = position.before().filter(|to| *to >= expected) {
                faults.push(Fault::ChainGap { chain, generation, from: expected, to });
            }
            expected = position.next();
        }
        faults
    }

    /// Segments before the oldest base that must be kept. On the main side those that follow an older
    /// base are kept longer than promised, and no matter.
    fn adrift(&self) -> Vec<ObjectName> {
        let Self { chain, generation, .. } = *self;
        let from = match chain.side() {
            Side::Main => self.bases.first().copied(),
            Side::Keyring => self.retained,
        };
        let adrift = self.segments.iter().filter(|position| from.is_none_or(|from| **position < from));
        adrift.map(|position| ObjectName::Segment { generation, chain, position: *position }).collect()
    }
}
