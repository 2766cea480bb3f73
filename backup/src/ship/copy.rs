//! The copying itself: which object after which, and what is looked at before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use coffre_core::crypto::Scope;
use coffre_core::spool::{
    ContentHash, DocumentName, Fault, InventoryEntry, MainManifest, Manifest, Needed, ObjectName, Pinned, Side, Signed,
};

use super::reconcile::Pending;
use super::segments::ORDER;
use super::{Compare, ShipError};
use crate::content::{self, Checked, ContentError, Expected, Meter};
use crate::destination::{Destination, PutError, Source, SourceError};
use crate::inventory::{self, InventoryFailure};
use crate::observer::{Observer, Stage};
use crate::sources::{LONGEST_MANIFEST, Surveyed, read_small};

/// Bytes to copy as far as manifests tell. Documents that an earlier point brought are counted out
/// as they are found.
fn expected_bytes(pending: &Pending, theirs: &Surveyed) -> u64 {
    let lacks = |needed: &Needed| !theirs.listing.contains_key(&needed.name);
    let main = pending.main.iter().flat_map(|signed| signed.manifest.needed());
    let keyring = pending.keyring.iter().flat_map(|signed| signed.manifest.needed());
    let unique: BTreeMap<ObjectName, u64> = main.chain(keyring).filter(lacks).map(|n| (n.name, n.size)).collect();
    unique.values().sum()
}

/// How many documents, or bytes of them, are made durable together.
const CROWD: u64 = 512;
const CROWD_BYTES: u64 = 128 << 20;

/// A shipment under way, and what it has done so far.
pub(super) struct Shipment<'a> {
    pub(super) spool: &'a dyn Source,
    pub(super) destination: &'a dyn Destination,
    pub(super) pinned: &'a Pinned,
    scope: &'a Scope,
    compare: Compare,
    pub(super) meter: Meter<'a>,
    /// The pieces that the destination had, once they were asked for, and those that were looked at since.
    pieces: Option<BTreeMap<ContentHash, u64>>,
    looked_at: BTreeSet<ContentHash>,
    /// Segments that this shipment copied.
    pub(super) sent: BTreeSet<ObjectName>,
    /// Objects and bytes that wait to be made durable.
    queued: (u64, u64),
    /// Whether nobody else sends to the destination: what others queue is not this shipment's to wait for.
    alone: bool,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) present: u64,
}

impl<'a> Shipment<'a> {
    pub(super) fn new(
        spool: &'a dyn Source,
        destination: &'a dyn Destination,
        pinned: &'a Pinned,
        compare: Compare,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let meter = Meter::new(observer, Stage::Copying, 0);
        Self {
            spool,
            destination,
            pinned,
            scope: &pinned.scope,
            compare,
            meter,
            pieces: None,
            looked_at: BTreeSet::new(),
            sent: BTreeSet::new(),
            queued: (0, 0),
            alone: true,
            objects: 0,
            bytes: 0,
            present: 0,
        }
    }

    /// Others send to the destination meanwhile.
    pub(super) fn beside_others(self) -> Self {
        Self { alone: false, ..self }
    }

    pub(super) fn compares_hashes(&self) -> bool {
        self.compare == Compare::Hashes
    }

    pub(super) fn run(&mut self, pending: &Pending, ours: &Surveyed, theirs: &Surveyed) -> Result<(), ShipError> {
        self.meter.expect_more(expected_bytes(pending, theirs));
        if let Some(generation) = pending.goes_on.filter(|_| !self.compares_hashes()) {
            // What continues the chains that are there waits for no base.
            for chain in ORDER {
                self.segments((ours, theirs), (generation, chain), None)?;
            }
        }
        for signed in &pending.main {
            let documents = self.documents(&signed.manifest, theirs);
            // Those that were copied stay, even if this is where it ends.
            let flushed = self.flush();
            documents.and(flushed)?;
            for needed in signed.manifest.blobs() {
                self.object(&needed)?;
            }
            // Durable: what the point shares with others. No manifest names it yet.
        }
        for signed in &pending.keyring {
            self.segments_before(ours, theirs, &signed.manifest)?;
            self.needed(&signed.manifest)?;
            self.note(signed.manifest.name(), signed.sha256, ours)?;
            // Durable: a keyring that opens all points up to the next one.
        }
        // The newest first: each is outgrown there, too, when it comes.
        for signed in pending.outgrown.iter().rev() {
            self.note(signed.manifest.name(), signed.sha256, ours)?;
        }
        for signed in &pending.main {
            self.segments_before(ours, theirs, &signed.manifest)?;
            self.needed(&signed.manifest)?;
            self.note(signed.manifest.name(), signed.sha256, ours)?;
            // Durable: the point, whole.
        }
        self.remaining_segments(ours, theirs)
    }

    /// Copies the documents of a point. A destination that holds the inventory in a manifest holds
    /// its documents too.
    fn documents(&mut self, manifest: &MainManifest, theirs: &Surveyed) -> Result<(), ShipError> {
        let holds = |there: &Signed<MainManifest>| there.manifest.documents.inventory == manifest.documents.inventory;
        let mut there = theirs.survey.main.generations().flat_map(|(_, generation)| generation.retained());
        if self.compare == Compare::Sizes && there.any(holds) {
            return Ok(());
        }
        self.each_document(manifest)
    }

    pub(super) fn each_document(&mut self, manifest: &MainManifest) -> Result<(), ShipError> {
        let mut shard = Shard::default();
        let (spool, scope) = (self.spool, self.scope);
        let each = |entry: InventoryEntry| self.document(&entry, &mut shard);
        inventory::read(spool, manifest, scope, each).map_err(|failure| match failure {
            InventoryFailure::Fault(fault) => ShipError::SpoolFault { fault },
            InventoryFailure::Source(error) => ShipError::Spool(error),
            InventoryFailure::Each(error) => error,
        })
    }

    pub(super) fn document(&mut self, entry: &InventoryEntry, shard: &mut Shard) -> Result<(), ShipError> {
        let needed = Needed { name: ObjectName::Document(entry.name), size: entry.size, sha256: entry.sha256 };
        shard.enter(&entry.name, self.destination, self.scope)?;
        let there = shard.documents.get(&entry.name).copied();
        if there.is_none() {
            self.meter.expect_more(entry.size);
        }
        self.object_that_is(&needed, there)
    }

    /// Copies what a manifest needs beside documents.
    pub(super) fn needed(&mut self, manifest: &impl Manifest) -> Result<(), ShipError> {
        manifest.needed().iter().try_for_each(|needed| self.object(needed))
    }

    fn object(&mut self, needed: &Needed) -> Result<(), ShipError> {
        let there = match needed.name {
            // Bases have most of them in common.
            ObjectName::Piece(sha256) if !self.looked_at.insert(sha256) => return Ok(()),
            ObjectName::Piece(sha256) => self.pieces()?.get(&sha256).copied(),
            _ => self.destination.size(&needed.name.path(self.scope)).map_err(ShipError::Destination)?,
        };
        self.object_that_is(needed, there)
    }

    /// Of pieces there are many, so they are not asked for one by one.
    fn pieces(&mut self) -> Result<&BTreeMap<ContentHash, u64>, ShipError> {
        if self.pieces.is_none() {
            let folder = format!("{}/pieces", Side::Main.vault_folder(self.scope));
            let listed = self.destination.list(&folder).map_err(ShipError::Destination)?;
            let piece = |(name, size): (String, u64)| match ObjectName::parse(&format!("{folder}/{name}"), self.scope) {
                Ok(ObjectName::Piece(sha256)) => Some((sha256, size)),
                _ => None,
            };
            self.pieces = Some(listed.objects.into_iter().filter_map(piece).collect());
        }
        Ok(self.pieces.get_or_insert_default())
    }

    /// Copies an object unless it is there, with this size.
    fn object_that_is(&mut self, needed: &Needed, there: Option<u64>) -> Result<(), ShipError> {
        let object = needed.name.path(self.scope);
        let expected = Expected::from(needed);
        match there {
            None => self.copy(needed),
            Some(found) if found != needed.size => {
                Err(self.damaged(Fault::WrongSize { object, expected: needed.size, found }))
            }
            Some(_) if self.compare == Compare::Hashes => self.compare_hash(&object, expected),
            Some(_) => {
                self.present += 1;
                Ok(self.meter.add(0)?)
            }
        }
    }

    fn compare_hash(&mut self, object: &str, expected: Expected) -> Result<(), ShipError> {
        let file = self.destination.open(object, None).map_err(ShipError::Destination)?;
        self.meter.expect_more(expected.size);
        match content::check(file, expected, &mut self.meter) {
            Ok(()) => {
                self.present += 1;
                Ok(())
            }
            Err(error) => Err(match ContentError::within(&error) {
                Some(ContentError::Cancelled(cancelled)) => cancelled.into(),
                _ => self.damaged(inventory::fault_of(&error, object)),
            }),
        }
    }

    /// Copies an object that is not there. One that is there all the same is not replaced.
    pub(super) fn copy(&mut self, needed: &Needed) -> Result<(), ShipError> {
        let (name, object) = (&needed.name, needed.name.path(self.scope));
        if self.destination.largest().is_some_and(|most| needed.size > most) {
            // Better told at once than after hours of sending.
            return Err(ShipError::Put(PutError::TooLarge { place: self.destination.label(), path: object }));
        }
        self.settle(name, &object)?;
        let (alone, destination) = (self.alone, self.destination);
        let mut content = self.content(needed)?;
        let written = match name {
            // There are many of them and they are small: one flush for a crowd.
            ObjectName::Document(_) if alone => destination.enqueue(&object, &mut content),
            _ => destination.put(&object, &mut content),
        };
        drop(content);
        let written = match written {
            // As after a shipment that was cut off, or when an answer was lost.
            Err(PutError::Exists { path, .. }) if path == object && self.holds(needed, &object)? => return Ok(()),
            written => written.map_err(|error| of_put(error, &object))?,
        };
        self.objects += 1;
        self.bytes += written;
        if alone && matches!(name, ObjectName::Document(_)) {
            let (objects, bytes) = (self.queued.0 + 1, self.queued.1 + written);
            self.queued = (objects, bytes);
            if objects >= CROWD || bytes >= CROWD_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Whether an object is there that was not before, with the content that it must have.
    fn holds(&mut self, needed: &Needed, object: &str) -> Result<bool, ShipError> {
        match self.compare_hash(object, Expected::from(needed)) {
            Ok(()) => Ok(true),
            Err(ShipError::Damaged { fault: Fault::WrongSize { .. } | Fault::WrongHash { .. }, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What the spool has of an object, hashed on its way: what is not as it was signed never becomes an object there.
    fn content(&mut self, needed: &Needed) -> Result<Checked<'a, '_, 'a>, ShipError> {
        let object = needed.name.path(self.scope);
        let file = self.spool.open(&object, None).map_err(|error| match error {
            SourceError::NotFound { .. } => ShipError::SpoolFault {
                fault: Fault::Missing { object, needed_by: "a manifest in the spool".to_owned() },
            },
            error => ShipError::Spool(error),
        })?;
        Ok(Checked::new(file, Expected::from(needed), &mut self.meter))
    }

    /// The path of an object, and its bytes as they were signed.
    pub(super) fn whole(&mut self, needed: &Needed) -> Result<(String, Vec<u8>), ShipError> {
        let (object, mut bytes) = (needed.name.path(self.scope), Vec::new());
        match self.content(needed)?.read_to_end(&mut bytes) {
            Ok(_) => Ok((object, bytes)),
            Err(source) => Err(of_put(PutError::Content { path: object.clone(), source }, &object)),
        }
    }

    /// What is in the spool can be seen a moment before it is durable there. A segment or manifest that was passed on and
    /// then lost with the power would be made anew, and be another: a fork. What is named by its content cannot be another.
    pub(super) fn settle(&self, name: &ObjectName, object: &str) -> Result<(), ShipError> {
        let chained =
            matches!(name, ObjectName::Base { .. } | ObjectName::Segment { .. } | ObjectName::Manifest { .. });
        match object.rsplit_once('/') {
            Some((folder, _)) if chained => self.spool.settle(folder).map_err(ShipError::Spool),
            _ => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), ShipError> {
        self.queued = (0, 0);
        self.destination.flush().map_err(ShipError::Put)
    }

    /// Copies a manifest, byte for byte as it was read and verified.
    pub(super) fn note(&mut self, name: ObjectName, sha256: ContentHash, ours: &Surveyed) -> Result<(), ShipError> {
        let object = name.path(self.scope);
        if self.has_note(&object, sha256)? {
            self.present += 1;
            return Ok(());
        }
        let Some(size) = ours.listing.get(&name).copied() else { return Err(ShipError::Empty) };
        self.settle(&name, &object)?;
        self.meter.expect_more(size);
        let (_, bytes) = self.whole(&Needed { name, size, sha256 })?;
        match self.destination.put(&object, &mut bytes.as_slice()) {
            // Its answer was lost, and it is there.
            Err(PutError::Exists { .. }) if self.has_note(&object, sha256)? => self.present += 1,
            written => {
                self.bytes += written.map_err(|error| of_put(error, &object))?;
                self.objects += 1;
            }
        }
        Ok(())
    }

    /// Whether a manifest is there. Another one under its name is by a second vault.
    fn has_note(&self, object: &str, sha256: ContentHash) -> Result<bool, ShipError> {
        if self.destination.size(object).map_err(ShipError::Destination)?.is_none() {
            return Ok(false);
        }
        let there = read_small(self.destination, object, LONGEST_MANIFEST).map_err(ShipError::Destination)?;
        let there = there.map_err(|cause| self.damaged(Fault::Unreadable { object: object.to_owned(), cause }))?;
        if ContentHash::of(&there) == sha256 {
            return Ok(true);
        }
        let fault = Fault::Fork { object: object.to_owned(), what: "the spool has another manifest there" };
        Err(ShipError::Refused { destination: self.destination.label(), fault })
    }

    pub(super) fn damaged(&self, fault: Fault) -> ShipError {
        ShipError::Damaged { destination: self.destination.label(), fault }
    }
}

fn of_put(error: PutError, object: &str) -> ShipError {
    match error {
        PutError::Content { source, .. } => match ContentError::within(&source) {
            Some(ContentError::Cancelled(cancelled)) => cancelled.into(),
            _ => ShipError::SpoolFault { fault: inventory::fault_of(&source, object) },
        },
        error => ShipError::Put(error),
    }
}

/// The documents of one folder on the destination. Inventories are in the order of these folders, so
/// each is listed once.
#[derive(Default)]
pub(super) struct Shard {
    name: String,
    documents: BTreeMap<DocumentName, u64>,
}

impl Shard {
    fn enter(&mut self, document: &DocumentName, place: &dyn Destination, scope: &Scope) -> Result<(), ShipError> {
        let shard = document.shard();
        if self.name != shard {
            let folder = format!("{}/documents/{shard}", Side::Main.vault_folder(scope));
            let contents = place.list(&folder).map_err(ShipError::Destination)?;
            let parse = |(name, size): (String, u64)| Some((name.parse().ok()?, size));
            self.documents = contents.objects.into_iter().filter_map(parse).collect();
            self.name = shard;
        }
        Ok(())
    }
}
