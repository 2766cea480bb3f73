//! Which copies of the keyring stand in a place, and since when the oldest was begun: what the vault
//! needs to know to tell whether an erased key is gone. Looks at names and signed manifests, opens nothing.
//!
//! A base is as old as the manifest that names it with nothing after it: made when it was, or while the
//! keyring had not changed since. A segment is as old as the last base before it: the one at its own position is what it
//! leads up to. What no such
//! manifest tells the age of is counted, and may be of any age.

use std::collections::BTreeMap;

use coffre_core::erasure::{Copies, PlaceName};
use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, KeyringManifest, Listing, Notice, ObjectName, Ordinal, Pinned, Side, Signed};
use coffre_core::time::Timestamp;

use crate::destination::{Source, SourceError};
use crate::observer::Observer;
use crate::sources::Sources;

/// Looks at a place.
pub fn keyring_copies(
    name: PlaceName,
    place: &dyn Source,
    pinned: &Pinned,
    now: Timestamp,
    observer: &mut dyn Observer,
) -> Result<Copies, SourceError> {
    let surveyed = Sources { main: None, keyring: Some(place) }.survey(pinned, observer)?;
    let manifests = surveyed.survey.keyring.generations().flat_map(|(_, generation)| generation.manifests());
    let (oldest, unaccounted) = ages(&surveyed.listing, &begun(manifests));
    let folder = Side::Keyring.vault_folder(&pinned.scope);
    let strange =
        |notice: &&Notice| matches!(notice, Notice::Unknown { path } if path.starts_with(&format!("{folder}/")));
    let strange = surveyed.survey.notices.iter().filter(strange).count() as u64;
    Ok(Copies { place: name, looked_at: now, oldest, unaccounted: unaccounted + strange })
}

/// When each base was begun, as far as manifests tell.
pub(crate) type Begun = BTreeMap<(GenerationId, Ordinal), Timestamp>;

pub(crate) fn begun<'m>(manifests: impl Iterator<Item = &'m Signed<KeyringManifest>>) -> Begun {
    let mut begun = Begun::new();
    for signed in manifests {
        let (heading, reach) = (&signed.manifest.heading, &signed.manifest.chains.keyring);
        if reach.last.position == reach.base.position {
            let first = begun.entry((heading.generation, reach.base.position)).or_insert(heading.time);
            *first = heading.time.min(*first);
        }
    }
    begun
}

/// The oldest object of the chain, and how many are of unknown age.
fn ages(listing: &Listing, begun: &Begun) -> (Option<Timestamp>, u64) {
    let bases = listing.keys().filter_map(|name| match name {
        ObjectName::Base { generation, chain: Chain::Keyring, position } => Some((*generation, *position)),
        _ => None,
    });
    let segments = listing.keys().filter_map(|name| match name {
        ObjectName::Segment { generation, chain: Chain::Keyring, position } => {
            let before = begun.range((*generation, Ordinal::FIRST)..(*generation, *position)).next_back();
            // A segment without a base that is known continues one that is not.
            Some(before.map_or((*generation, *position), |(base, _)| *base))
        }
        _ => None,
    });
    let (mut oldest, mut unaccounted) = (None, 0);
    for base in bases.chain(segments) {
        match begun.get(&base) {
            Some(time) => oldest = [oldest, Some(*time)].into_iter().flatten().min(),
            None => unaccounted += 1,
        }
    }
    (oldest, unaccounted)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn generation() -> GenerationId {
        GenerationId::from_bytes([1; 16])
    }

    fn ordinal(number: u64) -> Ordinal {
        Ordinal::new(number).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(seconds)
    }

    fn base(position: u64) -> ObjectName {
        ObjectName::Base { generation: generation(), chain: Chain::Keyring, position: ordinal(position) }
    }

    fn segment(position: u64) -> ObjectName {
        ObjectName::Segment { generation: generation(), chain: Chain::Keyring, position: ordinal(position) }
    }

    fn listing(names: &[ObjectName]) -> Listing {
        names.iter().map(|name| (*name, 1)).collect()
    }

    #[test]
    fn a_segment_is_as_old_as_its_base() {
        let begun = Begun::from([((generation(), ordinal(1)), at(10)), ((generation(), ordinal(4)), at(40))]);
        for (names, expected) in [
            (vec![], (None, 0)),
            (vec![base(1), base(4)], (Some(at(10)), 0)),
            (vec![base(4), segment(5)], (Some(at(40)), 0)),
            // What leads up to a base beside the chain is not as young as that.
            (vec![segment(4), base(4)], (Some(at(10)), 0)),
            // The base is gone, what continued it is not.
            (vec![segment(3), base(4)], (Some(at(10)), 0)),
            (vec![base(2), base(4)], (Some(at(40)), 1)),
        ] {
            assert_eq!(ages(&listing(&names), &begun), expected, "{names:?}");
        }
        assert_eq!(ages(&listing(&[segment(2)]), &Begun::new()), (None, 1), "nothing tells its age");
        let elsewhere = ObjectName::Base { generation: generation(), chain: Chain::Vault, position: ordinal(1) };
        assert_eq!(ages(&listing(&[elsewhere]), &Begun::new()), (None, 0), "it holds no key");
    }
}
