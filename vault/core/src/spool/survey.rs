//! What the manifests of a place claim, held against what is listed there. Looks at names, sizes and
//! signed statements; whether an object has the right bytes is for whoever reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::coverage;
use super::{
    Chain, ContentHash, Fault, Generation, History, KeyringManifest, MainManifest, Manifest, Needed, Notice,
    ObjectName, Ordinal, Side, Signed,
};
use crate::crypto::Scope;
use crate::ids::GenerationId;

/// The objects that are there, with their sizes. Documents need not be listed: inventories are
/// compared with them a folder at a time.
pub type Listing = BTreeMap<ObjectName, u64>;

/// A manifest that was seen before, to find out whether newer ones were removed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its generation.
    pub generation: GenerationId,
    /// Its number.
    pub number: Ordinal,
    /// Its SHA-256.
    pub sha256: ContentHash,
}

impl Known {
    /// What to remember of a manifest.
    pub fn of<M: Manifest>(signed: &Signed<M>) -> Self {
        let heading = signed.manifest.heading();
        Self { generation: heading.generation, number: heading.number, sha256: signed.sha256 }
    }

    fn name(&self, side: Side) -> ObjectName {
        ObjectName::Manifest { generation: self.generation, side, number: self.number }
    }
}

/// Everything that signed manifests say about a place, held against what is there.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The main side.
    pub main: History<MainManifest>,
    /// The keyring side.
    pub keyring: History<KeyringManifest>,
    /// Every object that a retained manifest needs, and those of older ones that are there; each with
    /// the manifest. Documents excepted.
    pub needed: BTreeMap<ObjectName, (Needed, ObjectName)>,
    /// What cannot be restored or believed.
    pub faults: Vec<Fault>,
    /// What is worth knowing.
    pub notices: Vec<Notice>,
}

impl Survey {
    /// Holds the manifests of both sides against one another and looks for their objects in the listing.
    pub fn of(
        listing: &Listing,
        main: History<MainManifest>,
        keyring: History<KeyringManifest>,
        scope: &Scope,
    ) -> Self {
        let mut faults = Vec::new();
        main.check(scope, &mut faults);
        keyring.check(scope, &mut faults);
        let mut survey = Self { main, keyring, needed: BTreeMap::new(), faults, notices: Vec::new() };
        let mut expired = Vec::new();
        survey.claim_main(listing, scope);
        survey.claim_keyring(listing, scope, &mut expired);
        survey.compare(listing, scope);
        let adrift = coverage::check(&survey.main, listing, scope, &mut survey.faults);
        expired.extend(coverage::check(&survey.keyring, listing, scope, &mut survey.faults));
        survey.find_unclaimed(listing, &expired, &adrift, scope);
        survey
    }

    /// Whether newer manifests than the known one were removed, or its history was replaced.
    pub fn compare_with_known(&self, side: Side, known: &Known, scope: &Scope) -> Option<Fault> {
        match side {
            Side::Main => compare_with_known(&self.main, known, scope),
            Side::Keyring => compare_with_known(&self.keyring, known, scope),
        }
    }

    /// What a segment continues that follows the base at this place, if a manifest names one there.
    pub fn continued(&self, generation: GenerationId, chain: Chain, base: Ordinal) -> Option<ContentHash> {
        let main = self.main.generation(generation).into_iter().flat_map(Generation::manifests);
        let keyring = self.keyring.generation(generation).into_iter().flat_map(Generation::manifests);
        let main = main.filter_map(|signed| signed.manifest.reach(chain));
        let keyring = keyring.filter_map(|signed| signed.manifest.reach(chain));
        main.chain(keyring).find(|reach| reach.base.position == base).map(|reach| reach.last.sha256)
    }

    fn claim_main(&mut self, listing: &Listing, scope: &Scope) {
        let Self { main, needed, faults, .. } = self;
        for (_, generation) in main.generations() {
            let from = generation.retained_from();
            for signed in generation.manifests() {
                let retained = signed.manifest.heading.number >= from;
                // What is kept longer than promised may be gone, but what is there must be right.
                let claims = claims_of(signed).filter(|(n, _)| retained || listing.contains_key(&n.name));
                claim(needed, faults, claims, scope);
            }
        }
    }

    fn claim_keyring(&mut self, listing: &Listing, scope: &Scope, expired: &mut Vec<ObjectName>) {
        let outgrown = self.keyring.outgrown();
        let mut claims = Vec::new();
        for (id, generation) in self.keyring.generations() {
            let needed = generation.retained().flat_map(claims_of);
            // What another generation has outgrown may be gone, but what is there must be right.
            claims.extend(needed.filter(|(n, _)| !outgrown.contains(&id) || listing.contains_key(&n.name)));
        }
        claim(&mut self.needed, &mut self.faults, claims, scope);
        let mut older = Vec::new();
        for (_, generation) in self.keyring.generations() {
            let from = generation.retained_from();
            for old in generation.manifests().filter(|signed| signed.manifest.heading().number < from) {
                older.extend(claims_of(old));
                expired.push(old.manifest.name());
            }
        }
        older.retain(|(needed, _)| !self.needed.contains_key(&needed.name));
        expired.extend(older.iter().map(|(needed, _)| needed.name));
        // What should be gone must be right while it is there, too.
        older.retain(|(needed, _)| listing.contains_key(&needed.name));
        claim(&mut self.needed, &mut self.faults, older, scope);
    }

    fn compare(&mut self, listing: &Listing, scope: &Scope) {
        for (needed, by) in self.needed.values() {
            self.faults.extend(fault_of(needed, *by, listing, scope));
        }
    }

    fn find_unclaimed(&mut self, listing: &Listing, expired: &[ObjectName], adrift: &[ObjectName], scope: &Scope) {
        let (expired, adrift): (BTreeSet<_>, BTreeSet<_>) = (expired.iter().collect(), adrift.iter().collect());
        let mut pieces = 0;
        for name in listing.keys() {
            let object = name.path(scope);
            match name {
                _ if expired.contains(name) => self.notices.push(Notice::Expired { object }),
                ObjectName::Manifest { .. } | ObjectName::Document(_) => {}
                ObjectName::Segment { .. } if !adrift.contains(name) => {}
                _ if self.needed.contains_key(name) => {}
                ObjectName::Piece(_) => pieces += 1,
                _ => self.notices.push(Notice::Unclaimed { object }),
            }
        }
        if pieces > 0 {
            self.notices.push(Notice::UnclaimedPieces { count: pieces });
        }
    }
}

/// The fault of one needed object, as far as a listing shows it.
pub(super) fn fault_of(needed: &Needed, by: ObjectName, listing: &Listing, scope: &Scope) -> Option<Fault> {
    let object = needed.name.path(scope);
    match listing.get(&needed.name) {
        None => Some(Fault::Missing { object, needed_by: by.path(scope) }),
        Some(found) if *found != needed.size => Some(Fault::WrongSize { object, expected: needed.size, found: *found }),
        Some(_) => None,
    }
}

/// Takes down what manifests need. Most of it others need, too.
fn claim(
    needed: &mut BTreeMap<ObjectName, (Needed, ObjectName)>,
    faults: &mut Vec<Fault>,
    claims: impl IntoIterator<Item = (Needed, ObjectName)>,
    scope: &Scope,
) {
    for (claimed, by) in claims {
        let (first, _) = *needed.entry(claimed.name).or_insert((claimed, by));
        if first != claimed {
            let what = "two manifests give an object different bytes";
            faults.push(Fault::Fork { object: by.path(scope), what });
        }
    }
}

fn claims_of<M: Manifest>(signed: &Signed<M>) -> impl Iterator<Item = (Needed, ObjectName)> + use<M> {
    let by = signed.manifest.name();
    signed.manifest.needed().into_iter().map(move |needed| (needed, by))
}

fn compare_with_known<M: Manifest>(history: &History<M>, known: &Known, scope: &Scope) -> Option<Fault> {
    let name = known.name(M::SIDE);
    let generation = history.generation(known.generation);
    let newest = generation.and_then(Generation::newest);
    let number = newest.map(|newest| newest.manifest.heading().number);
    if number.is_none_or(|number| number < known.number) {
        let found = newest.map_or_else(|| "none".to_owned(), |newest| newest.manifest.name().path(scope));
        return Some(Fault::Rollback { known: name.path(scope), found });
    }
    let stored = generation.and_then(|generation| generation.manifest(known.number));
    stored
        .filter(|stored| stored.sha256 != known.sha256)
        .map(|_| Fault::Fork { object: name.path(scope), what: "another manifest was here before" })
}
