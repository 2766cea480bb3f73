//! Copying a base backup, of database files that stand still (`standing`). Order, each durable before the next: keyring,
//! its manifest, documents, keys, vault and audit, inventory, the main manifest.
//!
//! A manifest is what makes a backup: objects that a crash leaves without one are overwritten, or found, by the
//! next capture.

use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use coffre_core::spool::{
    Base, Blob, Chain, ContentHash, Documents, Heading, InventoryEntry, KeyringChains, KeyringManifest, Link,
    MainChains, MainManifest, Manifest, ObjectName, Place, Reach, Side, Signed,
};

use super::copies::copy_missing;
use super::ends::{End, Ends, beyond, next_places};
use super::landmark::Landmark;
use super::links::Links;
use super::retention::{self, Keeping};
use super::spool::Spool;
use super::standing::{Frozen, Hold, Listing, Pages, freeze};
use super::{CaptureError, Captured, Door, ancestors, copy, inventory, pieces};
use crate::error::{Unavailable, disk_is_full};
use crate::key_files::RightKeyFiles;
use crate::layout::Database;

/// How often a base backup begins again at once because a document that it lists was erased before it was copied.
const ERASED_MEANWHILE: u32 = 3;

/// What stays once another base backup is taken. An error if the spool is full and has to keep everything: another one
/// would make no room, and the chains are still whole.
pub(super) fn room_for_base(
    door: &Door,
    spool: &Spool,
    links: &Links,
    keep: NonZeroU64,
) -> Result<Keeping, CaptureError> {
    let last = links.last::<MainManifest>(spool, door.generation)?.map(|last| last.manifest);
    let keeping = Keeping::now(door, spool, last.as_ref(), keep)?;
    let Some(heading) = last.as_ref().map(Manifest::heading) else { return Ok(keeping) };
    let (number, before) = (heading.number.next(), heading.retained_from);
    if keeping.is_stuck(number, before) {
        return Err(spool.has_room().err().unwrap_or(CaptureError::SpoolFull));
    }
    let unconfirmed = keeping.unconfirmed(number, before);
    if unconfirmed > 0 {
        tracing::error!(unconfirmed, "the spool is full: base backups go that a destination has not confirmed");
    }
    Ok(keeping)
}

/// Takes a base backup that stands in the chains; says where they end with it. Checkpoints wait for whoever captures what came
/// meanwhile.
pub(super) fn take_base(
    door: &Door,
    spool: &Spool,
    links: &Links,
    keeping: Keeping,
    software: &str,
) -> Result<(Captured, Ends, Hold), CaptureError> {
    let mut tries = 0;
    loop {
        let taken = try_take_base(door, spool, links, keeping, software);
        match taken {
            // What was copied stays: the next try soon comes to its end.
            Err(error) if error.is_of_something_gone() && tries < ERASED_MEANWHILE => tries += 1,
            taken => return taken.map_err(CaptureError::naming_a_full_disk),
        }
    }
}

fn try_take_base(
    door: &Door,
    spool: &Spool,
    links: &Links,
    keeping: Keeping,
    software: &str,
) -> Result<(Captured, Ends, Hold), CaptureError> {
    let hold = Hold::for_base(&door.shared)?;
    let key_files = door.shared.right_key_files()?;
    let listing = Listing::open(&door.shared)?;
    let (frozen, listing) = door.exclusively(move |shared, files, tail| {
        shared.watch.patience.check()?;
        freeze(shared, files, tail, listing).map_err(CaptureError::Database)
    })??;
    let inventory = listing.documents()?;
    let afresh = door.shared.afresh.load(Ordering::SeqCst);
    if afresh {
        tracing::warn!("the spool was said to be lost: the chains go on further on, and promise nothing older");
        spool.begin_anew().map_err(CaptureError::Spool)?;
    }
    let (frozen, inventory, key_files) = (&frozen, inventory.as_slice(), &key_files);
    let (beside, thorough) = (None, true);
    let making =
        Making { door, spool, links, frozen, inventory, beside, key_files, keeping, afresh, thorough, software };
    let (captured, ends) = making.all()?;
    if afresh {
        // Not before: all documents are copied again, and whatever fails of that is to be tried again afresh.
        door.shared.afresh.store(false, Ordering::SeqCst);
    }
    let (generation, last) = (door.generation, ends.last());
    door.exclusively(move |shared, _, _| {
        shared.watch.patience.check()?;
        // From here on the database files are known to be in the spool. No checkpoint came in between.
        Landmark::write(&shared.layout, generation, last).map_err(CaptureError::Read)
    })??;
    Ok((captured, ends, hold))
}

/// A base backup being made.
pub(super) struct Making<'c> {
    pub(super) door: &'c Door,
    pub(super) spool: &'c Spool,
    pub(super) links: &'c Links,
    pub(super) frozen: &'c Frozen,
    /// All documents then.
    pub(super) inventory: &'c [InventoryEntry],
    /// Where the chains ended when the files stood still, if the base stands beside them.
    pub(super) beside: Option<&'c Ends>,
    pub(super) key_files: &'c RightKeyFiles,
    pub(super) keeping: Keeping,
    /// Whether the spool was lost.
    pub(super) afresh: bool,
    /// Whether all of the log is read, and not just what changed since it last was.
    pub(super) thorough: bool,
    pub(super) software: &'c str,
}

impl Making<'_> {
    pub(super) fn all(&self) -> Result<(Captured, Ends), CaptureError> {
        let generation = self.door.generation;
        let main: Option<Signed<MainManifest>> = self.links.last(self.spool, generation)?;
        let keyring: Option<Signed<KeyringManifest>> = self.links.last(self.spool, generation)?;
        let chains = main.as_ref().map(|last| &last.manifest.chains);
        let reaches = [
            (Chain::Keyring, keyring.as_ref().map(|last| &last.manifest.chains.keyring)),
            (Chain::Vault, chains.map(|chains| &chains.vault)),
            (Chain::Audit, chains.map(|chains| &chains.audit)),
        ];
        retention::drop_unnamed(self.spool, generation, reaches)?;
        let [at_keyring, at_vault, at_audit] = match self.beside {
            // After the segment that is there, at its own position.
            Some(ends) => ends.last().map(|last| Place { position: last.position, previous: Some(last.sha256) }),
            None if self.afresh => beyond(reaches),
            None => next_places(self.spool, generation, reaches)?,
        };
        let keyring = self.keyring(keyring.as_ref(), at_keyring)?;
        let (captured, chains) = self.main(main.as_ref(), keyring.last, at_vault, at_audit)?;
        let ends = Ends {
            keyring: End::of(&keyring),
            vault: End::of(&chains.vault),
            audit: End::of(&chains.audit),
            base: captured.time,
            number: captured.number,
            newest: captured.time,
        };
        Ok((captured, ends))
    }

    /// A base, and what the next segment continues.
    fn reach(&self, base: Base) -> Reach {
        match (self.beside, base.previous) {
            (Some(_), Some(sha256)) => Reach { last: Link { position: base.position, sha256 }, base },
            _ => Reach::of(base),
        }
    }

    /// The heading of the manifest after the last one, or of a generation's first. While nothing may be dropped it promises
    /// all that the one before did.
    fn heading<M: Manifest>(&self, last: Option<&Signed<M>>, suspended: bool) -> Result<Heading, CaptureError> {
        let software = self.software;
        let now = match M::SIDE {
            Side::Main => self.frozen.time,
            Side::Keyring => self.frozen.rebuilt,
        };
        let mut heading = if let Some(last) = last {
            Heading::after(last, now, software)
        } else {
            let parent = self.links.parent::<M>()?;
            Heading::first::<M>(&self.door.shared.scope, self.door.generation, parent, now, software)
        };
        let (number, before) = (heading.number, heading.retained_from);
        heading.retained_from = match M::SIDE {
            // Nobody can be promised what is lost.
            _ if self.afresh => number,
            Side::Main if suspended => before,
            Side::Main => self.keeping.main_from(number, before),
            Side::Keyring => self.keeping.keyring_from(number, before),
        };
        Ok(heading)
    }

    fn publish<M: Manifest>(&self, manifest: &M) -> Result<(), CaptureError> {
        self.links.publish(self.spool, manifest, &self.door.shared.signer)
    }

    fn keyring(&self, last: Option<&Signed<KeyringManifest>>, place: Place) -> Result<Reach, CaptureError> {
        let keyring = self.reach(self.database(Database::Keyring, Chain::Keyring, place, self.frozen.keyring)?);
        // A snapshot has no keyring: it waits for none.
        let heading = self.heading(last, false)?;
        let manifest = KeyringManifest { heading, chains: KeyringChains { keyring: keyring.clone() } };
        self.publish(&manifest)?;
        retention::drop_old(self.spool, self.links, &manifest);
        Ok(keyring)
    }

    fn main(
        &self,
        last: Option<&Signed<MainManifest>>,
        keyring: Link,
        at_vault: Place,
        at_audit: Place,
    ) -> Result<(Captured, MainChains), CaptureError> {
        let (new_documents, new_document_bytes) = self.documents()?;
        let keys = self.put(&self.key_files.keys, ObjectName::Keys)?;
        let recovery = self.put(&self.key_files.recovery, ObjectName::Recovery)?;
        let vault = self.database(Database::Vault, Chain::Vault, at_vault, self.frozen.vault)?;
        let audit = self.log(at_audit, self.frozen.audit).inspect_err(|error| self.give_back(error))?;
        let database_bytes = vault.size + audit.size;
        // Whoever begins to read the spool from here on waits until what goes has gone.
        let dropping = self.door.shared.suspension.dropping();
        let suspended = dropping.is_suspended(Instant::now()) && !self.keeping.full;
        let manifest = MainManifest {
            heading: self.heading(last, suspended)?,
            chains: MainChains { vault: self.reach(vault), audit: self.reach(audit) },
            keyring,
            documents: self.inventory()?,
            keys,
            recovery,
            audit_head: self.frozen.head.clone(),
        };
        self.publish(&manifest)?;
        if !suspended {
            retention::drop_old(self.spool, self.links, &manifest);
            ancestors::drop_past(self.spool, self.links, &self.keeping, &manifest);
            pieces::drop_unnamed(self.spool, self.links);
        }
        drop(dropping);
        let captured = Captured {
            number: manifest.heading.number.get(),
            time: manifest.heading.time,
            database_bytes,
            new_documents,
            new_document_bytes,
            entries: self.frozen.entries,
        };
        Ok((captured, manifest.chains))
    }

    /// What a base of the log that came to nothing leaves would fill the spool, try by try. One that was broken off for sealing
    /// is gone on with at the next start.
    fn give_back(&self, error: &CaptureError) {
        if self.door.shared.watch.is_abandoned() {
            return;
        }
        let dropping = self.door.shared.suspension.dropping();
        if !dropping.is_suspended(Instant::now()) || self.keeping.full || disk_is_full(error) {
            pieces::drop_unnamed(self.spool, self.links);
        }
    }

    /// Copies a database file as it stood still.
    fn database(&self, database: Database, chain: Chain, place: Place, pages: Pages) -> Result<Base, CaptureError> {
        let name = ObjectName::Base { generation: self.door.generation, chain, position: place.position };
        let size = pages.bytes();
        let sha256 = self.reading(database, 0..size, |source| self.spool.copy_in(&name, source, size))?;
        let Place { position, previous } = place;
        Ok(Base { position, size, page_size: pages.size, page_count: pages.count, sha256, previous, pieces: None })
    }

    /// Does something with pages of a database file as it stood still, through the descriptor that is never closed.
    pub(super) fn reading<T>(
        &self,
        database: Database,
        range: Range<u64>,
        act: impl FnOnce(&mut copy::Positioned<'_>) -> Result<T, CaptureError>,
    ) -> Result<T, CaptureError> {
        let shared = &self.door.shared;
        let absent = || CaptureError::Read(io::ErrorKind::NotFound.into());
        let file = shared.descriptors.of(database).ok_or_else(absent)?;
        let kept = shared.pages.of(database).ok_or_else(absent)?;
        let mut source = copy::Positioned::new(file, range, &shared.watch, kept);
        let done = act(&mut source);
        // If it is, neither what was read nor what is said to be wrong with it counts.
        shared.watch.patience.check()?;
        if let Some(page) = source.wrong() {
            return Err(CaptureError::Page { file: database.file_name(), page });
        }
        done.map_err(|error| self.unless_broken_off(error))
    }

    /// Copies the documents that the spool lacks; each is checked against its row on the way.
    fn documents(&self) -> Result<(u64, u64), CaptureError> {
        let shared = &self.door.shared;
        let is_broken_off = || shared.watch.is_abandoned() || shared.watch.patience.is_given_up();
        let copied = copy_missing(self.spool, &shared.folder, self.inventory, is_broken_off);
        copied.map_err(|error| self.unless_broken_off(error))
    }

    /// What a copy that was broken off for sealing, or given up, failed of.
    fn unless_broken_off(&self, error: CaptureError) -> CaptureError {
        let watch = &self.door.shared.watch;
        if watch.is_abandoned() { Unavailable::Stopping.into() } else { watch.patience.check().err().unwrap_or(error) }
    }

    fn put(&self, bytes: &[u8], name: impl Fn(ContentHash) -> ObjectName) -> Result<Blob, CaptureError> {
        let sha256 = ContentHash::of(bytes);
        self.spool.put(&name(sha256), bytes).map_err(CaptureError::Spool)?;
        Ok(Blob { sha256, size: bytes.len() as u64 })
    }

    fn inventory(&self) -> Result<Documents, CaptureError> {
        let entries = self.inventory;
        let (count, bytes) = (entries.len() as u64, entries.iter().map(|entry| entry.size).sum());
        Ok(Documents { inventory: inventory::put(self.spool, entries)?, count, bytes })
    }
}
