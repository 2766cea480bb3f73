//! Where the two sides of a backup are read from: one place, or the main side here and the keyring
//! there. Finds the manifests and lists the objects; judging them is `coffre_core::spool`'s.

use std::io::Read as _;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, Fault, History, Listing, MainManifest, Manifest as _, NameError, Notice, ObjectName, Pinned, Side, Survey,
    open,
};

use crate::destination::{Allowance, Contents, Source, SourceError};
use crate::observer::{self, Observer};

/// A manifest is a few kilobytes, up to some seventy for a long log; whatever is longer than this is none.
pub(crate) const LONGEST_MANIFEST: u64 = 1 << 20;
/// More generations than a vault has: one begins with each restore.
const GENERATIONS: usize = 10_000;
/// What an object that was found takes in memory, and how many times over what was read of a manifest does.
const FOUND: u64 = 64;
const READ: u64 = 3;

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
        let mut found = Found::default();
        for side in self.sides() {
            found.side(self.of(side)?, side, pinned, observer)?;
        }
        let mut survey = Survey::of(&found.listing, &found.notes, pinned);
        survey.faults.splice(..0, found.unreadable);
        survey.notices.splice(..0, found.unknown);
        Ok(Surveyed { listing: found.listing, notes: found.notes, survey })
    }
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
        if let Some(newest) = found.read_to_sound(place, names.iter().rev(), pinned)? {
            found.read_to_sound(place, names.iter().take_while(|name| **name != newest), pinned)?;
        }
    }
    Ok(History::read(&found.notes, pinned, &mut found.unreadable))
}

/// What is in a place, and what its manifests say of it.
#[derive(Debug, Clone)]
pub(crate) struct Surveyed {
    pub(crate) listing: Listing,
    pub(crate) notes: Vec<(ObjectName, Vec<u8>)>,
    pub(crate) survey: Survey,
}

#[derive(Default)]
struct Found {
    listing: Listing,
    notes: Vec<(ObjectName, Vec<u8>)>,
    unreadable: Vec<Fault>,
    unknown: Vec<Notice>,
    /// For all of it.
    allowance: Allowance,
}

impl Found {
    fn side(
        &mut self,
        place: &dyn Source,
        side: Side,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<(), SourceError> {
        let folder = side.vault_folder(&pinned.scope);
        let contents = self.list(place, &folder)?;
        self.unknown.extend(contents.objects.iter().map(|(name, _)| unknown(&folder, name)));
        let mut generations = 0;
        for name in &contents.folders {
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
        let ours = self.manifests(side);
        let short = ours.iter().filter(|name| !self.is_too_long(name)).map(|name| name.path(&pinned.scope));
        place.prepare(&short.collect::<Vec<_>>(), observer)?;
        ours.into_iter().try_for_each(|name| self.read_manifest(place, name, pinned))
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
        if read.as_ref().is_ok_and(|bytes| !self.allowance.bytes(READ * bytes.len() as u64)) {
            return Err(too_many(place, object.rsplit_once('/').map_or("", |(folder, _)| folder)));
        }
        let bytes = read.unwrap_or_else(|cause| {
            self.unreadable.push(Fault::Unreadable { object, cause });
            // Seen, and not sound.
            Vec::new()
        });
        self.notes.push((name, bytes));
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
            let read = self.notes.last().and_then(|(_, bytes)| open::<MainManifest>(bytes, pinned).ok());
            if read.is_some_and(|signed| signed.manifest.name() == *name) {
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
        Err(cause) if !is_there(place, path)? => Ok(Err(cause)),
        // Perhaps it was the connection alone, and there is another one by now.
        Err(_) => Ok(read_whole(place, path, longest)),
        read => Ok(read),
    }
}

/// Whether an object that could not be read is there all the same; an error where its place is out of reach.
pub(crate) fn is_there(place: &dyn Source, path: &str) -> Result<bool, SourceError> {
    match place.size(path) {
        Err(error @ (SourceError::Unreachable { .. } | SourceError::Absent { .. } | SourceError::Cancelled(_))) => {
            Err(error)
        }
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
