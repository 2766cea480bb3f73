//! What a vault would leave in its spool, with random bytes for ciphertext.

// By its path, since other tests than those beside it use this file, too.
#[path = "vault/bases.rs"]
mod bases;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use coffre_backup::destination::{Destination as _, FileSystem};
use coffre_core::crypto::Scope;
use coffre_core::ids::{DocumentId, GenerationId, VaultId};
use coffre_core::merkle::Hash;
use coffre_core::note::{KeyName, SigningKey};
use coffre_core::spool::{
    Blob, Chain, ContentHash, DocumentChanges, DocumentName, Gathered, InventoryEntry, KeyringManifest, Link,
    MainManifest, ObjectName, Pinned, Place, SegmentHeader, SegmentPoint, Signed, WalWriter,
};
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;
use tempfile::TempDir;

/// A vault that is captured into a spool of its own.
pub(crate) struct Vault {
    folder: TempDir,
    seed: u8,
    pub(crate) generation: GenerationId,
    from: Option<(Signed<MainManifest>, Signed<KeyringManifest>)>,
    pub(crate) main: Vec<Signed<MainManifest>>,
    pub(crate) keyring: Vec<Signed<KeyringManifest>>,
    documents: Vec<(DocumentName, Vec<u8>)>,
    pub(crate) now: Timestamp,
    /// The moment of the last commit.
    pub(crate) committed: Timestamp,
    /// The end of each chain, what the database holds there, and its log.
    ends: BTreeMap<Chain, (Link, Vec<u8>, WalWriter)>,
    commits: u32,
    /// Whether bases are stored as by the version before: that of the log, too, is one object.
    pub(crate) former: bool,
    /// How many points the spool keeps.
    keep: u64,
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl Vault {
    /// A new vault with three documents, not captured yet.
    pub(crate) fn new() -> Self {
        let mut vault = Self {
            folder: tempfile::tempdir().unwrap(),
            seed: 7,
            generation: GenerationId::from_bytes([1; 16]),
            from: None,
            main: Vec::new(),
            keyring: Vec::new(),
            documents: Vec::new(),
            now: noon(),
            committed: noon(),
            ends: BTreeMap::new(),
            commits: 0,
            former: false,
            keep: u64::MAX,
        };
        fs::create_dir(vault.spool()).unwrap();
        (1..=3).for_each(|n| vault.add_document(n, 1));
        vault
    }

    /// A new vault that was captured this often, a day between.
    pub(crate) fn captured(times: usize) -> Self {
        let mut vault = Self::new();
        (0..times).for_each(|_| vault.capture());
        vault
    }

    /// From now on the spool keeps this many points, as a vault's does.
    pub(crate) fn keep(&mut self, keep: u64) {
        self.keep = keep;
    }

    /// What becomes of this vault when it is restored elsewhere: a generation of its own, an empty spool.
    pub(crate) fn restored(&self, generation: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("spool")).unwrap();
        Self {
            folder,
            seed: self.seed,
            generation: GenerationId::from_bytes([generation; 16]),
            from: Some((self.main.last().unwrap().clone(), self.keyring.last().unwrap().clone())),
            main: Vec::new(),
            keyring: Vec::new(),
            documents: self.documents.clone(),
            now: self.now,
            committed: self.committed,
            ends: BTreeMap::new(),
            commits: 0,
            former: self.former,
            keep: self.keep,
        }
    }

    /// A copy of its folder that runs beside it: the same keys and generation, a spool like its own, and from now on other
    /// commits.
    pub(crate) fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in Self::files(&self.spool()) {
            let to = folder.path().join("spool").join(&file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(self.spool().join(&file), to).unwrap();
        }
        let ends =
            self.ends.iter().map(|(chain, (link, content, log))| (*chain, (*link, content.clone(), log.clone())));
        Self {
            folder,
            seed: self.seed,
            generation: self.generation,
            from: self.from.clone(),
            main: self.main.clone(),
            keyring: self.keyring.clone(),
            documents: self.documents.clone(),
            now: self.now,
            committed: self.committed,
            ends: ends.collect(),
            commits: self.commits + 100,
            former: self.former,
            keep: self.keep,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    pub(crate) fn source(&self) -> FileSystem {
        FileSystem::new(self.spool())
    }

    /// A folder beside the spool, as a destination.
    pub(crate) fn destination(&self, name: &str) -> FileSystem {
        fs::create_dir_all(self.path(name)).unwrap();
        FileSystem::new(self.path(name))
    }

    pub(crate) fn scope() -> Scope {
        Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([9; 16]) }
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_seed(KeyName::new("vault.example/production").unwrap(), &[self.seed; 32])
    }

    pub(crate) fn pinned(&self) -> Pinned {
        Pinned { scope: Self::scope(), key: self.key().verification_key() }
    }

    pub(crate) fn add_document(&mut self, document: u8, version: u32) {
        let document_id = DocumentId::from_bytes([document.wrapping_mul(40); 16]);
        let name = DocumentName { document: document_id, version, epoch: 1 };
        let length = 1000 + usize::from(document) * 10 + usize::try_from(version).unwrap();
        self.documents.push((name, vec![document; length]));
    }

    pub(crate) fn documents(&self) -> &[(DocumentName, Vec<u8>)] {
        &self.documents
    }

    fn put(&self, name: ObjectName, bytes: &[u8]) {
        let path = name.path(&Self::scope());
        if !self.spool().join(&path).exists() {
            self.source().put(&path, &mut &*bytes).unwrap();
        }
    }

    fn blob(&self, name: fn(ContentHash) -> ObjectName, bytes: &[u8]) -> Blob {
        let sha256 = ContentHash::of(bytes);
        self.put(name(sha256), bytes);
        Blob { sha256, size: bytes.len() as u64 }
    }

    /// What a database holds now.
    pub(crate) fn content(&self, chain: Chain) -> &[u8] {
        &self.ends[&chain].1
    }

    fn place(&self, chain: Chain) -> Place {
        let after = |(last, ..): &(Link, Vec<u8>, WalWriter)| Place {
            position: last.position.next(),
            previous: Some(last.sha256),
        };
        self.ends.get(&chain).map_or(Place::FIRST, after)
    }

    /// Something is committed and captured, a second later; perhaps with a new document.
    pub(crate) fn commit(&mut self, document: Option<u8>) {
        self.now = self.now.plus_seconds(1);
        (self.committed, self.commits) = (self.now, self.commits + 1);
        let mut documents = DocumentChanges::default();
        if let Some(document) = document {
            self.add_document(document, 1);
            let (name, bytes) = self.documents.last().unwrap().clone();
            self.put(ObjectName::Document(name), &bytes);
            let (size, sha256) = (bytes.len() as u64, ContentHash::of(&bytes));
            documents.added.push(InventoryEntry { name, size, sha256 });
        }
        let keyring = self.segment(Chain::Keyring, None, DocumentChanges::default(), None);
        let vault = self.segment(Chain::Vault, Some(keyring), documents, None);
        let audit_head = self.audit_head(self.main.len() as u64 * 1000 + u64::from(self.commits));
        self.segment(Chain::Audit, None, DocumentChanges::default(), Some(SegmentPoint { vault, keyring, audit_head }));
    }

    fn segment(
        &mut self,
        chain: Chain,
        keyring: Option<Link>,
        documents: DocumentChanges,
        point: Option<SegmentPoint>,
    ) -> Link {
        let Place { position, previous } = self.place(chain);
        let (commits, key) = (self.commits, self.key());
        let (_, content, log) = self.ends.get_mut(&chain).unwrap();
        let mut frames = Gathered::after(log.place(), 0);
        // Two pages, the second of which makes the database a page longer.
        let pages = u32::try_from(content.len() / 4096).unwrap() + 1;
        content.resize(content.len() + 4096, 0);
        for (page, commit) in [(1 + commits % 8, 0), (pages, pages)] {
            let fresh = vec![u8::try_from(commits % 251).unwrap() + 1; 4096];
            frames.push(&log.frame(page, commit, &fresh)).unwrap();
            let end = page as usize * 4096;
            content[end - 4096..end].copy_from_slice(&fresh);
        }
        let header = SegmentHeader {
            environment: Self::scope().environment,
            vault: Self::scope().vault,
            generation: self.generation,
            chain,
            position,
            previous: previous.unwrap(),
            time: self.now,
            frames: frames.stated(),
            keyring,
            documents,
            point,
        };
        let bytes = [&header.encode(&key).unwrap(), frames.bytes()].concat();
        self.put(header.name(), &bytes);
        let last = header.link(ContentHash::of(&bytes));
        self.ends.get_mut(&chain).unwrap().0 = last;
        last
    }

    fn audit_head(&self, size: u64) -> String {
        let head = TreeHead {
            origin: format!("vault.example/production/{}", self.generation),
            size,
            root: Hash::from_bytes([u8::try_from(size % 251).unwrap(); 32]),
            extensions: Vec::new(),
        };
        head.sign(&self.key()).unwrap().to_string()
    }

    /// Every file of a folder, as paths below it, sorted.
    pub(crate) fn files(root: &Path) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }
}
