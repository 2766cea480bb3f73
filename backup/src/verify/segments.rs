//! The segments of all chains: each proven by itself, each held against the object before it, and the
//! newest moment that all of them together can be restored to.

use std::collections::BTreeMap;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Base, Chain, ContentHash, Fault, InventoryEntry, Link, Manifest, ObjectName, Ordinal, SegmentHeader, Side,
    segments_after,
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
    /// The first place of each chain that is not sound, or after the last.
    ends: BTreeMap<(GenerationId, Chain), Ordinal>,
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
        bases: &BTreeMap<Ordinal, Base>,
        found: &mut Segments,
    ) -> Result<(), VerifyError> {
        for base in bases.values() {
            let mut walk = Walk::from(base);
            found.places.entry((generation, chain)).or_default().insert(base.position, base.sha256);
            for (position, _) in segments_after(&surveyed.listing, generation, chain, base.position) {
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
            found.ends.insert((generation, chain), walk.end);
            let follower = bases.get(&walk.last.next()).filter(|_| walk.known);
            if let Some(next) = follower.filter(|next| next.previous != Some(walk.sha256)) {
                let base = ObjectName::Base { generation, chain, position: next.position };
                let what = "the object before it is another";
                self.faults.push(Fault::Fork { object: base.path(&self.pinned.scope), what });
            }
        }
        Ok(())
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
        let mut fork = |what| {
            self.faults.push(Fault::Fork { object: name.path(&self.pinned.scope), what });
            walk.sound = false;
        };
        if walk.known && header.previous != walk.sha256 {
            fork("the object before it is another");
        } else if !header.frames.continue_after(walk.log.as_ref()) {
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

    /// The newest moment of a generation that everything needed for is sound up to; none before its
    /// newest base.
    pub(super) fn restorable_to(&self, generation: GenerationId, base: Ordinal) -> Option<Timestamp> {
        let reached =
            |chain, position: Ordinal| self.ends.get(&(generation, chain)).is_some_and(|end| position <= *end);
        let sound = |(of, position, header): &&(GenerationId, Ordinal, SegmentHeader)| {
            *of == generation
                && *position > base
                && reached(Chain::Audit, *position)
                && header.point.as_ref().is_some_and(|point| {
                    reached(Chain::Vault, point.vault.position) && reached(Chain::Keyring, point.keyring.position)
                })
        };
        self.points.iter().rev().find(sound).map(|(.., header)| header.time)
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
    const fn from(base: &Base) -> Self {
        let (last, sha256) = (base.position, base.sha256);
        Self { last, sha256, known: true, log: None, time: None, sound: true, end: last }
    }

    /// What comes after an unsound segment is held against nothing.
    const fn lost(&mut self) {
        self.last = self.last.next();
        (self.known, self.sound) = (false, false);
    }
}

fn bases<'m, M: Manifest + 'm>(manifests: impl Iterator<Item = &'m M>, chain: Chain) -> BTreeMap<Ordinal, Base> {
    let of = |manifest: &M| {
        let reach = manifest.chains().into_iter().find(|(of, _)| *of == chain).map(|(_, reach)| reach.base.clone());
        reach.map(|base| (base.position, base))
    };
    manifests.filter_map(of).collect()
}
