//! The newest chain of the keyring that is whole: a base with the right bytes, and every segment after it proven, without
//! a gap. Everything older can be done without.

use std::collections::BTreeMap;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Base, Chain, Generation, Manifest as _, ObjectName, Ordinal, Pinned, Reach, segments_after};
use coffre_core::time::Timestamp;

use crate::content::{Expected, Meter};
use crate::destination::{Source, SourceError};
use crate::object;
use crate::segments::{self, SegmentFailure};
use crate::sources::Surveyed;

/// A chain that a keyring can be restored from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) generation: GenerationId,
    pub(super) base: Ordinal,
    /// The newest moment that is signed in it.
    pub(super) reaches: Timestamp,
}

/// The newest one of a line of generations, the oldest of which comes first.
pub(super) fn newest(
    place: &dyn Source,
    surveyed: &Surveyed,
    line: &[GenerationId],
    pinned: &Pinned,
    meter: &mut Meter<'_>,
) -> Result<Option<Whole>, SourceError> {
    for generation in line.iter().rev() {
        let manifests = surveyed.survey.keyring.generation(*generation).into_iter().flat_map(Generation::manifests);
        // The newest manifest that names a base counts: it was right until then.
        let bases: BTreeMap<Ordinal, (&Reach, Timestamp)> = manifests
            .map(|signed| (&signed.manifest.chains.keyring, signed.manifest.heading().time))
            .map(|(reach, time)| (reach.base.position, (reach, time)))
            .collect();
        let mut next = None;
        for (position, (reach, time)) in bases.iter().rev() {
            let chain = Candidate { place, surveyed, pinned, generation: *generation, reach, next };
            if let Some(newest) = chain.check(*time, meter)? {
                return Ok(Some(Whole { generation: *generation, base: *position, reaches: newest }));
            }
            next = Some(*position);
        }
    }
    Ok(None)
}

/// A chain that may be whole.
struct Candidate<'a> {
    place: &'a dyn Source,
    surveyed: &'a Surveyed,
    pinned: &'a Pinned,
    generation: GenerationId,
    reach: &'a Reach,
    /// Where the next one begins.
    next: Option<Ordinal>,
}

impl Candidate<'_> {
    /// The newest moment in it, if it is whole.
    fn check(&self, begun: Timestamp, meter: &mut Meter<'_>) -> Result<Option<Timestamp>, SourceError> {
        if !self.is_without_gap() || !self.base_is_right(meter)? {
            return Ok(None);
        }
        let (mut previous, mut log, mut newest) = (self.reach.last.sha256, None, begun);
        for (position, size) in self.segments() {
            let name = ObjectName::Segment { generation: self.generation, chain: Chain::Keyring, position };
            meter.expect_more(size);
            let seen = match segments::read(self.place, &name, self.pinned, meter, &mut |_, _| Ok(())) {
                Ok(seen) => seen,
                Err(SegmentFailure::Fault(_) | SegmentFailure::Each(_)) => return Ok(None),
                Err(SegmentFailure::Source(error)) => return Err(error),
                Err(SegmentFailure::Cancelled(cancelled)) => return Err(cancelled.into()),
            };
            if seen.header.previous != previous || !seen.header.frames.continue_after(log.as_ref()) {
                return Ok(None);
            }
            (previous, log) = (seen.link.sha256, Some(seen.header.frames.after()));
            newest = newest.max(seen.header.time);
        }
        Ok(Some(newest))
    }

    /// Up to the next one, where the chain goes on beside that.
    fn segments(&self) -> impl Iterator<Item = (Ordinal, u64)> + use<'_> {
        let all = segments_after(&self.surveyed.listing, self.generation, Chain::Keyring, self.reach.base.position);
        all.take_while(|(position, _)| self.next.is_none_or(|next| *position <= next))
    }

    /// Whether all that is there before the next chain follow one another, and up to it.
    fn is_without_gap(&self) -> bool {
        let last = self.segments().last().map_or(self.reach.base.position, |(position, _)| position);
        let beyond = self.surveyed.listing.keys().any(|name| {
            matches!(name, ObjectName::Segment { generation, chain: Chain::Keyring, position }
                if *generation == self.generation
                    && *position > last
                    && self.next.is_none_or(|next| *position < next))
        });
        !beyond && self.next.is_none_or(|next| last == next || last.next() == next)
    }

    fn base_is_right(&self, meter: &mut Meter<'_>) -> Result<bool, SourceError> {
        let Base { position, size, sha256, .. } = self.reach.base;
        let name = ObjectName::Base { generation: self.generation, chain: Chain::Keyring, position };
        if self.surveyed.listing.get(&name) != Some(&size) {
            return Ok(false);
        }
        meter.expect_more(size);
        let expected = Expected { size, sha256 };
        Ok(object::fault(self.place, &name.path(&self.pinned.scope), expected, meter)?.is_none())
    }
}
