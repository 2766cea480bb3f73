//! Whether the generation that a spool's came from still goes on at a destination: two vaults run with the same keys. Its base
//! backups tell by their numbers (`History::current`); between two of them its segments do.

use coffre_core::spool::{Fault, Pinned};
use coffre_core::tlog::TreeHead;

use super::segments::newest_point;
use crate::destination::{Source, SourceError};
use crate::sources::Surveyed;

/// The two generations, if so: the log of the former is longer there than what the spool's was restored from, by what was
/// written after that had begun. What was merely lost with the former is older. Where the spool's generation has a base backup
/// already, it was taken for the one that goes on, and the former is refused.
pub(super) fn outlived(
    destination: &dyn Source,
    (ours, theirs): (&Surveyed, &Surveyed),
    pinned: &Pinned,
) -> Result<Option<Fault>, SourceError> {
    let (here, there) = (&ours.survey.main, &theirs.survey.main);
    let current = here.current().ok().flatten().filter(|id| there.generation(*id).is_none());
    let Some(first) = current.and_then(|id| here.generation(id)?.manifests().next()) else { return Ok(None) };
    let heading = &first.manifest.heading;
    let Some(parent) = &heading.parent else { return Ok(None) };
    let Some(newest) = newest_point(destination, &theirs.listing, parent.generation, pinned)? else { return Ok(None) };
    let entries = |note: &str| TreeHead::open(note.as_bytes(), &pinned.key, None).ok().map(|head| head.size);
    let restored = parent.audit_head.as_deref().and_then(entries);
    let reached = newest.point.as_ref().and_then(|point| entries(&point.audit_head));
    let goes_on = newest.time > heading.time && reached > restored;
    Ok(goes_on.then(|| Fault::Divided { generations: vec![parent.generation, heading.generation] }))
}
