//! Where a destination stands, and copying what is new after that: by the names of the next objects, without a survey.

use std::collections::BTreeSet;
use std::thread;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, Fault, Known, Link, ObjectName, Ordinal, Pinned, Side};
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;

use super::beside::Brings;
use crate::destination::{Destination, FileSystem, Source as _, SourceError};
use crate::observer::{Cancelled, Observer};
use crate::run::TargetError;
use crate::segments::Seen;
use crate::ship::{Ends, KnownSegment, ShipError, Stream};

/// How far a destination reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reached {
    pub(super) captured: Timestamp,
    /// How many entries the log has there, if its head says so.
    pub(super) entries: Option<u64>,
}

impl Reached {
    pub(super) fn of(captured: Timestamp, head: &str, pinned: &Pinned) -> Self {
        // Proven with what holds it; that it can be read, too, is for whoever opens the log.
        let entries = TreeHead::open(head.as_bytes(), &pinned.key, None).ok().map(|head| head.size);
        Self { captured, entries }
    }
}

/// Where a destination stands, as far as this process brought it.
pub(super) struct Cursor {
    pub(super) generation: GenerationId,
    pub(super) main: Known,
    pub(super) keyring: Known,
    /// The newest manifests that may be there by now, of main side and keyring: a base that is on its way brings them.
    pub(super) coming: (Ordinal, Ordinal),
    /// The last objects of keyring, vault and log.
    pub(super) ends: Ends,
    pub(super) segment: Option<KnownSegment>,
    pub(super) reached: Reached,
    /// The generations that are known there.
    pub(super) generations: BTreeSet<GenerationId>,
}

impl Cursor {
    fn manifest_after(&self, side: Side, (main, keyring): (Ordinal, Ordinal)) -> ObjectName {
        let number = match side {
            Side::Main => main,
            Side::Keyring => keyring,
        };
        ObjectName::Manifest { generation: self.generation, side, number: number.next() }
    }

    /// The numbers of the newest manifests there.
    pub(super) const fn numbers(&self) -> (Ordinal, Ordinal) {
        (self.main.number, self.keyring.number)
    }

    /// Takes in what a base brought that was on its way.
    pub(super) fn brought(&mut self, brings: Brings) {
        self.main = brings.main.unwrap_or(self.main);
        self.keyring = brings.keyring.unwrap_or(self.keyring);
    }

    /// A base is on its way that brings these.
    pub(super) fn expect(&mut self, brings: Brings) {
        let (main, keyring) = self.coming;
        let newest = |known: Option<Known>, before: Ordinal| known.map_or(before, |known| known.number.max(before));
        self.coming = (newest(brings.main, main), newest(brings.keyring, keyring));
    }

    fn next_segment(&self, chain: Chain, after: Ordinal) -> ObjectName {
        ObjectName::Segment { generation: self.generation, chain, position: after.next() }
    }

    /// Whether the spool has a manifest that is newer than those there. Not the next one, perhaps: where a spool is full, some
    /// are given up.
    pub(super) fn has_manifest(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for (side, known) in [(Side::Main, self.main.number), (Side::Keyring, self.keyring.number)] {
            let folder = format!("{}/{}/manifests", side.vault_folder(&pinned.scope), self.generation);
            let is_newer = |(name, _): &(String, u64)| {
                let parsed = ObjectName::parse(&format!("{folder}/{name}"), &pinned.scope);
                matches!(parsed, Ok(ObjectName::Manifest { number, .. }) if number > known)
            };
            if spool.list(&folder)?.objects.iter().any(is_newer) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn has_segments(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for (chain, end) in &self.ends {
            if spool.size(&self.next_segment(*chain, end.position).path(&pinned.scope))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether nobody else ships there: no newer manifest than ours and those on their way, and no generation that was not known.
    fn is_alone(&self, destination: &(dyn Destination + Sync), pinned: &Pinned) -> Result<(), TargetError> {
        let scope = &pinned.scope;
        let refused = |fault| TargetError::Ship(ShipError::Refused { destination: destination.label(), fault });
        let next = Side::ALL.map(|side| self.manifest_after(side, self.coming).path(scope));
        // Three questions, asked at once: far away each takes its time.
        let (contents, taken) = thread::scope(|scope| {
            let asked = next.each_ref().map(|name| scope.spawn(|| destination.size(name)));
            let contents = destination.list(&Side::Main.vault_folder(&pinned.scope));
            (contents, asked.map(|asked| asked.join().unwrap_or_else(|_| Err(Cancelled.into()))))
        });
        for (name, taken) in next.into_iter().zip(taken) {
            if taken.map_err(ShipError::Destination)?.is_some() {
                return Err(refused(Fault::Fork { object: name, what: "this vault has not made it" }));
            }
        }
        let contents = contents.map_err(ShipError::Destination)?;
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
        destination: &(dyn Destination + Sync),
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
        let (mut ends, mut newest) = (self.ends, None);
        let mut stream = Stream::new(spool, destination, pinned, observer);
        for ((chain, end), limit) in ends.iter_mut().zip(limits) {
            while end.position < limit {
                let name = ObjectName::Segment { generation, chain: *chain, position: end.position.next() };
                let Seen { header, link, .. } = stream.segment(&name, end.sha256)?;
                *end = *link;
                if let Some(point) = &header.point {
                    newest = Some((*link, Reached::of(header.time, &point.audit_head, pinned)));
                }
            }
        }
        let bytes = stream.finish()?;
        self.ends = ends;
        if let Some((Link { position, sha256 }, reached)) = newest {
            self.segment = Some(KnownSegment { generation, position, sha256 });
            self.reached = self.reached.max(reached);
        }
        Ok(bytes)
    }
}
