//! The segments of all chains: each proven by itself, each held against the object before it, and the
//! newest moment that all of them together can be restored to.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, ContentHash, Fault, InventoryEntry, Link, MainManifest, Manifest, ObjectName, Ordinal, Reach, SegmentHeader,
    SegmentPoint, Side, Signed, segments_after,
};
use coffre_core::time::Timestamp;

use super::{Depth, Verification, VerifyError};
use crate::segments::{self, Seen, SegmentFailure};
use crate::sources::Surveyed;

/// What the segments told.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) count: u64,
    /// Documents that vault segments brought, and the segment that did.
    pub(super) documents: Vec<(InventoryEntry, ObjectName)>,
    /// The objects of each chain, by their places; the hashes are known where all is read.
    places: BTreeMap<(GenerationId, Chain), BTreeMap<Ordinal, ContentHash>>,
    /// The last place up to which all was sound, by the base that was gone on from; beyond later bases beside the chain, too.
    ends: BTreeMap<(GenerationId, Chain, Ordinal), Ordinal>,
    points: Vec<(GenerationId, Ordinal, SegmentHeader)>,
}

impl Verification<'_, '_> {
    /// Goes along every chain from every base. The keyring comes first, since the others name it.
    pub(super) fn segments(&mut self, surveyed: &Surveyed) -> Result<Segments, VerifyError> {
        let mut found = Segments::default();
        let sides = [Side::Keyring, Side::Main];
        for side in sides.into_iter().filter(|side| self.sources.sides().any(|looked_at| looked_at == *side)) {
            match side {
                Side::Keyring => {
                    for (id, generation) in surveyed.survey.keyring.generations() {
                        let bases = bases(generation.manifests().map(|signed| &signed.manifest), Chain::Keyring);
                        self.chain(surveyed, id, Chain::Keyring, &bases, &mut found)?;
                    }
                }
                Side::Main => {
                    for (id, generation) in surveyed.survey.main.generations() {
                        for chain in [Chain::Vault, Chain::Audit] {
                            let bases = bases(generation.manifests().map(|signed| &signed.manifest), chain);
                            self.chain(surveyed, id, chain, &bases, &mut found)?;
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    fn chain(
        &mut self,
        surveyed: &Surveyed,
        generation: GenerationId,
        chain: Chain,
        bases: &BTreeMap<Ordinal, (Reach, ObjectName)>,
        found: &mut Segments,
    ) -> Result<(), VerifyError> {
        let mut ways = Vec::new();
        for (at, (reach, _)) in bases {
            let next = bases.range(at.next()..).next().map(|(_, next)| next);
            let mut walk = Walk::from(reach);
            found.places.entry((generation, chain)).or_default().insert(*at, reach.last.sha256);
            let segments = segments_after(&surveyed.listing, generation, chain, *at);
            // What comes after the next base is read from there.
            for (position, _) in segments.take_while(|(at, _)| next.is_none_or(|(next, _)| *at <= next.base.position)) {
                found.count += 1;
                self.objects += 1;
                let name = ObjectName::Segment { generation, chain, position };
                match self.segment(&name)? {
                    Ok(seen) => {
                        self.bytes += seen.size;
                        self.held_against(&name, &seen, &mut walk, found);
                        found.take(generation, chain, &name, seen);
                    }
                    Err(fault) => {
                        self.faults.push(fault);
                        walk.lost();
                    }
                }
                if walk.sound {
                    walk.end = position;
                }
            }
            let leads_on = next.is_some_and(|(next, by)| self.leads_up_to(next, by, &walk));
            ways.push((*at, walk.end, leads_on));
        }
        let mut beyond = None;
        for (base, end, leads_on) in ways.into_iter().rev() {
            let end = beyond.filter(|_| leads_on).unwrap_or(end);
            found.ends.insert((generation, chain, base), end);
            beyond = Some(end);
        }
        Ok(())
    }

    /// Whether what was followed goes on beside the next base, and leads up to that one.
    fn leads_up_to(&mut self, next: &Reach, by: &ObjectName, walk: &Walk) -> bool {
        let before =
            if next.is_beside() { next.base.position == walk.last } else { next.base.position == walk.last.next() };
        if before && walk.known && next.base.previous != Some(walk.sha256) {
            let what = "the object before one of its bases is another";
            self.faults.push(Fault::Fork { object: by.path(&self.pinned.scope), what });
            return false;
        }
        before && next.is_beside() && walk.sound
    }

    fn segment(&mut self, name: &ObjectName) -> Result<Result<Seen, Fault>, VerifyError> {
        let place = self.sources.of(name.side())?;
        let read = match self.depth {
            Depth::Whole => segments::read(place, name, self.pinned, &mut self.meter, &mut |_, _| Ok(())),
            Depth::Listed => segments::header(place, name, self.pinned).map(|header| {
                // By its header only: what it is named by is not known.
                let unknown = ContentHash::from_bytes([0; 32]);
                Seen { link: header.link(unknown), header, size: 0 }
            }),
        };
        match read {
            Ok(seen) => Ok(Ok(seen)),
            Err(SegmentFailure::Fault(fault)) => Ok(Err(fault)),
            Err(SegmentFailure::Source(error)) => Err(error.into()),
            Err(SegmentFailure::Cancelled(cancelled)) => Err(cancelled.into()),
            Err(SegmentFailure::Each(error)) => {
                let object = name.path(&self.pinned.scope);
                Ok(Err(Fault::Unreadable { object, cause: error.to_string() }))
            }
        }
    }

    /// Whether a segment continues the object before it, and names what it needs.
    fn held_against(&mut self, name: &ObjectName, seen: &Seen, walk: &mut Walk, found: &Segments) {
        let header = &seen.header;
        let follows = !walk.log_is_known() || header.frames.continue_after(walk.log.as_ref());
        let mut fork = |what| {
            self.faults.push(Fault::Fork { object: name.path(&self.pinned.scope), what });
            walk.sound = false;
        };
        if walk.known && header.previous != walk.sha256 {
            fork("the object before it is another");
        } else if !follows {
            fork("its frames do not follow those before it");
        }
        if walk.time.is_some_and(|time| header.time < time) {
            fork("it is older than the one before it");
        }
        let vault = header.point.iter().map(|point| (Chain::Vault, point.vault));
        let keyring = header.point.iter().map(|point| point.keyring).chain(header.keyring);
        for (chain, link) in vault.chain(keyring.map(|link| (Chain::Keyring, link))) {
            if found.contradicts(header.generation, chain, &link) {
                fork("it names another object of another chain");
            }
        }
        walk.last = header.position;
        (walk.sha256, walk.known) = (seen.link.sha256, self.depth == Depth::Whole);
        (walk.log, walk.time) = (Some(header.frames.after()), Some(header.time));
    }
}

impl Verification<'_, '_> {
    /// What points name of other chains must be here. The listing may be from before it came, so it is asked for; a
    /// snapshot is taken while segments appear, and may end with a point that it has not all of.
    pub(super) fn named_by_points(&mut self, surveyed: &Surveyed, found: &Segments) -> Result<(), VerifyError> {
        if self.sources.keyring.is_none() {
            return Ok(());
        }
        let outgrown = surveyed.survey.keyring.outgrown();
        for (generation, position, header) in &found.points {
            let Some(point) = &header.point else { continue };
            let needed_by = ObjectName::Segment { generation: *generation, chain: Chain::Audit, position: *position };
            for (chain, link) in [(Chain::Vault, point.vault), (Chain::Keyring, point.keyring)] {
                let places = found.places.get(&(*generation, chain));
                let last = places.and_then(|places| places.last_key_value()).map(|(last, _)| *last);
                // A gap in front of the last has a fault of its own; what another generation has outgrown may expire.
                let may_go = chain == Chain::Keyring && outgrown.contains(generation);
                if may_go || last.is_none_or(|last| link.position <= last) {
                    continue;
                }
                let name = ObjectName::Segment { generation: *generation, chain, position: link.position };
                let (object, needed_by) = (name.path(&self.pinned.scope), needed_by.path(&self.pinned.scope));
                if self.sources.of(name.side())?.size(&object)?.is_none() {
                    self.faults.push(Fault::Missing { object, needed_by });
                }
            }
        }
        Ok(())
    }
}

impl Segments {
    fn take(&mut self, generation: GenerationId, chain: Chain, name: &ObjectName, seen: Seen) {
        let Seen { header, link, .. } = seen;
        self.places.entry((generation, chain)).or_default().insert(link.position, link.sha256);
        self.documents.extend(header.documents.added.iter().map(|entry| (*entry, *name)));
        if header.point.is_some() {
            self.points.push((generation, link.position, header));
        }
    }

    /// Whether another object is known to be at a place.
    fn contradicts(&self, generation: GenerationId, chain: Chain, link: &Link) -> bool {
        let unknown = ContentHash::from_bytes([0; 32]);
        let there = self.places.get(&(generation, chain)).and_then(|places| places.get(&link.position));
        there.is_some_and(|there| *there != unknown && *there != link.sha256)
    }

    /// How far the keyring is sound after one of its bases.
    pub(super) fn keyring_end(&self, generation: GenerationId, base: Ordinal) -> Option<Ordinal> {
        self.ends.get(&(generation, Chain::Keyring, base)).copied()
    }

    /// The newest moment that is sound after a manifest, its own if there is none; none where the keyring, which is sound up
    /// to a place, does not reach as far.
    pub(super) fn reached(
        &self,
        signed: &Signed<MainManifest>,
        keyring: Ordinal,
        unsound: &BTreeSet<&str>,
        scope: &Scope,
    ) -> Option<Timestamp> {
        let manifest = &signed.manifest;
        let (generation, chains) = (manifest.heading.generation, &manifest.chains);
        let opens = |position: Ordinal| position <= keyring;
        let end = |chain, base: Ordinal| self.ends.get(&(generation, chain, base)).copied().unwrap_or(base);
        let audit = end(Chain::Audit, chains.audit.base.position);
        let vault = end(Chain::Vault, chains.vault.base.position).min(self.before_documents(manifest, unsound, scope));
        let sound = |(of, position, header): &&(GenerationId, Ordinal, SegmentHeader)| {
            let whole = |point: &SegmentPoint| point.vault.position <= vault && opens(point.keyring.position);
            *of == generation
                && (chains.audit.base.position..=audit).contains(position)
                && header.point.as_ref().is_some_and(whole)
        };
        let after = self.points.iter().rev().find(sound).map(|(.., header)| header.time);
        // A base beside the chain is later than the point that it stands at.
        after.max(opens(manifest.keyring.position).then_some(manifest.heading.time))
    }

    /// The place before the first segment after a manifest's base that brought a document at fault.
    fn before_documents(&self, manifest: &MainManifest, unsound: &BTreeSet<&str>, scope: &Scope) -> Ordinal {
        let base = manifest.chains.vault.base.position;
        let at_fault = |(entry, by): &&(InventoryEntry, ObjectName)| {
            let after = matches!(by, ObjectName::Segment { generation, position, .. }
                if *generation == manifest.heading.generation && *position > base);
            after && unsound.contains(ObjectName::Document(entry.name).path(scope).as_str())
        };
        let first = self.documents.iter().filter(at_fault).filter_map(|(_, by)| match by {
            ObjectName::Segment { position, .. } => position.before(),
            _ => None,
        });
        first.min().unwrap_or(Ordinal::MAX)
    }
}

/// How far a chain was followed.
struct Walk {
    last: Ordinal,
    sha256: ContentHash,
    /// Whether the hash of the last object is known.
    known: bool,
    log: Option<coffre_core::spool::WalPosition>,
    time: Option<Timestamp>,
    /// Whether all was sound so far, and the last place where it was.
    sound: bool,
    end: Ordinal,
}

impl Walk {
    const fn from(reach: &Reach) -> Self {
        let Link { position: last, sha256 } = reach.last;
        Self { last, sha256, known: true, log: None, time: None, sound: true, end: last }
    }

    /// What comes after an unsound segment is held against nothing.
    const fn lost(&mut self) {
        self.last = self.last.next();
        (self.known, self.log, self.sound) = (false, None, false);
    }

    /// Whether it is known what its frames follow: those before it, or none right after a base.
    const fn log_is_known(&self) -> bool {
        self.log.is_some() || self.sound
    }
}

/// The bases of a chain, each with the manifest that names it.
fn bases<'m, M: Manifest + 'm>(
    manifests: impl Iterator<Item = &'m M>,
    chain: Chain,
) -> BTreeMap<Ordinal, (Reach, ObjectName)> {
    let of = |manifest: &M| manifest.reach(chain).map(|reach| (reach.base.position, (reach.clone(), manifest.name())));
    manifests.filter_map(of).collect()
}
