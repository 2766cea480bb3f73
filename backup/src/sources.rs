//! Where the two sides of a backup are read from: one place, or the main side here and the keyring
//! there. Finds the manifests and lists the objects; judging them is `coffre_core::spool`'s.

use std::collections::BTreeMap;
use std::io::Read as _;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, Fault, Generation, History, KeyringManifest, Listing, MainManifest, NameError, Notice, ObjectName, Pinned,
    Side, Survey,
};

use crate::destination::{Allowance, Contents, Source, SourceError};
use crate::observer::{self, Observer};

/// A manifest is a few kilobytes, up to some seventy for a long log; whatever is longer than this is none.
pub(crate) const LONGEST_MANIFEST: u64 = 1 << 20;
/// More generations than a vault has: one begins with each restore.
const GENERATIONS: usize = 10_000;
/// What an object that was found takes in memory. What is kept of a manifest is no longer than its text.
const FOUND: u64 = 64;

/// The places of the two sides. A side without a place is not looked at.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Records, audit log, documents, keys.
    pub main: Option<&'a dyn Source>,
    /// The keyring.
    pub keyring: Option<&'a dyn Source>,
}

impl<'a> Sources<'a> {
    /// Both sides in one place: a spool or a destination.
    pub fn both(place: &'a dyn Source) -> Self {
        Self { main: Some(place), keyring: Some(place) }
    }

    /// The sides that are looked at.
    pub fn sides(&self) -> impl Iterator<Item = Side> + use<> {
        let (main, keyring) = (self.main.map(|_| Side::Main), self.keyring.map(|_| Side::Keyring));
        main.into_iter().chain(keyring)
    }

    /// The place of a side.
    pub(crate) fn of(&self, side: Side) -> Result<&'a dyn Source, SourceError> {
        let place = match side {
            Side::Main => self.main,
            Side::Keyring => self.keyring,
        };
        place.ok_or_else(|| SourceError::Absent { place: format!("the {} side", side.folder()) })
    }

    /// Lists both sides, reads their manifests and holds them against what is listed.
    pub(crate) fn survey(&self, pinned: &Pinned, observer: &mut dyn Observer) -> Result<Surveyed, SourceError> {
        self.survey_of(Which::All, pinned, observer)
    }

    /// The same for whoever needs the newest point alone: of the main side only the newest and the oldest sound manifest of
    /// each generation are read, which tell which generation goes on. What comes after the newest base is judged as ever;
    /// other faults and notices are those of what was read, and nobody's to tell.
    pub(crate) fn survey_of_newest(
        &self,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<Surveyed, SourceError> {
        self.survey_of(Which::Ends, pinned, observer)
    }

    fn survey_of(&self, which: Which, pinned: &Pinned, observer: &mut dyn Observer) -> Result<Surveyed, SourceError> {
        let mut found = Found::default();
        for side in self.sides() {
            let place = self.of(side)?;
            found.side(place, side, pinned, observer)?;
            match (which, side) {
                (Which::Ends, Side::Main) => found.read_all_ends(place, pinned, observer)?,
                _ => found.read_manifests(place, side, pinned, observer)?,
            }
        }
        let mut survey = Survey::of(&found.listing, found.main, found.keyring, &pinned.scope);
        survey.faults.splice(..0, found.unreadable);
        survey.notices.splice(..0, found.unknown);
        let (manifests, manifest_bytes) = found.read;
        Ok(Surveyed { listing: found.listing, manifests, manifest_bytes, survey })
    }
}

/// Which manifests of the main side are read. There are ever more of them.
#[derive(Clone, Copy)]
enum Which {
    All,
    /// The newest and the oldest sound one of each generation.
    Ends,
}

/// The main side of a place by the newest and the oldest sound manifest of each generation. Nothing else is read, and nothing
/// but manifests listed: of either there is ever more.
pub(crate) fn ends_of_history(
    place: &dyn Source,
    pinned: &Pinned,
    observer: &mut dyn Observer,
) -> Result<History<MainManifest>, SourceError> {
    let vault = Side::Main.vault_folder(&pinned.scope);
    let mut found = Found::default();
    let is_generation = |name: &&String| name.parse::<GenerationId>().is_ok();
    let folders = place.list(&vault)?.folders;
    if folders.iter().filter(is_generation).count() > GENERATIONS {
        return Err(too_many(place, &vault));
    }
    for generation in folders.iter().filter(is_generation) {
        observer::check(observer)?;
        let mut listed = Found::default();
        listed.folder(place, &format!("{vault}/{generation}/manifests"), pinned)?;
        let is_manifest = |name: &ObjectName| matches!(name, ObjectName::Manifest { side: Side::Main, .. });
        let names: Vec<ObjectName> = listed.listing.into_keys().filter(is_manifest).collect();
        found.read_ends(place, &names, pinned)?;
    }
    Ok(found.main)
}

/// The generation that another came from, as its keyring's manifests tell: of a generation that is past, a spool has no others.
pub(crate) fn parent_by_keyring(
    place: &dyn Source,
    generation: GenerationId,
    pinned: &Pinned,
) -> Result<Option<GenerationId>, SourceError> {
    let mut found = Found::default();
    let vault = Side::Keyring.vault_folder(&pinned.scope);
    found.folder(place, &format!("{vault}/{generation}/manifests"), pinned)?;
    if let Some(newest) = found.manifests(Side::Keyring).last() {
        found.read_manifest(place, *newest, pinned)?;
    }
    Ok(found.keyring.generation(generation).and_then(Generation::parent).map(|parent| parent.generation))
}

/// What is in a place, and what its manifests say of it.
#[derive(Debug, Clone)]
pub(crate) struct Surveyed {
    pub(crate) listing: Listing,
    /// How many manifests were read, and their bytes.
    pub(crate) manifests: u64,
    pub(crate) manifest_bytes: u64,
    pub(crate) survey: Survey,
}

#[derive(Default)]
struct Found {
    listing: Listing,
    main: History<MainManifest>,
    keyring: History<KeyringManifest>,
    /// How many manifests were read, and their bytes.
    read: (u64, u64),
    unreadable: Vec<Fault>,
    unknown: Vec<Notice>,
    /// For all of it.
    allowance: Allowance,
}

impl Found {
    /// Lists a side.
    fn side(
        &mut self,
        place: &dyn Source,
        side: Side,
        pinned: &Pinned,
        observer: &dyn Observer,
    ) -> Result<(), SourceError> {
        let folder = side.vault_folder(&pinned.scope);
        let contents = self.list(place, &folder)?;
        self.unknown.extend(contents.objects.iter().map(|(name, _)| unknown(&folder, name)));
        let mut generations = 0;
        for name in &contents.folders {
            observer::check(observer)?;
            let below = format!("{folder}/{name}");
            match name.as_str() {
                // Inventories are held against them a folder at a time, by whoever needs to.
                "documents" if side == Side::Main => {}
                "pieces" | "inventories" | "keys" | "recovery" if side == Side::Main => {
                    self.folder(place, &below, pinned)?;
                }
                _ if name.parse::<GenerationId>().is_ok() => {
                    generations += 1;
                    if generations > GENERATIONS {
                        return Err(too_many(place, &folder));
                    }
                    self.generation(place, &below, pinned)?;
                }
                _ => self.unknown.push(unknown(&folder, name)),
            }
        }
        Ok(())
    }

    /// Reads the manifests of a side that were listed.
    fn read_manifests(
        &mut self,
        place: &dyn Source,
        side: Side,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<(), SourceError> {
        let ours = self.manifests(side);
        self.prepare(place, &ours, pinned, observer)?;
        for name in ours {
            observer::check(observer)?;
            self.read_manifest(place, name, pinned)?;
        }
        Ok(())
    }

    /// Reads the newest and the oldest sound manifest of each generation of the main side.
    fn read_all_ends(
        &mut self,
        place: &dyn Source,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<(), SourceError> {
        let mut generations: BTreeMap<GenerationId, Vec<ObjectName>> = BTreeMap::new();
        for name in self.manifests(Side::Main) {
            if let ObjectName::Manifest { generation, .. } = name {
                generations.entry(generation).or_default().push(name);
            }
        }
        let ends = generations.values().flat_map(|names| names.first().into_iter().chain(names.last()));
        self.prepare(place, &ends.copied().collect::<Vec<_>>(), pinned, observer)?;
        for names in generations.values() {
            observer::check(observer)?;
            self.read_ends(place, names, pinned)?;
        }
        Ok(())
    }

    /// Of the manifests of a generation, oldest first, reads from either end up to the first that is sound.
    fn read_ends(&mut self, place: &dyn Source, names: &[ObjectName], pinned: &Pinned) -> Result<(), SourceError> {
        if let Some(newest) = self.read_to_sound(place, names.iter().rev(), pinned)? {
            self.read_to_sound(place, names.iter().take_while(|name| **name != newest), pinned)?;
        }
        Ok(())
    }

    fn prepare(
        &self,
        place: &dyn Source,
        manifests: &[ObjectName],
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<(), SourceError> {
        let short = manifests.iter().filter(|name| !self.is_too_long(name)).map(|name| name.path(&pinned.scope));
        place.prepare(&short.collect::<Vec<_>>(), observer)
    }

    /// Lists a folder, if that can be kept beside what was found before.
    fn list(&mut self, place: &dyn Source, folder: &str) -> Result<Contents, SourceError> {
        let contents = place.list(folder)?;
        let mut names = contents.objects.iter().map(|(name, _)| name).chain(&contents.folders);
        // What nobody knows is told by its path.
        let fits = names.all(|name| self.allowance.bytes(FOUND.max(2 * name.len() as u64)));
        if fits { Ok(contents) } else { Err(too_many(place, folder)) }
    }

    fn generation(&mut self, place: &dyn Source, folder: &str, pinned: &Pinned) -> Result<(), SourceError> {
        let contents = self.list(place, folder)?;
        self.unknown.extend(contents.objects.iter().map(|(name, _)| unknown(folder, name)));
        for name in &contents.folders {
            if name == "manifests" || Chain::ALL.iter().any(|chain| chain.folder() == name) {
                self.folder(place, &format!("{folder}/{name}"), pinned)?;
            } else {
                self.unknown.push(unknown(folder, name));
            }
        }
        Ok(())
    }

    fn folder(&mut self, place: &dyn Source, folder: &str, pinned: &Pinned) -> Result<(), SourceError> {
        let contents = self.list(place, folder)?;
        self.unknown.extend(contents.folders.iter().map(|name| unknown(folder, name)));
        for (name, size) in contents.objects {
            match ObjectName::parse(&format!("{folder}/{name}"), &pinned.scope) {
                Ok(name) => drop(self.listing.insert(name, size)),
                Err(NameError::Unknown { path } | NameError::OtherVault { path, .. }) => {
                    self.unknown.push(Notice::Unknown { path });
                }
            }
        }
        Ok(())
    }

    fn manifests(&self, side: Side) -> Vec<ObjectName> {
        let is_ours = |name: &&ObjectName| matches!(name, ObjectName::Manifest { side: s, .. } if *s == side);
        self.listing.keys().filter(is_ours).copied().collect()
    }

    /// Whether it is listed with more bytes than a manifest has: it is none, and not fetched.
    fn is_too_long(&self, name: &ObjectName) -> bool {
        self.listing.get(name).is_some_and(|size| *size > LONGEST_MANIFEST)
    }

    fn read_manifest(&mut self, place: &dyn Source, name: ObjectName, pinned: &Pinned) -> Result<(), SourceError> {
        let object = name.path(&pinned.scope);
        let too_long = self.is_too_long(&name);
        let read = if too_long { Ok(Vec::new()) } else { read_small(place, &object, LONGEST_MANIFEST)? };
        if read.as_ref().is_ok_and(|bytes| !self.allowance.bytes(bytes.len() as u64)) {
            return Err(too_many(place, object.rsplit_once('/').map_or("", |(folder, _)| folder)));
        }
        let bytes = read.unwrap_or_else(|cause| {
            self.unreadable.push(Fault::Unreadable { object, cause });
            // Seen, and not sound.
            Vec::new()
        });
        self.read = (self.read.0 + 1, self.read.1 + bytes.len() as u64);
        self.main.take(&name, &bytes, pinned);
        self.keyring.take(&name, &bytes, pinned);
        Ok(())
    }

    /// Reads manifests of the main side up to the first that is sound; gives that.
    fn read_to_sound<'n>(
        &mut self,
        place: &dyn Source,
        names: impl Iterator<Item = &'n ObjectName>,
        pinned: &Pinned,
    ) -> Result<Option<ObjectName>, SourceError> {
        for name in names {
            self.read_manifest(place, *name, pinned)?;
            let ObjectName::Manifest { generation, number, .. } = *name else { continue };
            if self.main.generation(generation).is_some_and(|read| read.manifest(number).is_some()) {
                return Ok(Some(*name));
            }
        }
        Ok(None)
    }
}

fn too_many(place: &dyn Source, folder: &str) -> SourceError {
    SourceError::TooMany { place: place.label(), folder: folder.to_owned() }
}

fn unknown(folder: &str, name: &str) -> Notice {
    Notice::Unknown { path: format!("{folder}/{name}") }
}

/// The bytes of a small object, or why it cannot be read although its place can. An error where the place itself has got
/// out of reach: what is not known of an object then must not pass for its loss or another's work.
pub(crate) fn read_small(place: &dyn Source, path: &str, longest: u64) -> Result<Result<Vec<u8>, String>, SourceError> {
    match read_whole(place, path, longest) {
        Err(_) if is_there(place, path)? => {
            // Perhaps it was the connection alone, and there is another one by now.
            let again = read_whole(place, path, longest);
            if again.is_err() {
                is_there(place, path)?;
            }
            Ok(again)
        }
        read => Ok(read),
    }
}

/// Whether an object that could not be read is there all the same; an error where its place is out of reach.
pub(crate) fn is_there(place: &dyn Source, path: &str) -> Result<bool, SourceError> {
    match place.size(path) {
        Err(
            error @ (SourceError::Unreachable { .. }
            | SourceError::Absent { .. }
            // It lets us in no more, as where a key was revoked meanwhile.
            | SourceError::Refused { .. }
            | SourceError::Cancelled(_)),
        ) => Err(error),
        found => Ok(found.is_ok_and(|size| size.is_some())),
    }
}

/// The bytes of a small object, cut where it is longer than expected.
fn read_whole(place: &dyn Source, path: &str, longest: u64) -> Result<Vec<u8>, String> {
    let reader = place.open(path, None).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    reader.take(longest).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
