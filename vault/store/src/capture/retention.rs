//! Keeping the spool small: base backups older than the newest few are dropped, as each manifest
//! says beforehand. Documents stay: they are shared by all.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, Manifest, ObjectName, Ordinal};

use super::CaptureError;
use super::links::Links;
use super::spool::Spool;

/// From which number on a manifest promises that everything is still there.
pub(super) fn retained_from(number: Ordinal, before: Ordinal, keep: NonZeroU64) -> Ordinal {
    let oldest = number.get().saturating_sub(keep.get() - 1);
    Ordinal::new(oldest).map_or(before, |oldest| oldest.max(before))
}

/// Removes what only manifests before the newest one's `retained_from` need. After a crash half way,
/// the next capture goes on.
pub(super) fn drop_old<M: Manifest>(spool: &Spool, links: &Links, newest: &M) -> Result<(), CaptureError> {
    let heading = newest.heading();
    let name = |number| ObjectName::Manifest { generation: heading.generation, side: M::SIDE, number };
    let mut old = Vec::new();
    let mut number = heading.retained_from.before();
    while let Some(before) = number
        && let Some(manifest) = links.read::<M>(spool, &name(before))?
    {
        old.push(manifest);
        number = before.before();
    }
    if old.is_empty() {
        return Ok(());
    }
    let mut needed = BTreeSet::new();
    let mut number = Some(heading.number);
    while let Some(kept) = number.filter(|number| *number >= heading.retained_from) {
        if let Some(manifest) = links.read::<M>(spool, &name(kept))? {
            needed.extend(manifest.manifest.needed().into_iter().map(|object| object.name));
        }
        number = kept.before();
    }
    // Oldest first, each manifest after what it names: an interrupted run leaves no gap.
    for manifest in old.iter().rev() {
        for (chain, reach) in manifest.manifest.chains() {
            remove_segments(spool, heading.generation, chain, reach.base.position)?;
        }
        for object in manifest.manifest.needed() {
            if !needed.contains(&object.name) {
                spool.remove(&object.name).map_err(CaptureError::Spool)?;
            }
        }
        spool.remove(&manifest.manifest.name()).map_err(CaptureError::Spool)?;
    }
    spool.sync_folders().map_err(CaptureError::Spool)
}

/// Removes the segments that follow a base, up to the next one: the newest first, so that an interrupted
/// run finds the others again.
fn remove_segments(spool: &Spool, generation: GenerationId, chain: Chain, base: Ordinal) -> Result<(), CaptureError> {
    let name = |position| ObjectName::Segment { generation, chain, position };
    let mut last = base;
    while spool.length(&name(last.next())).map_err(CaptureError::Spool)?.is_some() {
        last = last.next();
    }
    while let Some(before) = last.before().filter(|_| last > base) {
        spool.remove(&name(last)).map_err(CaptureError::Spool)?;
        last = before;
    }
    Ok(())
}
