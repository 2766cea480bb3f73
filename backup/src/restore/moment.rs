//! The moment to restore to, between and after base backups: which segments go onto each base, and
//! what became of the documents. Reads headers; the frames are proven when they are put in place.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, DocumentName, Fault, InventoryEntry, KeyringManifest, Link, MainManifest, NoPoint, ObjectName, Ordinal,
    Pinned, Reach, SegmentHeader, SegmentPoint, Side, segments_after,
};
use coffre_core::time::Timestamp;

use super::PlanError;
use crate::destination::Source;
use crate::segments::{self, SegmentFailure};
use crate::sources::Surveyed;

/// Segments that are put onto a base.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    pub(super) generation: GenerationId,
    pub(super) chain: Chain,
    /// The file that they are put onto.
    pub(super) target: &'static str,
    pub(super) onto: Reach,
    /// Their places and sizes.
    pub(super) segments: Vec<(Ordinal, u64)>,
    /// An object that must be among them, or what the first continues.
    pub(super) must_hold: Option<Link>,
}

/// What segments did to the documents of a base.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    pub(super) added: BTreeMap<DocumentName, InventoryEntry>,
    pub(super) removed: BTreeSet<DocumentName>,
}

/// A moment in the chains after a base.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    /// When, and the head of the log then; none for that of the base itself.
    pub(super) point: Option<(Timestamp, SegmentPoint)>,
    /// When the next moment after it was captured, if one was.
    pub(super) next: Option<Timestamp>,
    pub(super) replays: Vec<Replay>,
    pub(super) documents: Documents,
}

/// How far a state goes beyond its base.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Not at all.
    Base,
    /// To the newest moment; refused if a chain has gaps.
    Newest,
    /// To the newest moment at this time or before it.
    At(Timestamp),
    /// To the newest moment that needs nothing after these places, and that the keyring opens.
    Reached { vault: Ordinal, audit: Ordinal },
}

/// Finds the moment that is wanted.
pub(super) struct Finder<'a> {
    pub(super) main: &'a dyn Source,
    pub(super) surveyed: &'a Surveyed,
    pub(super) pinned: &'a Pinned,
}

impl Finder<'_> {
    pub(super) fn find(
        &self,
        until: Until,
        manifest: &MainManifest,
        keyring: &KeyringManifest,
    ) -> Result<Moment, PlanError> {
        let generation = manifest.heading.generation;
        let (vault, base) = (&manifest.chains.vault, &manifest.chains.audit);
        let mut log: Vec<(Ordinal, u64)> = self.after(generation, Chain::Audit, base).collect();
        let mut moment = Moment::default();
        let found = match until {
            Until::Base => None,
            Until::Newest => {
                self.whole(manifest, keyring)?;
                self.newest(generation, &log, |_| true)?
            }
            Until::At(time) => self.newest(generation, &log, |header| header.time <= time)?,
            Until::Reached { vault, audit } => {
                log.retain(|(position, _)| *position <= audit);
                let (others, keys) = (keyring.heading.generation != generation, self.last_keys(keyring));
                let opens = |point: &SegmentPoint| others || point.keyring.position <= keys;
                let is_there = |point: &SegmentPoint| point.vault.position <= vault && opens(point);
                let reached = |header: &SegmentHeader| header.point.iter().all(is_there);
                self.newest(generation, &log, reached)?
            }
        };
        let header = found.map(|(header, next)| {
            moment.next = next;
            header
        });
        let mut needed = None;
        if let Some(SegmentHeader { position, time, point: Some(point), .. }) = header {
            let vault = self.replay(generation, Chain::Vault, vault, point.vault.position, Some(point.vault))?;
            moment.documents = self.documents(&vault)?;
            let audit = self.replay(generation, Chain::Audit, base, position, None)?;
            needed = (keyring.heading.generation == generation).then_some(point.keyring);
            moment.point = Some((time, point));
            moment.replays = vec![vault, audit];
        }
        moment.replays.push(self.keyring(keyring, needed)?);
        moment.replays.retain(|replay| !replay.segments.is_empty());
        Ok(moment)
    }

    fn after(&self, generation: GenerationId, chain: Chain, onto: &Reach) -> impl Iterator<Item = (Ordinal, u64)> {
        segments_after(&self.surveyed.listing, generation, chain, onto.base.position)
    }

    /// The newest is refused when a chain has a gap after its base: what is behind it would be left out silently.
    fn whole(&self, manifest: &MainManifest, keyring: &KeyringManifest) -> Result<(), NoPoint> {
        let (main, of_keyring) = (manifest.heading.generation, keyring.heading.generation);
        let base = |chain| match chain {
            Chain::Vault => (main, manifest.chains.vault.base.position),
            Chain::Audit => (main, manifest.chains.audit.base.position),
            Chain::Keyring => (of_keyring, keyring.chains.keyring.base.position),
        };
        let counts = |fault: &&Fault| match fault {
            Fault::ChainGap { generation, chain, to, .. } => {
                let (of, position) = base(*chain);
                *generation == of && *to > position
            }
            _ => false,
        };
        let faults: Vec<Fault> = self.surveyed.survey.faults.iter().filter(counts).cloned().collect();
        if faults.is_empty() { Ok(()) } else { Err(NoPoint::Faults { faults }) }
    }

    /// The newest segment of the log that ends in a point and is early enough, and the time of the next. Times only
    /// grow along a chain, so it is searched by halves.
    fn newest(
        &self,
        generation: GenerationId,
        log: &[(Ordinal, u64)],
        early: impl Fn(&SegmentHeader) -> bool,
    ) -> Result<Option<(SegmentHeader, Option<Timestamp>)>, PlanError> {
        let name = |position| ObjectName::Segment { generation, chain: Chain::Audit, position };
        if !log.is_empty() {
            let paths: Vec<String> = log.iter().map(|(position, _)| name(*position).path(&self.pinned.scope)).collect();
            self.main.prepare(&paths, &mut ())?;
        }
        let header = |at: usize| match log.get(at) {
            Some((position, _)) => segments::header(self.main, &name(*position), self.pinned).map(Some),
            None => Ok(None),
        };
        let (mut low, mut high) = (0, log.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if header(middle).map_err(failed)?.is_some_and(|header| early(&header)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let next = header(low).map_err(failed)?.map(|header| header.time);
        while let Some(at) = low.checked_sub(1) {
            if let Some(found) = header(at).map_err(failed)?.filter(|header| header.point.is_some()) {
                return Ok(Some((found, next)));
            }
            low = at;
        }
        Ok(None)
    }

    fn replay(
        &self,
        generation: GenerationId,
        chain: Chain,
        onto: &Reach,
        to: Ordinal,
        must_hold: Option<Link>,
    ) -> Result<Replay, NoPoint> {
        let segments: Vec<_> =
            self.after(generation, chain, onto).take_while(|(position, _)| *position <= to).collect();
        let last = segments.last().map_or(onto.base.position, |(position, _)| *position);
        if last < to {
            return Err(Fault::ChainGap { chain, generation, from: last.next(), to }.into());
        }
        Ok(Replay { generation, chain, target: chain.file(), onto: onto.clone(), segments, must_hold })
    }

    /// The newest keyring, whichever moment is wanted: who was erased stays erased.
    fn keyring(&self, keyring: &KeyringManifest, needed: Option<Link>) -> Result<Replay, NoPoint> {
        let generation = keyring.heading.generation;
        let onto = &keyring.chains.keyring;
        let (base, last) = (onto.base.position, self.last_keys(keyring));
        if let Some(needed) = needed.filter(|needed| needed.position > last) {
            return Err(
                Fault::ChainGap { chain: Chain::Keyring, generation, from: last.next(), to: needed.position }.into()
            );
        }
        let must_hold = needed.filter(|needed| needed.position >= base);
        self.replay(generation, Chain::Keyring, onto, last, must_hold)
    }

    /// Where the keyring's chain ends that is here.
    fn last_keys(&self, keyring: &KeyringManifest) -> Ordinal {
        let onto = &keyring.chains.keyring;
        let segments = self.after(keyring.heading.generation, Chain::Keyring, onto);
        segments.last().map_or(onto.base.position, |(position, _)| position)
    }

    fn documents(&self, vault: &Replay) -> Result<Documents, PlanError> {
        let name = |position| ObjectName::Segment { generation: vault.generation, chain: Chain::Vault, position };
        if !vault.segments.is_empty() {
            let path = |(position, _): &(Ordinal, u64)| name(*position).path(&self.pinned.scope);
            self.main.prepare(&vault.segments.iter().map(path).collect::<Vec<_>>(), &mut ())?;
        }
        let mut documents = Documents::default();
        for (position, _) in &vault.segments {
            let header = segments::header(self.main, &name(*position), self.pinned).map_err(failed)?;
            for entry in header.documents.added {
                documents.removed.remove(&entry.name);
                documents.added.insert(entry.name, entry);
            }
            for name in header.documents.removed {
                documents.added.remove(&name);
                documents.removed.insert(name);
            }
        }
        Ok(documents)
    }
}

impl Replay {
    pub(super) const fn side(&self) -> Side {
        self.chain.side()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = ObjectName> {
        let (generation, chain) = (self.generation, self.chain);
        self.segments.iter().map(move |(position, _)| ObjectName::Segment { generation, chain, position: *position })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, size)| size).sum()
    }
}

pub(super) fn failed(failure: SegmentFailure) -> PlanError {
    match failure {
        SegmentFailure::Fault(fault) => NoPoint::from(fault).into(),
        SegmentFailure::Source(error) => error.into(),
        SegmentFailure::Cancelled(cancelled) => crate::destination::SourceError::from(cancelled).into(),
        SegmentFailure::Each(error) => {
            NoPoint::from(Fault::Unreadable { object: "a segment".to_owned(), cause: error.to_string() }).into()
        }
    }
}
