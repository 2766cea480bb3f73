//! Where a destination stands, and copying what is new after that: by the names of the next objects, without a survey.

use std::collections::BTreeSet;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ContentHash, Fault, Known, Link, Manifest as _, ObjectName, Ordinal, Pinned, Side};
use coffre_core::time::Timestamp;

use crate::destination::{Destination, FileSystem, Source as _, SourceError};
use crate::observer::Observer;
use crate::run::TargetError;
use crate::ship::{KnownSegment, ShipError, Stream};
use crate::sources::Sources;

/// Where a destination stands, as far as this process brought it.
pub(super) struct Cursor {
    pub(super) generation: GenerationId,
    pub(super) main: Known,
    pub(super) keyring: Known,
    /// The last objects of keyring, vault and log.
    pub(super) ends: [(Chain, Link); 3],
    pub(super) segment: Option<KnownSegment>,
    pub(super) captured: Timestamp,
    /// The generations that are known there.
    pub(super) generations: BTreeSet<GenerationId>,
}

/// The last objects of the chains on a destination that was just shipped to.
pub(super) fn ends(
    spool: &FileSystem,
    destination: &dyn Destination,
    pinned: &Pinned,
    generation: GenerationId,
    observer: &mut dyn Observer,
) -> Result<Option<[(Chain, Link); 3]>, TargetError> {
    let surveyed = Sources::both(spool).survey(pinned, observer)?;
    let survey = &surveyed.survey;
    let main = survey.main.generation(generation).and_then(|g| g.newest()).map(|signed| &signed.manifest);
    let keyring = survey.keyring.generation(generation).and_then(|g| g.newest()).map(|signed| &signed.manifest);
    let (Some(main), Some(keyring)) = (main, keyring) else { return Ok(None) };
    let reaches = keyring.chains().into_iter().chain(main.chains());
    let bases = reaches.map(|(chain, reach)| (chain, reach.last)).collect::<Vec<_>>();
    let [first, second, third] = *bases.as_slice() else { return Ok(None) };
    let mut ends = [first, second, third];
    for (chain, end) in &mut ends {
        // What appeared since the shipment is not there yet.
        for (position, _) in coffre_core::spool::segments_after(&surveyed.listing, generation, *chain, end.position) {
            let name = ObjectName::Segment { generation, chain: *chain, position };
            if destination.size(&name.path(&pinned.scope)).map_err(TargetError::Spool)?.is_none() {
                break;
            }
            end.position = position;
            end.sha256 = ContentHash::from_bytes([0; 32]);
        }
        let name = ObjectName::Segment { generation, chain: *chain, position: end.position };
        if surveyed.listing.contains_key(&name) {
            *end = crate::ship::proven(spool, &name, pinned).map_err(crate::ship::of_spool)?.link;
        }
    }
    Ok(Some(ends))
}

impl Cursor {
    fn next_manifest(&self, side: Side) -> ObjectName {
        let number = match side {
            Side::Main => self.main.number,
            Side::Keyring => self.keyring.number,
        };
        ObjectName::Manifest { generation: self.generation, side, number: number.next() }
    }

    fn next_segment(&self, chain: Chain, after: Ordinal) -> ObjectName {
        ObjectName::Segment { generation: self.generation, chain, position: after.next() }
    }

    pub(super) fn has_manifest(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for side in Side::ALL {
            if spool.size(&self.next_manifest(side).path(&pinned.scope))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn has_news(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for (chain, end) in &self.ends {
            if spool.size(&self.next_segment(*chain, end.position).path(&pinned.scope))?.is_some() {
                return Ok(true);
            }
        }
        self.has_manifest(spool, pinned)
    }

    /// Whether nobody else ships there: no newer manifest than ours, and no generation that was not known.
    fn is_alone(&self, destination: &dyn Destination, pinned: &Pinned) -> Result<(), TargetError> {
        let scope = &pinned.scope;
        let refused = |fault| TargetError::Ship(ShipError::Refused { destination: destination.label(), fault });
        for side in Side::ALL {
            let next = self.next_manifest(side).path(scope);
            if destination.size(&next).map_err(ShipError::Destination)?.is_some() {
                return Err(refused(Fault::Fork { object: next, what: "this vault has not made it" }));
            }
        }
        let contents = destination.list(&Side::Main.vault_folder(scope)).map_err(ShipError::Destination)?;
        let others = contents.folders.iter().filter_map(|name| name.parse().ok());
        let others: Vec<GenerationId> = others.filter(|id| !self.generations.contains(id)).collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(refused(Fault::Divided { generations: [&[self.generation], &others[..]].concat() }))
    }

    /// Copies the segments that are new. How far the log reaches is looked at first: what it names of
    /// the other chains is in the spool by then.
    pub(super) fn stream(
        &mut self,
        spool: &FileSystem,
        destination: &dyn Destination,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<u64, TargetError> {
        let mut limits = self.ends.map(|(_, end)| end.position);
        for at in (0..limits.len()).rev() {
            let (Some(limit), Some((chain, _))) = (limits.get_mut(at), self.ends.get(at)) else { continue };
            while spool.size(&self.next_segment(*chain, *limit).path(&pinned.scope))?.is_some() {
                *limit = limit.next();
            }
        }
        self.is_alone(destination, pinned)?;
        let generation = self.generation;
        let mut stream = Stream::new(spool, destination, pinned, observer);
        for ((chain, end), limit) in self.ends.iter_mut().zip(limits) {
            while end.position < limit {
                let name = ObjectName::Segment { generation, chain: *chain, position: end.position.next() };
                let seen = stream.segment(&name, end.sha256)?;
                *end = seen.link;
                if seen.header.point.is_some() {
                    let Link { position, sha256 } = seen.link;
                    self.segment = Some(KnownSegment { generation, position, sha256 });
                    self.captured = self.captured.max(seen.header.time);
                }
            }
        }
        Ok(stream.bytes())
    }
}
