//! Keeping the spool small: base backups older than the newest few are dropped, as each manifest
//! says beforehand, and what earlier generations left (`ancestors`). Documents stay: they are shared by all. So does what a destination has not confirmed, until the spool
//! is full and it was declared that the vault goes on then. The keyring waits for nobody: its newest base opens every
//! point, and an erased key must not stay in older ones. Everything else also stays while the spool is read as a whole
//! (`suspension`), unless it is full: a snapshot can be made again, and what is not captured is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU64;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, MainManifest, Manifest, ObjectName, Ordinal, Reach, Side};

use super::confirmation::Waiting;
use super::door::Door;
use super::follow::chain_of;
use super::links::Links;
use super::spool::Spool;
use super::{CaptureError, WhenFull, pieces};
use crate::layout::Database;

/// How far back base backups stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// How many stay in any case.
    pub(super) keep: NonZeroU64,
    /// For whom more stay.
    pub(super) waiting: Option<Waiting>,
    /// Whether the spool has no room.
    pub(super) full: bool,
}

impl Keeping {
    /// As things are now, after a manifest. A disk with less room than three base backups counts as full: the next one must fit.
    pub(super) fn now(
        door: &Door,
        spool: &Spool,
        last: Option<&MainManifest>,
        keep: NonZeroU64,
    ) -> Result<Self, CaptureError> {
        let waiting = door.shared.confirmation.waiting(door.generation);
        let bytes = |of| fs::metadata(door.shared.layout.database(of)).map(|metadata| metadata.len());
        let bytes = |of| bytes(of).map_err(CaptureError::Read);
        let log = pieces::to_store(last.map(|last| &last.chains.audit.base), bytes(Database::Audit)?);
        let needed = (bytes(Database::Vault)? + bytes(Database::Keyring)? + log).saturating_mul(3);
        let full = spool.has_room().is_err() || spool.free().map_err(CaptureError::Spool)? < needed;
        Ok(Self { keep, waiting, full })
    }

    /// From which number on a manifest of the keyring promises that everything is still there.
    pub(super) fn keyring_from(&self, number: Ordinal, before: Ordinal) -> Ordinal {
        let oldest = number.get().saturating_sub(self.keep.get() - 1);
        Ordinal::new(oldest).map_or(before, |oldest| oldest.max(before))
    }

    /// The same of a main manifest.
    pub(super) fn main_from(&self, number: Ordinal, before: Ordinal) -> Ordinal {
        let newest = self.keyring_from(number, before);
        match self.waiting {
            Some(waiting) if !self.gives_up() => newest.min(waiting.from).max(before),
            _ => newest,
        }
    }

    /// Whether what earlier generations left may go: everybody who is waited for has more than the first base backup of this
    /// one, or there is no room to wait.
    pub(super) fn lets_ancestors_go(&self) -> bool {
        self.gives_up() || self.waiting.is_none_or(|waiting| waiting.from > Ordinal::FIRST)
    }

    /// Whether what is not confirmed goes, because there is no room for it.
    fn gives_up(&self) -> bool {
        self.full && self.waiting.is_some_and(|waiting| waiting.when_full == WhenFull::KeepServing)
    }

    /// How many base backups the next one would drop that a destination has not confirmed.
    pub(super) fn unconfirmed(&self, number: Ordinal, before: Ordinal) -> u64 {
        let from = self.waiting.map_or(number, |waiting| waiting.from.max(before));
        self.main_from(number, before).get().saturating_sub(from.get())
    }

    /// Whether the spool is full of what must stay, so that another base backup would make no room.
    pub(super) fn is_stuck(&self, number: Ordinal, before: Ordinal) -> bool {
        self.full && self.main_from(number, before) == before && self.keyring_from(number, before) > before
    }

    /// Whether a base backup drops more than the one whose place it takes.
    pub(super) fn makes_room(&self, number: Ordinal, before: Ordinal) -> bool {
        self.full && self.main_from(number, before) > before.next()
    }
}

/// Removes what need not stay once a manifest is published. The base backup is taken by then: what cannot be removed goes with
/// the next one, and fails none. Each that failed would be followed by another, until the spool is full.
pub(super) fn drop_old<M: Manifest>(spool: &Spool, links: &Links, newest: &M) {
    for dropped in [drop_before(spool, links, newest), drop_outgrown(spool, newest)] {
        if let Err(error) = dropped {
            let cause = chain_of(&error);
            tracing::error!(cause, "what need not stay in the spool could not be removed from it; it is tried again");
        }
    }
}

/// Removes what only manifests before the newest one's `retained_from` need. After a crash half way,
/// the next capture goes on. A manifest that goes may be damaged; while one that stays is, nothing goes: what it needs is not known.
fn drop_before<M: Manifest>(spool: &Spool, links: &Links, newest: &M) -> Result<(), CaptureError> {
    let heading = newest.heading();
    let name = |number| ObjectName::Manifest { generation: heading.generation, side: M::SIDE, number };
    let mut old = Vec::new();
    let mut number = heading.retained_from.before();
    while let Some(before) = number
        && spool.length(&name(before)).map_err(CaptureError::Spool)?.is_some()
    {
        old.push(before);
        number = before.before();
    }
    if old.is_empty() {
        return Ok(());
    }
    let mut needed = BTreeSet::new();
    // The oldest base that stays of each chain, which stands for everything up to it.
    let mut from: BTreeMap<Chain, Ordinal> = BTreeMap::new();
    let mut number = Some(heading.number);
    while let Some(kept) = number.filter(|number| *number >= heading.retained_from) {
        if let Some(signed) = links.read::<M>(spool, &name(kept))? {
            needed.extend(signed.manifest.blobs().into_iter().map(|blob| blob.name));
            from.extend(signed.manifest.chains().iter().map(|(chain, reach)| (*chain, reach.base.position)));
        }
        number = kept.before();
    }
    for (chain, base) in from {
        remove_before(spool, heading.generation, chain, base)?;
    }
    // Oldest first, each manifest after what it names: an interrupted run leaves no gap.
    for number in old.into_iter().rev() {
        // What a damaged one names by its hash is left over.
        let signed = links.read::<M>(spool, &name(number)).ok().flatten();
        for blob in signed.map(|signed| signed.manifest.blobs()).unwrap_or_default() {
            if !needed.contains(&blob.name) {
                spool.remove(&blob.name).map_err(CaptureError::Spool)?;
            }
        }
        spool.remove(&name(number)).map_err(CaptureError::Spool)?;
    }
    spool.sync_folders().map_err(CaptureError::Spool)
}

/// Removes the keyring of the generation that this one came from: the newest opens every point, and an erased key must
/// not stay in older ones. Its manifests stay, which hold no key and tell what came from what.
fn drop_outgrown<M: Manifest>(spool: &Spool, newest: &M) -> Result<(), CaptureError> {
    let (Side::Keyring, Some(parent)) = (M::SIDE, &newest.heading().parent) else { return Ok(()) };
    let objects = spool.objects(parent.generation, Chain::Keyring).map_err(CaptureError::Spool)?;
    objects.iter().try_for_each(|object| spool.remove(object)).map_err(CaptureError::Spool)?;
    spool.sync_folders().map_err(CaptureError::Spool)
}

/// Removes what is before a base in its chain, and the segment at its position: the oldest first, so that what an interrupted
/// run leaves follows one another up to it.
fn remove_before(spool: &Spool, generation: GenerationId, chain: Chain, base: Ordinal) -> Result<(), CaptureError> {
    let objects = spool.objects(generation, chain).map_err(CaptureError::Spool)?;
    let goes = |name: &&ObjectName| match name {
        ObjectName::Segment { position, .. } => *position <= base,
        ObjectName::Base { position, .. } => *position < base,
        _ => false,
    };
    let before: BTreeSet<&ObjectName> = objects.iter().filter(goes).collect();
    before.into_iter().try_for_each(|name| spool.remove(name)).map_err(CaptureError::Spool)
}

/// Removes bases that no manifest came to name: left over from interruptions, after the newest that is named.
pub(super) fn drop_unnamed(
    spool: &Spool,
    generation: GenerationId,
    newest: [(Chain, Option<&Reach>); 3],
) -> Result<(), CaptureError> {
    for (chain, reach) in newest {
        let named = reach.map(|reach| reach.base.position);
        let unnamed = |name: &&ObjectName| matches!(name, ObjectName::Base { position, .. } if named.is_none_or(|named| *position > named));
        let objects = spool.objects(generation, chain).map_err(CaptureError::Spool)?;
        objects.iter().filter(unnamed).try_for_each(|name| spool.remove(name)).map_err(CaptureError::Spool)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(number: u64) -> Ordinal {
        Ordinal::new(number).unwrap()
    }

    fn keeping(from: Option<u64>, when_full: WhenFull, full: bool) -> Keeping {
        let waiting = from.map(|from| Waiting { from: at(from), when_full });
        Keeping { keep: NonZeroU64::new(3).unwrap(), waiting, full }
    }

    #[test]
    fn what_is_not_confirmed_stays_beyond_what_is_kept() {
        use WhenFull::{KeepServing, Refuse};
        // For the twentieth base backup: who is waited for, is it full, what stayed before, and from where it stays now.
        for (from, when_full, full, before, expected) in [
            (None, KeepServing, false, 1, 18),
            (Some(1), KeepServing, false, 1, 1),
            (Some(5), KeepServing, false, 1, 5),
            (Some(5), KeepServing, false, 7, 7),
            (Some(19), KeepServing, false, 1, 18),
            (Some(5), KeepServing, true, 1, 18),
            (Some(5), Refuse, true, 1, 5),
            (Some(5), Refuse, true, 5, 5),
        ] {
            let found = keeping(from, when_full, full).main_from(at(20), at(before));
            assert_eq!(found, at(expected), "{from:?} {when_full:?} {full} {before}");
        }
        // The keyring waits for nobody.
        assert_eq!(keeping(Some(1), Refuse, false).keyring_from(at(20), at(1)), at(18));
    }

    #[test]
    fn what_earlier_generations_left_waits_as_long_as_there_is_room() {
        use WhenFull::{KeepServing, Refuse};
        for (from, when_full, full, goes) in [
            (None, KeepServing, false, true),
            (Some(1), KeepServing, false, false),
            (Some(2), KeepServing, false, true),
            (Some(1), KeepServing, true, true),
            (Some(1), Refuse, true, false),
        ] {
            let found = keeping(from, when_full, full).lets_ancestors_go();
            assert_eq!(found, goes, "{from:?} {when_full:?} {full}");
        }
    }

    #[test]
    fn a_full_spool_is_stuck_or_gives_up_as_declared() {
        use WhenFull::{KeepServing, Refuse};
        let (number, before) = (at(20), at(5));
        let stuck = |from, when_full, full| keeping(Some(from), when_full, full).is_stuck(number, before);
        assert!(stuck(5, Refuse, true));
        assert!(!stuck(5, Refuse, false) && !stuck(6, Refuse, true) && !stuck(5, KeepServing, true));
        let lost = |from, when_full, full| keeping(Some(from), when_full, full).unconfirmed(number, before);
        assert_eq!((lost(5, KeepServing, true), lost(5, KeepServing, false), lost(5, Refuse, true)), (13, 0, 0));
        assert_eq!(keeping(None, KeepServing, true).unconfirmed(number, before), 0);
        let room = |from, when_full, before| keeping(Some(from), when_full, true).makes_room(number, at(before));
        assert!(room(5, KeepServing, 5) && room(18, Refuse, 5));
        // With nothing behind there is no end to it: each base backup takes the place of one.
        assert!(!room(19, KeepServing, 17) && !room(5, Refuse, 5));
    }
}
