//! What goes while a place is read: a vault drops from its spool what newer base backups stand for, and copies of the keyring
//! expire at a destination. Nobody took that away, and it is not missing.

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, Fault, Generation, History, Manifest, ObjectName, Ordinal, Pinned, Side, Survey};

use super::newest;
use crate::destination::SourceError;
use crate::observer::Observer;
use crate::sources::{Sources, Surveyed};

/// The faults without those of what was listed, has gone since, and need not be there by now. Where the newest that was there
/// has gone itself, or is another, all stay.
pub(super) fn without_dropped(
    mut faults: Vec<Fault>,
    sources: &Sources<'_>,
    before: &Surveyed,
    pinned: &Pinned,
    observer: &mut dyn Observer,
) -> Result<Vec<Fault>, SourceError> {
    let scope = &pinned.scope;
    if !faults.iter().any(|fault| unread(fault, before, scope).is_some()) {
        return Ok(faults);
    }
    let now = sources.survey(pinned, observer)?;
    let known = newest(before);
    let sides = [(Side::Main, known.main), (Side::Keyring, known.keyring)];
    let goes_on = |(side, known)| now.survey.compare_with_known(side, &known, scope).is_none();
    if sides.into_iter().filter_map(|(side, known)| Some((side, known?))).all(goes_on) {
        let is_dropped = |name: ObjectName| !now.listing.contains_key(&name) && !is_needed(&name, &now.survey);
        faults.retain(|fault| !unread(fault, before, scope).is_some_and(is_dropped));
    }
    Ok(faults)
}

/// What was listed, and was not there, or not readable, when its turn came. Documents are not listed: they always stay.
fn unread(fault: &Fault, before: &Surveyed, scope: &Scope) -> Option<ObjectName> {
    let (Fault::Missing { object, .. } | Fault::Unreadable { object, .. }) = fault else { return None };
    ObjectName::parse(object, scope).ok().filter(|name| before.listing.contains_key(name))
}

fn is_needed(name: &ObjectName, now: &Survey) -> bool {
    match *name {
        ObjectName::Manifest { .. } => true,
        ObjectName::Segment { generation, chain, position } => {
            let oldest = match chain.side() {
                Side::Main => oldest_base(&now.main, generation, chain),
                Side::Keyring if now.keyring.outgrown().contains(&generation) => return false,
                Side::Keyring => oldest_base(&now.keyring, generation, chain),
            };
            // What leads up to a base is not needed with it.
            oldest.is_none_or(|base| position > base)
        }
        _ => now.needed.contains_key(name),
    }
}

/// Where the oldest base of a chain stands that must be there.
fn oldest_base<M: Manifest>(history: &History<M>, generation: GenerationId, chain: Chain) -> Option<Ordinal> {
    let retained = history.generation(generation).into_iter().flat_map(Generation::retained);
    retained.filter_map(|signed| signed.manifest.reach(chain)).map(|reach| reach.base.position).min()
}
