//! Copying segments: the keyring's first, then the vault's with the documents they bring, then the
//! log's, which say what belongs together. Each is proven and held against the object before it on
//! this side, so that nothing unsound is passed on.

use std::collections::BTreeSet;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, ContentHash, Fault, Link, Listing, Manifest, Needed, ObjectName, Ordinal, Pinned, SegmentHeader, Side,
};
use serde::{Deserialize, Serialize};

use super::ShipError;
use super::copy::{Shard, Shipment};
use super::order::base_of;
use crate::content::Meter;
use crate::destination::{PutError, Source, SourceError};
use crate::observer::{Cancelled, Stage};
use crate::segments::{self, Seen, SegmentFailure};
use crate::sources::Surveyed;

/// The order of copies.
pub(crate) const ORDER: [Chain; 3] = [Chain::Keyring, Chain::Vault, Chain::Audit];

/// The last segment of the log that was shipped somewhere. It names what it needs of the other chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSegment {
    /// Its generation.
    pub generation: GenerationId,
    /// Its place in the chain of the log.
    pub position: Ordinal,
    /// Its SHA-256.
    pub sha256: ContentHash,
}

impl KnownSegment {
    fn name(&self) -> ObjectName {
        ObjectName::Segment { generation: self.generation, chain: Chain::Audit, position: self.position }
    }
}

/// Whether a place lacks the last segment that was seen there, or holds another.
pub(crate) fn compare_with_known(
    place: &dyn Source,
    there: &Surveyed,
    known: &KnownSegment,
    pinned: &Pinned,
) -> Result<Option<Fault>, SourceError> {
    let name = known.name();
    let object = name.path(&pinned.scope);
    if !there.listing.contains_key(&name) {
        // Past its retention, when there is a later base.
        let later =
            base_of(&there.survey, known.generation, Chain::Audit).filter(|last| last.position > known.position);
        let last = last_segment(&there.listing, known.generation, Chain::Audit);
        let found = last.map_or_else(|| "no segment of the log".to_owned(), |last| last.path(&pinned.scope));
        return Ok(later.is_none().then_some(Fault::Rollback { known: object, found }));
    }
    match proven(place, &name, pinned) {
        Ok(seen) if seen.link.sha256 == known.sha256 => Ok(None),
        Ok(_) => Ok(Some(Fault::Fork { object, what: "another segment was here before" })),
        Err(SegmentFailure::Fault(fault)) => Ok(Some(fault)),
        Err(failure) => Err(source_error(failure)),
    }
}

fn last_segment(listing: &Listing, generation: GenerationId, chain: Chain) -> Option<ObjectName> {
    let of_chain = |name: &&ObjectName| matches!(name, ObjectName::Segment { generation: g, chain: c, .. } if (*g, *c) == (generation, chain));
    listing.keys().rfind(of_chain).copied()
}

/// Reads a segment by itself, uncounted.
pub(crate) fn proven(place: &dyn Source, name: &ObjectName, pinned: &Pinned) -> Result<Seen, SegmentFailure> {
    let mut nobody = ();
    let mut uncounted = Meter::new(&mut nobody, Stage::Surveying, 0);
    segments::read(place, name, pinned, &mut uncounted, &mut |_, _| Ok(()))
}

fn source_error(failure: SegmentFailure) -> SourceError {
    match failure {
        SegmentFailure::Source(error) => error,
        SegmentFailure::Cancelled(cancelled) => cancelled.into(),
        SegmentFailure::Fault(_) | SegmentFailure::Each(_) => Cancelled.into(),
    }
}

/// The newest moment that a listing's segments reach in a generation after a place of the log, and the
/// segment that says it.
pub(crate) fn newest_point(
    place: &dyn Source,
    listing: &Listing,
    generation: GenerationId,
    pinned: &Pinned,
) -> Result<Option<SegmentHeader>, SourceError> {
    let Some(ObjectName::Segment { position, .. }) = last_segment(listing, generation, Chain::Audit) else {
        return Ok(None);
    };
    let is_listed = |position| listing.contains_key(&ObjectName::Segment { generation, chain: Chain::Audit, position });
    point_up_to(place, generation, position, pinned, is_listed)
}

/// The newest moment that the segments say which are there up to a position of the log.
pub(super) fn point_up_to(
    place: &dyn Source,
    generation: GenerationId,
    mut position: Ordinal,
    pinned: &Pinned,
    is_there: impl Fn(Ordinal) -> bool,
) -> Result<Option<SegmentHeader>, SourceError> {
    while is_there(position) {
        let name = ObjectName::Segment { generation, chain: Chain::Audit, position };
        match segments::header(place, &name, pinned) {
            Ok(header) if header.point.is_some() => return Ok(Some(header)),
            Ok(_) => {}
            Err(SegmentFailure::Fault(_)) => return Ok(None),
            Err(failure) => return Err(source_error(failure)),
        }
        let Some(before) = position.before() else { break };
        position = before;
    }
    Ok(None)
}

/// The segment of a spool that says its newest moment, and what to remember of it.
pub(crate) fn last_point(
    spool: &dyn Source,
    listing: &Listing,
    generation: GenerationId,
    pinned: &Pinned,
) -> Result<Option<(SegmentHeader, KnownSegment)>, ShipError> {
    let Some(header) = newest_point(spool, listing, generation, pinned).map_err(ShipError::Spool)? else {
        return Ok(None);
    };
    let seen = proven(spool, &header.name(), pinned).map_err(of_spool)?;
    let known =
        KnownSegment { generation: seen.header.generation, position: seen.link.position, sha256: seen.link.sha256 };
    Ok(Some((header, known)))
}

/// Whether a destination's chains are behind those of the spool, and the same as far as they go.
pub(super) fn same_chains(
    spool: &dyn Source,
    destination: &dyn Source,
    (ours, theirs): (&Surveyed, &Surveyed),
    pinned: &Pinned,
) -> Result<Option<Fault>, SourceError> {
    let generations: BTreeSet<GenerationId> = ours.survey.main.generations().map(|(id, _)| id).collect();
    for generation in &generations {
        if let Some(fault) = written_since(destination, (ours, theirs), *generation, pinned)? {
            return Ok(Some(fault));
        }
    }
    let outgrown = ours.survey.keyring.outgrown();
    for (generation, chain) in generations.into_iter().flat_map(|id| ORDER.map(|chain| (id, chain))) {
        // It went from the spool at once, and expires there.
        if chain == Chain::Keyring && outgrown.contains(&generation) {
            continue;
        }
        let Some(there) = last_segment(&theirs.listing, generation, chain) else { continue };
        let here = last_of(ours, generation, chain);
        let ObjectName::Segment { position, .. } = there else { continue };
        if here.is_none_or(|here| here < position) {
            let found = here.map_or_else(|| "nothing of that chain".to_owned(), |here| format!("position {here}"));
            return Ok(Some(Fault::Rollback { known: there.path(&pinned.scope), found }));
        }
        if ours.listing.contains_key(&there) {
            let both = (proven(spool, &there, pinned), proven(destination, &there, pinned));
            match both {
                (Ok(ours), Ok(theirs)) if ours.link != theirs.link => {
                    let what = "the spool has another segment there";
                    return Ok(Some(Fault::Fork { object: there.path(&pinned.scope), what }));
                }
                (Err(SegmentFailure::Source(error)), _) | (_, Err(SegmentFailure::Source(error))) => return Err(error),
                // One that is damaged has its own fault, and `verify` names it.
                _ => {}
            }
        }
    }
    Ok(None)
}

/// Whether somebody else wrote to the log's chain at a destination after the oldest base that the spool has was taken: a
/// vault writes nothing before its own bases, so where the spool was lost or belongs to a copy, only the time tells.
fn written_since(
    destination: &dyn Source,
    (ours, theirs): (&Surveyed, &Surveyed),
    generation: GenerationId,
    pinned: &Pinned,
) -> Result<Option<Fault>, SourceError> {
    let oldest = ours.survey.main.generation(generation).and_then(|manifests| manifests.manifests().next());
    let Some(oldest) = oldest.map(|signed| &signed.manifest) else { return Ok(None) };
    let base = oldest.chains.audit.base.position;
    let before = |name: &&ObjectName| {
        matches!(name, ObjectName::Segment { generation: of, chain: Chain::Audit, position }
            if *of == generation && *position < base)
    };
    let Some(last) = theirs.listing.keys().rfind(before) else { return Ok(None) };
    match segments::header(destination, last, pinned) {
        Ok(header) if header.time > oldest.heading.time => {
            let what = "it was written after this vault had gone on with a base backup";
            Ok(Some(Fault::Fork { object: last.path(&pinned.scope), what }))
        }
        // One that is damaged has its own fault, and `verify` names it.
        Ok(_) | Err(SegmentFailure::Fault(_)) => Ok(None),
        Err(failure) => Err(source_error(failure)),
    }
}

/// The last place of a chain that is taken, by a base or a segment.
fn last_of(there: &Surveyed, generation: GenerationId, chain: Chain) -> Option<Ordinal> {
    let place = |name: &ObjectName| match *name {
        ObjectName::Base { generation: g, chain: c, position }
        | ObjectName::Segment { generation: g, chain: c, position }
            if (g, c) == (generation, chain) =>
        {
            Some(position)
        }
        _ => None,
    };
    let named = base_of(&there.survey, generation, chain).map(|last| last.position);
    there.listing.keys().filter_map(place).chain(named).max()
}

impl Shipment<'_> {
    /// Copies the segments of a chain that the destination lacks, up to a place.
    pub(super) fn segments(
        &mut self,
        (ours, theirs): (&Surveyed, &Surveyed),
        (generation, chain): (GenerationId, Chain),
        before: Option<Ordinal>,
    ) -> Result<(), ShipError> {
        let mut previous: Option<Link> = None;
        for name in ours.listing.keys() {
            let ObjectName::Segment { generation: g, chain: c, position } = *name else { continue };
            if (g, c) != (generation, chain) || before.is_some_and(|before| position >= before) {
                continue;
            }
            let there = theirs.listing.contains_key(name) || self.sent.contains(name);
            if there && !self.compares_hashes() {
                previous = None;
                continue;
            }
            let follows = match previous.filter(|link| link.position.next() == position) {
                Some(link) => Some(link.sha256),
                None => self.hash_before(ours, generation, chain, position)?,
            };
            previous = Some(self.segment(name, follows)?.link);
        }
        Ok(())
    }

    /// The hash of the object at the place before.
    fn hash_before(
        &self,
        ours: &Surveyed,
        generation: GenerationId,
        chain: Chain,
        position: Ordinal,
    ) -> Result<Option<ContentHash>, ShipError> {
        let Some(before) = position.before() else { return Ok(None) };
        let name = ObjectName::Segment { generation, chain, position: before };
        if ours.listing.contains_key(&name) {
            return proven(self.spool, &name, self.pinned).map(|seen| Some(seen.link.sha256)).map_err(of_spool);
        }
        Ok(ours.survey.continued(generation, chain, before))
    }

    /// Copies one segment, which continues the object with this hash, and the documents it brings.
    fn segment(&mut self, name: &ObjectName, follows: Option<ContentHash>) -> Result<Seen, ShipError> {
        let seen = self.led_up_to(name, follows)?;
        self.place(name, &seen)?;
        Ok(seen)
    }

    /// Copies a segment that was led up to.
    pub(super) fn place(&mut self, name: &ObjectName, seen: &Seen) -> Result<(), ShipError> {
        // Where all is compared it is looked at first; else a name that is taken is refused there, and looked at then.
        if self.compares_hashes() && self.is_there(name, seen)? {
            self.present += 1;
        } else if let Err(error) = self.copy(&Needed { name: *name, size: seen.size, sha256: seen.link.sha256 }) {
            if !(is_taken(&error) && self.is_there(name, seen)?) {
                return Err(error);
            }
            self.present += 1;
        }
        // Durable: the segment, after everything it names.
        self.sent.insert(*name);
        Ok(())
    }

    /// Proves a segment, holds it against the object before it, and copies the documents that it brings.
    pub(super) fn led_up_to(&mut self, name: &ObjectName, follows: Option<ContentHash>) -> Result<Seen, ShipError> {
        let seen = proven(self.spool, name, self.pinned).map_err(of_spool)?;
        if follows.is_some_and(|follows| follows != seen.header.previous) {
            let what = "the object before it is another";
            let fault = Fault::Fork { object: name.path(&self.pinned.scope), what };
            return Err(ShipError::SpoolFault { fault });
        }
        let mut shard = Shard::default();
        let documents = seen.header.documents.added.iter().try_for_each(|entry| self.document(entry, &mut shard));
        // Those that were copied stay, even if this is where it ends.
        let flushed = if seen.header.documents.added.is_empty() { Ok(()) } else { self.flush() };
        documents.and(flushed)?;
        self.meter.expect_more(seen.size);
        Ok(seen)
    }

    /// Whether this very segment is there, from a shipment that was cut off. Another one of the same name is by a second
    /// vault, whatever its size.
    pub(super) fn is_there(&self, name: &ObjectName, seen: &Seen) -> Result<bool, ShipError> {
        let object = name.path(&self.pinned.scope);
        if self.destination.size(&object).map_err(ShipError::Destination)?.is_none() {
            return Ok(false);
        }
        let fault = match proven(self.destination, name, self.pinned) {
            Ok(there) if there.link == seen.link => return Ok(true),
            Ok(_) => Fault::Fork { object, what: "the spool has another segment there" },
            Err(SegmentFailure::Fault(fault)) => return Err(self.damaged(fault)),
            Err(failure) => return Err(ShipError::Destination(source_error(failure))),
        };
        Err(ShipError::Refused { destination: self.destination.label(), fault })
    }

    /// Segments of every generation and chain that no manifest stood in the way of.
    pub(super) fn remaining_segments(&mut self, ours: &Surveyed, theirs: &Surveyed) -> Result<(), ShipError> {
        for side in [Side::Keyring, Side::Main] {
            let generations: Vec<GenerationId> = match side {
                // What another generation has outgrown expires there, and is not sent again.
                Side::Keyring => {
                    let (keyring, outgrown) = (&ours.survey.keyring, ours.survey.keyring.outgrown());
                    keyring.generations().map(|(id, _)| id).filter(|id| !outgrown.contains(id)).collect()
                }
                Side::Main => ours.survey.main.generations().map(|(id, _)| id).collect(),
            };
            for generation in generations {
                for chain in ORDER.into_iter().filter(|chain| chain.side() == side) {
                    self.segments((ours, theirs), (generation, chain), None)?;
                }
            }
        }
        Ok(())
    }

    /// Segments that come before the bases of a manifest.
    pub(super) fn segments_before<M: Manifest>(
        &mut self,
        ours: &Surveyed,
        theirs: &Surveyed,
        manifest: &M,
    ) -> Result<(), ShipError> {
        for (chain, reach) in manifest.chains() {
            let place = (manifest.heading().generation, chain);
            self.segments((ours, theirs), place, Some(reach.base.position))?;
        }
        Ok(())
    }
}

/// Whether there is an object of the name already.
fn is_taken(error: &ShipError) -> bool {
    matches!(error, ShipError::Put(PutError::Exists { .. }))
}

/// What a segment of the spool that was not read means for a shipment.
pub(crate) fn of_spool(failure: SegmentFailure) -> ShipError {
    match failure {
        SegmentFailure::Fault(fault) => ShipError::SpoolFault { fault },
        SegmentFailure::Source(error) => ShipError::Spool(error),
        SegmentFailure::Cancelled(cancelled) => cancelled.into(),
        SegmentFailure::Each(_) => Cancelled.into(),
    }
}
