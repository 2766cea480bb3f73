//! The base backups of a vault: in its chains or beside them, each with its manifests; and what goes when more are kept than
//! the spool promises.

use std::fs;

use coffre_core::spool::{
    Base, Chain, ContentHash, DocumentName, Documents, Heading, InventoryEntry, KeyringChains, KeyringManifest, Link,
    MainChains, MainManifest, Manifest, Needed, ObjectName, Ordinal, Pieces, Reach, Signed, WalWriter, open, sign,
    write_inventory,
};

use super::Vault;

/// Bytes of a piece of the log.
const PIECE: usize = 3 * 4096;

impl Vault {
    fn base(&mut self, chain: Chain) -> Reach {
        let place = self.place(chain);
        let bytes = format!("{chain} {} {}", self.generation, place.position).repeat(2000).into_bytes();
        let bytes = &bytes[..8 * 4096];
        let pieces = self.put_base(chain, place.position, bytes);
        let sha256 = pieces.as_ref().map_or_else(|| ContentHash::of(bytes), Pieces::together);
        let last = Link { position: place.position, sha256 };
        let salt = u32::try_from(place.position.get()).unwrap();
        self.ends.insert(chain, (last, bytes.to_vec(), WalWriter::new(4096, (salt, 7))));
        Reach::of(Base {
            position: place.position,
            size: bytes.len() as u64,
            page_size: 4096,
            page_count: 8,
            sha256,
            previous: place.previous,
            pieces,
        })
    }

    /// Stores a base: that of the log in pieces.
    fn put_base(&self, chain: Chain, position: Ordinal, bytes: &[u8]) -> Option<Pieces> {
        if chain != Chain::Audit || self.former {
            self.put(ObjectName::Base { generation: self.generation, chain, position }, bytes);
            return None;
        }
        let put = |piece: &[u8]| {
            self.put(ObjectName::Piece(ContentHash::of(piece)), piece);
            ContentHash::of(piece)
        };
        Some(Pieces { size: PIECE as u64, sha256: bytes.chunks(PIECE).map(put).collect() })
    }

    /// The newest base of the log, put together.
    pub(crate) fn log(&self) -> Vec<u8> {
        let objects = self.main.last().unwrap().manifest.chains.audit.base.objects(self.generation, Chain::Audit);
        let read = |object: &Needed| fs::read(self.spool().join(object.name.path(&Self::scope()))).unwrap();
        objects.iter().flat_map(read).collect()
    }

    /// A base of what was committed, beside the chain.
    fn base_beside(&mut self, chain: Chain) -> Reach {
        let (last, content, log) = self.ends.get_mut(&chain).unwrap();
        let (last, content) = (*last, content.clone());
        *log = WalWriter::new(4096, (u32::try_from(last.position.get()).unwrap(), 8));
        let pieces = self.put_base(chain, last.position, &content);
        let base = Base {
            position: last.position,
            size: content.len() as u64,
            page_size: 4096,
            page_count: content.len() as u64 / 4096,
            sha256: pieces.as_ref().map_or_else(|| ContentHash::of(&content), Pieces::together),
            previous: Some(last.sha256),
            pieces,
        };
        Reach { base, last }
    }

    /// How many pieces the newest base of the log has that the one before has, too.
    pub(crate) fn shared_pieces(&self) -> usize {
        let pieces = |signed: &Signed<MainManifest>| signed.manifest.chains.audit.base.pieces.clone().unwrap().sha256;
        let [.., older, newest] = self.main.as_slice() else { return 0 };
        let older = pieces(older);
        pieces(newest).iter().filter(|piece| older.contains(piece)).count()
    }

    /// The last piece of the newest base of the log.
    pub(crate) fn last_piece(&self) -> String {
        let objects = self.main.last().unwrap().manifest.chains.audit.base.objects(self.generation, Chain::Audit);
        objects.last().unwrap().name.path(&Self::scope())
    }

    /// A piece that the newest base of the log alone has.
    pub(crate) fn newest_piece(&self) -> String {
        let pieces = |signed: &Signed<MainManifest>| signed.manifest.chains.audit.base.pieces.clone().unwrap().sha256;
        let (newest, older) = self.main.split_last().unwrap();
        let older: Vec<ContentHash> = older.iter().flat_map(pieces).collect();
        let alone = pieces(newest).into_iter().find(|piece| !older.contains(piece)).unwrap();
        ObjectName::Piece(alone).path(&Self::scope())
    }

    /// Captures a point, a day after the last one, in the chains: they go on from it.
    pub(crate) fn capture(&mut self) {
        self.now = self.now.plus_seconds(86_400);
        self.capture_as(Self::base);
    }

    /// Captures a point beside the chains, of what was committed last.
    pub(crate) fn capture_beside(&mut self) {
        self.now = self.now.plus_seconds(1);
        self.capture_as(Self::base_beside);
    }

    fn capture_as(&mut self, base: fn(&mut Self, Chain) -> Reach) {
        self.capture_keyring(base);
        self.capture_main(base);
        if self.main.len() as u64 > self.keep {
            self.drop_old();
        }
    }

    /// Removes the points that the newest one does not promise any more.
    fn drop_old(&self) {
        let old = self.main.len() - usize::try_from(self.keep).unwrap();
        let remove = |name: ObjectName| drop(fs::remove_file(self.spool().join(name.path(&Self::scope()))));
        for signed in &self.main[..old] {
            let mut stays = signed.manifest.blobs();
            stays.extend(self.main[old..].iter().flat_map(|kept| kept.manifest.needed()));
            let goes = |needed: &Needed| !stays.contains(needed);
            signed.manifest.needed().into_iter().filter(goes).for_each(|needed| remove(needed.name));
            remove(signed.manifest.name());
        }
        for signed in &self.keyring[..old] {
            signed.manifest.needed().into_iter().for_each(|needed| remove(needed.name));
            remove(signed.manifest.name());
        }
        let (main, keyring) = (&self.main[old].manifest.chains, &self.keyring[old].manifest.chains);
        for (chain, base) in [
            (Chain::Vault, &main.vault.base),
            (Chain::Audit, &main.audit.base),
            (Chain::Keyring, &keyring.keyring.base),
        ] {
            for position in (1..=base.position.get()).map(|number| Ordinal::new(number).unwrap()) {
                remove(ObjectName::Segment { generation: self.generation, chain, position });
            }
        }
    }

    fn heading<M: Manifest>(&self, last: Option<&Signed<M>>, parent: Option<&Signed<M>>) -> Heading {
        let parent = parent.map(Signed::as_parent);
        let first = || Heading::first::<M>(&Self::scope(), self.generation, parent, self.now, "coffre test");
        let mut heading = last.map_or_else(first, |last| Heading::after(last, self.now, "coffre test"));
        let oldest = heading.number.get().saturating_sub(self.keep - 1);
        if self.former {
            M::FORMER.unwrap_or(M::FORMAT).clone_into(&mut heading.format);
        }
        heading.retained_from = Ordinal::new(oldest).unwrap_or(Ordinal::FIRST).max(heading.retained_from);
        heading
    }

    fn capture_keyring(&mut self, base: fn(&mut Self, Chain) -> Reach) {
        let heading = self.heading(self.keyring.last(), self.from.as_ref().map(|(_, keyring)| keyring));
        let chains = KeyringChains { keyring: base(self, Chain::Keyring) };
        let signed = self.sign(&KeyringManifest { heading, chains });
        self.keyring.push(signed);
    }

    fn capture_main(&mut self, base: fn(&mut Self, Chain) -> Reach) {
        for (name, bytes) in &self.documents {
            self.put(ObjectName::Document(*name), bytes);
        }
        let entry = |(name, bytes): &(DocumentName, Vec<u8>)| InventoryEntry {
            name: *name,
            size: bytes.len() as u64,
            sha256: ContentHash::of(bytes),
        };
        let inventory = write_inventory(self.documents.iter().map(entry).collect());
        let heading = self.heading(self.main.last(), self.from.as_ref().map(|(main, _)| main));
        let manifest = MainManifest {
            chains: MainChains { vault: base(self, Chain::Vault), audit: base(self, Chain::Audit) },
            keyring: self.keyring.last().unwrap().manifest.chains.keyring.last,
            documents: Documents {
                inventory: self.blob(ObjectName::Inventory, inventory.as_bytes()),
                count: self.documents.len() as u64,
                bytes: self.documents.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            },
            keys: self.blob(ObjectName::Keys, b"{\"keys\":\"wrapped\"}"),
            recovery: self.blob(ObjectName::Recovery, b"age-encryption.org/v1 recovery"),
            audit_head: self.audit_head(heading.number.get() * 1000),
            heading,
        };
        let signed = self.sign(&manifest);
        self.main.push(signed);
    }

    fn sign<M: Manifest>(&self, manifest: &M) -> Signed<M> {
        let note = sign(manifest, &self.key()).unwrap();
        self.put(manifest.name(), note.as_bytes());
        open(note.as_bytes(), &self.pinned()).unwrap()
    }
}
