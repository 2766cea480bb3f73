//! Whether what the spool holds continues what the destination holds, and what there is to ship.
//! Pure: works on manifests that were read before.

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Fault, History, KeyringManifest, Known, MainManifest, Manifest, ObjectName, Pinned, Side, Signed, Survey,
};

use serde::{Deserialize, Serialize};

use super::order;
use super::segments::KnownSegment;
use crate::sources::Surveyed;

/// Manifests to ship, oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) main: Vec<Signed<MainManifest>>,
    pub(super) keyring: Vec<Signed<KeyringManifest>>,
    /// Of keyrings that another generation has outgrown, of which a spool has nothing else: they tell what came from what.
    pub(super) outgrown: Vec<Signed<KeyringManifest>>,
    /// Faults of the destination that do not stand in the way.
    pub(super) faults: Vec<Fault>,
    /// What the destination's manifests will be.
    pub(super) both: Survey,
    /// The generation that goes on, if its segments continue what the destination holds.
    pub(super) goes_on: Option<GenerationId>,
}

/// The newest manifests that were shipped to a destination before, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPoint {
    /// Of the main side.
    pub main: Option<Known>,
    /// Of the keyring side.
    pub keyring: Option<Known>,
    /// The last segment of the log, where segments were shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<KnownSegment>,
}

/// What there is to ship; a fault if the two histories do not fit.
pub(super) fn reconcile(
    spool: &Surveyed,
    destination: &Surveyed,
    pinned: &Pinned,
    known: &KnownPoint,
) -> Result<Pending, Fault> {
    let scope = &pinned.scope;
    for (side, known) in [(Side::Main, &known.main), (Side::Keyring, &known.keyring)] {
        let fault = known.as_ref().and_then(|known| destination.survey.compare_with_known(side, known, scope));
        fault.map_or(Ok(()), Err)?;
    }
    same_under_same_name(spool, destination, scope)?;
    let mut listing = spool.listing.clone();
    listing.extend(&destination.listing);
    let (ours, theirs) = (&spool.survey, &destination.survey);
    let both = Survey::of(&listing, ours.main.with(&theirs.main), ours.keyring.with(&theirs.keyring), scope);
    let main = pending(&spool.survey.main, &destination.survey.main, &both.main, scope)?;
    let keyring = pending(&spool.survey.keyring, &destination.survey.keyring, &both.keyring, scope)?;
    let past = spool.survey.keyring.outgrown();
    let (outgrown, keyring) =
        keyring.into_iter().partition(|signed| past.contains(&signed.manifest.heading.generation));
    let divides = |fault: &&Fault| {
        matches!(fault, Fault::Fork { .. } | Fault::Backwards { .. } | Fault::Gap { .. } | Fault::ChainGap { .. })
    };
    if let Some(fault) = both.faults.iter().find(divides) {
        return Err(fault.clone());
    }
    let goes_on = spool.survey.main.current()?.filter(|generation| {
        let (ours, theirs) = ((&spool.survey, &spool.listing), (&destination.survey, &destination.listing));
        order::goes_on(ours, theirs, *generation)
    });
    Ok(Pending { main, keyring, outgrown, faults: destination.survey.faults.clone(), both, goes_on })
}

/// An object is written once: the same name with other bytes is another history. A note that cannot be believed is damage,
/// and has its own fault.
fn same_under_same_name(spool: &Surveyed, destination: &Surveyed, scope: &Scope) -> Result<(), Fault> {
    let (ours, theirs) = (&spool.survey, &destination.survey);
    let another = another_of(&ours.main, &theirs.main).or_else(|| another_of(&ours.keyring, &theirs.keyring));
    another.map_or(Ok(()), |name| {
        Err(Fault::Fork { object: name.path(scope), what: "the spool has another manifest there" })
    })
}

/// A manifest of theirs that is not ours of the same name.
fn another_of<M: Manifest>(ours: &History<M>, theirs: &History<M>) -> Option<ObjectName> {
    theirs.generations().find_map(|(id, generation)| {
        let ours = ours.generation(id)?;
        let differs = |signed: &&Signed<M>| {
            let same = ours.manifest(signed.manifest.heading().number);
            same.is_some_and(|same| same.sha256 != signed.sha256)
        };
        generation.manifests().find(differs).map(|signed| signed.manifest.name())
    })
}

/// The manifests of the spool that the destination lacks.
fn pending<M: Manifest>(
    spool: &History<M>,
    destination: &History<M>,
    both: &History<M>,
    scope: &Scope,
) -> Result<Vec<Signed<M>>, Fault> {
    // Whichever generation goes on must be the one that the spool is at.
    let current = both.current()?;
    let mut pending = Vec::new();
    for (id, generation) in spool.generations() {
        let there = destination.generation(id);
        if let (Some(newest), Some(theirs)) = (generation.newest(), there)
            && theirs.newest_seen() > newest.manifest.heading().number
        {
            let known = ObjectName::Manifest { generation: id, side: M::SIDE, number: theirs.newest_seen() };
            return Err(Fault::Rollback { known: known.path(scope), found: newest.manifest.name().path(scope) });
        }
        let lacks = |signed: &&Signed<M>| {
            let number = signed.manifest.heading().number;
            there.is_none_or(|there| there.manifest(number).is_none())
        };
        pending.extend(generation.retained().filter(lacks).cloned());
    }
    if let Some(current) = current.filter(|current| spool.generation(*current).is_none()) {
        let newest = destination.generation(current).and_then(|generation| generation.newest());
        let known = newest.map_or_else(|| current.to_string(), |newest| newest.manifest.name().path(scope));
        return Err(Fault::Rollback { known, found: "a generation that came before it".to_owned() });
    }
    // By time, so that a generation is there before the one that came from it.
    pending.sort_by_key(|signed| signed.manifest.heading().time);
    Ok(pending)
}
