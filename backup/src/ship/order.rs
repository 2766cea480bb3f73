//! What may go to a destination before what: segments that continue what is there wait for nothing, a base beside the chain
//! only for the segments that lead up to it. Pure: names, signed statements and places.

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, Generation, KeyringManifest, Link, Listing, MainManifest, Manifest, ObjectName, Ordinal, Signed, Survey,
};

use super::segments::ORDER;

/// The last objects of keyring, vault and log at a destination.
pub(crate) type Ends = [(Chain, Link); 3];

/// Base backups that may be sent while segments go on, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bases {
    /// The keyring's, which go before the others.
    pub(crate) keyring: Vec<Signed<KeyringManifest>>,
    pub(crate) main: Vec<Signed<MainManifest>>,
}

/// How the base backups that a destination lacks get there.
#[derive(Debug)]
pub(crate) enum Way {
    /// It lacks none.
    Nothing,
    /// While segments go on.
    Beside(Bases),
    /// The same, once segments are there that wait in the spool.
    Soon,
    /// Through the chains: what comes after them waits.
    Through,
}

/// Whether a manifest's bases may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Led {
    Here,
    Soon,
    Never,
}

/// How what the spool has after these manifests gets to a destination where the chains end so.
pub(crate) fn way(
    (survey, listing): (&Survey, &Listing),
    generation: GenerationId,
    known: (Ordinal, Ordinal),
    ends: &Ends,
) -> Way {
    let mut bases = Bases::default();
    let main = survey.main.generation(generation).into_iter().flat_map(Generation::retained);
    let keyring = survey.keyring.generation(generation).into_iter().flat_map(Generation::retained);
    let mut left = Led::Here;
    for signed in keyring.filter(|signed| signed.manifest.heading.number > known.1) {
        left = led_up_to(&signed.manifest, listing, ends);
        if left != Led::Here {
            break;
        }
        bases.keyring.push(signed.clone());
    }
    if left == Led::Here {
        for signed in main.filter(|signed| signed.manifest.heading.number > known.0) {
            left = led_up_to(&signed.manifest, listing, ends);
            if left != Led::Here {
                break;
            }
            bases.main.push(signed.clone());
        }
    }
    match left {
        _ if !bases.keyring.is_empty() || !bases.main.is_empty() => Way::Beside(bases),
        Led::Here => Way::Nothing,
        Led::Soon => Way::Soon,
        Led::Never => Way::Through,
    }
}

fn led_up_to<M: Manifest>(manifest: &M, listing: &Listing, ends: &Ends) -> Led {
    let generation = manifest.heading().generation;
    for (chain, reach) in manifest.chains() {
        let end = ends.iter().find(|(of, _)| *of == chain).map(|(_, end)| end.position);
        let Some(end) = end.filter(|end| *end < reach.base.position) else { continue };
        let next = ObjectName::Segment { generation, chain, position: end.next() };
        return if listing.contains_key(&next) { Led::Soon } else { Led::Never };
    }
    Led::Here
}

/// Whether the segments of a spool continue, in every chain of a generation, what a destination holds of it.
pub(super) fn goes_on(
    (ours, here): (&Survey, &Listing),
    (theirs, there): (&Survey, &Listing),
    generation: GenerationId,
) -> bool {
    ORDER.into_iter().all(|chain| {
        let (reached, end) = (last(theirs, there, generation, chain), last(ours, here, generation, chain));
        let (Some(mut at), Some(end)) = (reached, end) else { return false };
        let is_here = |position| here.contains_key(&ObjectName::Segment { generation, chain, position });
        while at < end && is_here(at.next()) {
            at = at.next();
        }
        at >= end
    })
}

/// The last place of a chain that a segment or a base has that a manifest names; none where none names one.
fn last(survey: &Survey, listing: &Listing, generation: GenerationId, chain: Chain) -> Option<Ordinal> {
    let base = base_of(survey, generation, chain)?;
    let segments = listing.keys().filter_map(|name| match *name {
        ObjectName::Segment { generation: g, chain: c, position } if (g, c) == (generation, chain) => Some(position),
        _ => None,
    });
    segments.chain([base.position]).max()
}

/// What the next segment continues after the newest base of a chain.
pub(super) fn base_of(survey: &Survey, generation: GenerationId, chain: Chain) -> Option<Link> {
    let main = survey.main.generation(generation).and_then(|manifests| manifests.newest());
    let keyring = survey.keyring.generation(generation).and_then(|manifests| manifests.newest());
    let main = main.and_then(|signed| signed.manifest.reach(chain));
    main.or_else(|| keyring.and_then(|signed| signed.manifest.reach(chain))).map(|reach| reach.last)
}
