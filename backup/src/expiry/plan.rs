//! Which copies of the keyring may go, and why each other one stays. Looks at names and signed manifests; whether the base
//! of a chain has the right bytes is asked of the caller.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, Generation, KeyringManifest, Listing, Needed, ObjectName, Ordinal, Side, segments_after};
use coffre_core::time::Timestamp;

use crate::keyring_copies::{Begun, begun};
use crate::sources::Surveyed;

/// Why a copy goes or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Old enough, and a newer one is whole.
    Expires,
    /// The newest whole chain.
    NewestWhole,
    /// Newer than the newest whole chain.
    Newer,
    /// The newest manifests say that it must be there.
    Required,
    /// Not old enough.
    Young,
    /// Of an age that nothing tells.
    UnknownAge,
}

impl Verdict {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expires => "expires",
            Self::NewestWhole => "stays: the newest whole chain",
            Self::Newer => "stays: newer than the newest whole chain",
            Self::Required => "stays: the newest manifest requires it",
            Self::Young => "stays: not old enough",
            Self::UnknownAge => "stays: nothing tells its age",
        }
    }
}

/// A base and the segments that continue it, or what is left of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its generation.
    pub generation: GenerationId,
    /// Where it begins.
    pub base: Ordinal,
    /// The latest time that it can have been begun at; it may be older where its own manifest is gone.
    pub begun: Option<Timestamp>,
    /// Its objects.
    pub objects: Vec<ObjectName>,
    /// Their bytes.
    pub bytes: u64,
    /// What follows.
    pub verdict: Verdict,
}

/// What may go from a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiring {
    /// All copies, the oldest generations first.
    pub groups: Vec<Group>,
    /// Manifests that name nothing any more.
    pub manifests: Vec<ObjectName>,
    /// When the newest manifest was made.
    pub newest: Option<Timestamp>,
}

impl Expiring {
    /// What is to be removed, in this order: a base after its segments, so that whoever is interrupted leaves no
    /// segment of unknown age; a manifest after all it names.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectName> {
        let expiring = self.groups.iter().filter(|group| group.verdict == Verdict::Expires);
        expiring.flat_map(|group| group.objects.iter().rev()).chain(&self.manifests)
    }
}

/// The plan; none if no chain is whole.
pub(super) fn plan(
    surveyed: &Surveyed,
    older_than: i64,
    now: Timestamp,
    is_right: &mut dyn FnMut(&Needed) -> bool,
) -> Option<Expiring> {
    let keyring = &surveyed.survey.keyring;
    let line = line_of_descent(surveyed);
    let begun = begun(keyring.generations().flat_map(|(_, generation)| generation.manifests()));
    let whole = newest_whole(surveyed, &line, is_right)?;
    let required: BTreeSet<ObjectName> = required(surveyed);
    let mut expiring = Expiring::default();
    for (index, id) in line.iter().enumerate() {
        // Whatever a generation holds was made before the next one began.
        let ended = line.get(index + 1).and_then(|next| began(keyring.generation(*next)?));
        for mut group in groups(&surveyed.listing, *id, &begun, ended) {
            let is_old = |time: Timestamp| now.as_seconds() - time.as_seconds() > older_than;
            group.verdict = match (index, group.base) {
                at if at == whole => Verdict::NewestWhole,
                at if at > whole => Verdict::Newer,
                _ if group.objects.iter().any(|object| required.contains(object)) => Verdict::Required,
                _ => match group.begun {
                    None => Verdict::UnknownAge,
                    Some(time) if is_old(time) => Verdict::Expires,
                    Some(_) => Verdict::Young,
                },
            };
            expiring.groups.push(group);
        }
    }
    expiring.manifests = emptied_manifests(surveyed, &expiring);
    let all = keyring.generations().filter_map(|(_, generation)| generation.newest());
    expiring.newest = all.map(|signed| signed.manifest.heading.time).max();
    Some(expiring)
}

/// The generations that led to the current one, the oldest first. Others are not judged.
fn line_of_descent(surveyed: &Surveyed) -> Vec<GenerationId> {
    let keyring = &surveyed.survey.keyring;
    let mut line = Vec::new();
    let mut at = keyring.current().ok().flatten();
    while let Some(id) = at.filter(|id| !line.contains(id)) {
        line.push(id);
        at = keyring.generation(id).and_then(Generation::parent).map(|parent| parent.generation);
    }
    line.reverse();
    line
}

fn began(generation: &Generation<KeyringManifest>) -> Option<Timestamp> {
    generation.manifests().next().map(|first| first.manifest.heading.time)
}

/// Where the newest chain begins whose base is right and whose segments go on without a gap.
fn newest_whole(
    surveyed: &Surveyed,
    line: &[GenerationId],
    is_right: &mut dyn FnMut(&Needed) -> bool,
) -> Option<(usize, Ordinal)> {
    for (index, id) in line.iter().enumerate().rev() {
        let Some(generation) = surveyed.survey.keyring.generation(*id) else { continue };
        let bases: BTreeMap<Ordinal, Needed> =
            generation.manifests().map(|signed| base_of(&signed.manifest)).map(|(at, needed)| (at, needed)).collect();
        for (position, needed) in bases.iter().rev() {
            let size = surveyed.listing.get(&needed.name);
            if size == Some(&needed.size) && has_no_gap(&surveyed.listing, *id, *position) && is_right(needed) {
                return Some((index, *position));
            }
        }
    }
    None
}

fn base_of(manifest: &KeyringManifest) -> (Ordinal, Needed) {
    let (base, generation) = (&manifest.chains.keyring.base, manifest.heading.generation);
    let name = ObjectName::Base { generation, chain: Chain::Keyring, position: base.position };
    (base.position, Needed { name, size: base.size, sha256: base.sha256 })
}

/// Whether all that is listed from a base to the next follow one another.
fn has_no_gap(listing: &Listing, generation: GenerationId, base: Ordinal) -> bool {
    let chain = Chain::Keyring;
    let next = positions(listing, generation).filter(|(_, is_base)| *is_base).map(|(at, _)| at).find(|at| *at > base);
    let here = positions(listing, generation).filter(|(at, is_base)| !is_base && *at > base);
    let listed = here.filter(|(at, _)| next.is_none_or(|next| *at < next)).count();
    segments_after(listing, generation, chain, base).count() == listed
}

/// The places of a generation's keyring chain that are taken, in order, and whether by a base.
fn positions(listing: &Listing, id: GenerationId) -> impl Iterator<Item = (Ordinal, bool)> {
    let mut all: Vec<(Ordinal, bool)> = listing.keys().filter_map(|name| match name {
        ObjectName::Base { generation, chain: Chain::Keyring, position } if *generation == id => Some((*position, true)),
        ObjectName::Segment { generation, chain: Chain::Keyring, position } if *generation == id => {
            Some((*position, false))
        }
        _ => None,
    })
    .collect();
    all.sort_unstable();
    all.into_iter()
}

/// What the current generation's retained manifests need, and the segments between.
fn required(surveyed: &Surveyed) -> BTreeSet<ObjectName> {
    let keyring = &surveyed.survey.keyring;
    let Some(id) = keyring.current().ok().flatten() else { return BTreeSet::new() };
    let Some(generation) = keyring.generation(id) else { return BTreeSet::new() };
    let oldest = generation.retained().map(|signed| base_of(&signed.manifest).0).min();
    let is_required = |at: &Ordinal| oldest.is_some_and(|oldest| *at >= oldest);
    let chain = Chain::Keyring;
    let taken = positions(&surveyed.listing, id).filter(|(at, _)| is_required(at));
    taken
        .map(|(position, is_base)| match is_base {
            true => ObjectName::Base { generation: id, chain, position },
            false => ObjectName::Segment { generation: id, chain, position },
        })
        .collect()
}

/// The copies of one generation.
fn groups(listing: &Listing, generation: GenerationId, begun: &Begun, ended: Option<Timestamp>) -> Vec<Group> {
    let chain = Chain::Keyring;
    let mut groups: Vec<Group> = Vec::new();
    for (position, is_base) in positions(listing, generation) {
        let known = begun.range((generation, Ordinal::FIRST)..=(generation, position)).next_back();
        let name = match is_base {
            true => ObjectName::Base { generation, chain, position },
            false => ObjectName::Segment { generation, chain, position },
        };
        // A segment goes with its base, though that be gone.
        let base = if is_base { position } else { known.map_or(position, |((_, base), _)| *base) };
        let bytes = listing.get(&name).copied().unwrap_or_default();
        match groups.last_mut().filter(|group| group.base == base || (!is_base && known.is_none())) {
            Some(group) => {
                group.objects.push(name);
                group.bytes += bytes;
            }
            None => groups.push(Group {
                generation,
                base,
                begun: age_of(generation, base, begun, ended),
                objects: vec![name],
                bytes,
                verdict: Verdict::UnknownAge,
            }),
        }
    }
    groups
}

/// When a copy was begun; where no manifest says so, the next one that is known was begun after it.
fn age_of(
    generation: GenerationId,
    base: Ordinal,
    begun: &Begun,
    ended: Option<Timestamp>,
) -> Option<Timestamp> {
    let next = || begun.range((generation, base)..).find(|((of, _), _)| *of == generation).map(|(_, time)| *time);
    next().or(ended)
}

/// Manifests before those that must be kept, once nothing they name is left.
fn emptied_manifests(surveyed: &Surveyed, expiring: &Expiring) -> Vec<ObjectName> {
    let stays: BTreeSet<(GenerationId, Ordinal)> = expiring
        .groups
        .iter()
        .filter(|group| group.verdict != Verdict::Expires)
        .map(|group| (group.generation, group.base))
        .collect();
    let mut manifests = Vec::new();
    for (id, generation) in surveyed.survey.keyring.generations() {
        let from = generation.retained_from();
        let old = generation.manifests().filter(|signed| signed.manifest.heading.number < from);
        let empty = old.filter(|signed| !stays.contains(&(id, base_of(&signed.manifest).0)));
        manifests.extend(empty.map(|signed| ObjectName::Manifest {
            generation: id,
            side: Side::Keyring,
            number: signed.manifest.heading.number,
        }));
    }
    manifests
}
