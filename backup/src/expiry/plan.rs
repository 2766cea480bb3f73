//! Which copies of the keyring expire, and why each other one stays. Pure: looks at names, sizes and signed manifests;
//! which chain is whole was found out before.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, Generation, History, KeyringManifest, Listing, Manifest as _, ObjectName, Ordinal, Side,
};
use coffre_core::time::Timestamp;

use super::whole::Whole;
use crate::keyring_copies::{Begun, begun};

/// Why a copy expires or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is old enough, and a newer chain is whole.
    Expires,
    /// It is the newest whole chain.
    NewestWhole,
    /// It is newer than the newest whole chain.
    Newer,
    /// The newest manifest promises that it is there.
    Promised,
    /// It is not old enough.
    Young,
    /// Nothing signed tells how old it is.
    UnknownAge,
}

impl Verdict {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expires => "expires",
            Self::NewestWhole => "stays: the newest whole chain",
            Self::Newer => "stays: newer than the newest whole chain",
            Self::Promised => "stays: the newest manifest promises it",
            Self::Young => "stays: not old enough",
            Self::UnknownAge => "stays: nothing signed tells its age",
        }
    }
}

/// A base of the keyring and the segments that continue it, or what is left of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringCopy {
    /// Its generation.
    pub generation: GenerationId,
    /// Where its base is, or was.
    pub base: Ordinal,
    /// When it was begun, or at the latest can have been.
    pub begun: Option<Timestamp>,
    /// What is there of it, the base first.
    pub objects: Vec<ObjectName>,
    /// Their bytes.
    pub bytes: u64,
    /// What follows.
    pub verdict: Verdict,
}

/// What expires at a place, and what stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All copies, the oldest first.
    pub copies: Vec<KeyringCopy>,
    /// Manifests that name nothing any more.
    pub manifests: Vec<ObjectName>,
    /// The moment that ages are counted to.
    pub measured_at: Timestamp,
}

impl Plan {
    /// What is to be removed, in this order: the oldest copies first, of each the newest segment first and the base last,
    /// then manifests. Wherever this is broken off, what is left is a chain without a gap, and of known age.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectName> {
        let expiring = self.copies.iter().filter(|copy| copy.verdict == Verdict::Expires);
        expiring.flat_map(|copy| copy.objects.iter().rev()).chain(&self.manifests)
    }
}

/// What is known of a place.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) keyring: &'a History<KeyringManifest>,
    pub(super) listing: &'a Listing,
    /// The generations that led to the current one, and it.
    pub(super) line: &'a [GenerationId],
    /// The newest chain that a keyring can be restored from.
    pub(super) whole: Whole,
}

/// The plan for a place. Ages are counted to this machine's time or to the newest moment that the place itself has
/// signed, whichever is earlier: a clock that runs ahead ages nothing, and neither does a place where nothing arrives.
pub(super) fn plan(seen: Seen<'_>, older_than: i64, now: Timestamp) -> Plan {
    let measured_at = now.min(seen.whole.reaches);
    let begun = begun(seen.keyring.generations().flat_map(|(_, generation)| generation.manifests()));
    let generations: BTreeSet<GenerationId> = seen.listing.keys().filter_map(place).map(|(id, ..)| id).collect();
    let strangers = generations.iter().filter(|id| !seen.line.contains(id));
    let mut copies = Vec::new();
    for id in strangers.chain(seen.line) {
        for mut copy in copies_of(*id, seen, &begun) {
            copy.verdict = verdict(&copy, seen, |begun| measured_at.as_seconds() - begun.as_seconds() > older_than);
            copies.push(copy);
        }
    }
    let manifests = emptied(seen, &copies);
    Plan { copies, manifests, measured_at }
}

fn verdict(copy: &KeyringCopy, seen: Seen<'_>, is_old: impl Fn(Timestamp) -> bool) -> Verdict {
    let Some(at) = seen.line.iter().position(|id| *id == copy.generation) else { return Verdict::UnknownAge };
    let whole = seen.line.iter().position(|id| *id == seen.whole.generation);
    match (Some(at), copy.base).cmp(&(whole, seen.whole.base)) {
        std::cmp::Ordering::Equal => return Verdict::NewestWhole,
        std::cmp::Ordering::Greater => return Verdict::Newer,
        std::cmp::Ordering::Less => {}
    }
    // What another generation has outgrown is promised by nobody.
    let current = seen.keyring.generation(copy.generation).filter(|_| at + 1 == seen.line.len());
    let promised = current.into_iter().flat_map(Generation::retained).map(|signed| base_of(&signed.manifest)).min();
    match copy.begun {
        _ if promised.is_some_and(|promised| copy.base >= promised) => Verdict::Promised,
        None => Verdict::UnknownAge,
        Some(begun) if is_old(begun) => Verdict::Expires,
        Some(_) => Verdict::Young,
    }
}

fn base_of(manifest: &KeyringManifest) -> Ordinal {
    manifest.chains.keyring.base.position
}

/// Where an object of a keyring's chain is, and whether it is a base.
fn place(name: &ObjectName) -> Option<(GenerationId, Ordinal, bool)> {
    match *name {
        ObjectName::Base { generation, chain: Chain::Keyring, position } => Some((generation, position, true)),
        ObjectName::Segment { generation, chain: Chain::Keyring, position } => Some((generation, position, false)),
        _ => None,
    }
}

/// The copies of a generation. A segment belongs to the base before it, though that be gone; not to one at its own position,
/// which it leads up to.
fn copies_of(id: GenerationId, seen: Seen<'_>, begun: &Begun) -> Vec<KeyringCopy> {
    let objects = seen.listing.iter().filter_map(|(name, size)| {
        let (generation, position, is_base) = place(name)?;
        (generation == id).then_some((position, is_base, *name, *size))
    });
    let mut objects: Vec<_> = objects.collect();
    objects.sort_unstable_by_key(|(position, ..)| *position);
    let listed = objects.iter().filter(|(_, is_base, ..)| *is_base).map(|(position, ..)| *position);
    let named = begun.keys().filter(|(generation, _)| *generation == id).map(|(_, base)| *base);
    let bases: BTreeSet<Ordinal> = listed.chain(named).collect();
    let mut copies: BTreeMap<Ordinal, KeyringCopy> = BTreeMap::new();
    for (position, is_base, name, size) in objects {
        let before = bases.range(..position).next_back().copied();
        let base = if is_base { position } else { before.unwrap_or(Ordinal::FIRST) };
        let copy = copies.entry(base).or_insert_with(|| KeyringCopy {
            generation: id,
            base,
            begun: age(id, base, seen, begun),
            objects: Vec::new(),
            bytes: 0,
            verdict: Verdict::UnknownAge,
        });
        copy.objects.push(name);
        copy.bytes += size;
    }
    copies.into_values().collect()
}

/// When a copy was begun; where no manifest says so, before the next one that is known, and before the next generation.
fn age(id: GenerationId, base: Ordinal, seen: Seen<'_>, begun: &Begun) -> Option<Timestamp> {
    let next = begun.range((id, base)..).next().filter(|((generation, _), _)| *generation == id).map(|(_, time)| *time);
    let after = || {
        let at = seen.line.iter().position(|of| *of == id)?;
        let follower = seen.keyring.generation(*seen.line.get(at + 1)?)?;
        Some(follower.manifests().next()?.manifest.heading().time)
    };
    next.or_else(after)
}

/// Manifests that nothing must be kept for, once nothing they name is left. The newest ones of each generation stay for
/// good: they hold no key, and tell what came from what.
fn emptied(seen: Seen<'_>, copies: &[KeyringCopy]) -> Vec<ObjectName> {
    let staying = copies.iter().filter(|copy| copy.verdict != Verdict::Expires);
    let staying: BTreeSet<(GenerationId, Ordinal)> = staying.map(|copy| (copy.generation, copy.base)).collect();
    let mut manifests = Vec::new();
    for id in seen.line {
        let Some(generation) = seen.keyring.generation(*id) else { continue };
        let from = generation.retained_from();
        let old = generation.manifests().filter(|signed| signed.manifest.heading().number < from);
        let empty = old.filter(|signed| !staying.contains(&(*id, base_of(&signed.manifest))));
        manifests.extend(empty.map(|signed| {
            let number = signed.manifest.heading().number;
            ObjectName::Manifest { generation: *id, side: Side::Keyring, number }
        }));
    }
    manifests
}
