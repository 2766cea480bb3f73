//! Manifests: signed statements of what a vault consisted of at one moment, and where it lies.
//!
//! There is one kind for each side of a spool. How they are signed and read is in `signed`; whether
//! one continues the others, and whether its objects are there, in `history` and `point`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Chain, ContentHash, ContentHasher, ObjectName, Ordinal, Side};
use crate::ids::{Environment, GenerationId, VaultId};
use crate::time::Timestamp;

/// What every manifest begins with: whose it is and what it continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// The format and its version, one for each side.
    pub format: String,
    /// The environment.
    pub environment: Environment,
    /// The vault.
    pub vault: VaultId,
    /// The generation.
    pub generation: GenerationId,
    /// What the generation was begun from; none for a new vault.
    pub parent: Option<Parent>,
    /// Its number in the generation, from 1, without gaps.
    pub number: Ordinal,
    /// When it was made; later than the one before it.
    pub time: Timestamp,
    /// The SHA-256 of the manifest before it, signature included; none for the first.
    pub previous: Option<ContentHash>,
    /// The oldest manifest that must still be kept, with all it names.
    pub retained_from: Ordinal,
    /// The program that made it, such as `coffre 0.1.0`.
    pub software: String,
}

/// The manifest that a generation was restored from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its generation.
    pub generation: GenerationId,
    /// Its number.
    pub number: Ordinal,
    /// Its SHA-256.
    pub sha256: ContentHash,
    /// The signed audit tree head it held, as a whole note; none on the keyring side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<String>,
}

/// A full copy of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its place in the chain.
    pub position: Ordinal,
    /// Its length: page size times page count.
    pub size: u64,
    /// Bytes of a page.
    pub page_size: u32,
    /// Number of pages.
    pub page_count: u64,
    /// The SHA-256 of its bytes; of one in pieces, of their hashes ([`Pieces::together`]).
    pub sha256: ContentHash,
    /// The SHA-256 of the object before it in the chain; none for the first. Of one beside the chain: of the segment at its
    /// own position.
    pub previous: Option<ContentHash>,
    /// Its pieces, where it is stored in those; none where it is one object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Pieces>,
}

/// The pieces of a base, each an object whose name is its hash. Most of a file that only grows is what it was: bases
/// have those pieces in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Bytes of each but the last, which may have fewer.
    pub size: u64,
    /// The SHA-256 of each, in order.
    pub sha256: Vec<ContentHash>,
}

impl Pieces {
    /// What stands for all of them: the SHA-256 of theirs, 32 bytes each, one after the other.
    pub fn together(&self) -> ContentHash {
        let mut hasher = ContentHasher::default();
        self.sha256.iter().for_each(|sha256| hasher.update(sha256.as_bytes()));
        hasher.finish()
    }
}

impl Base {
    /// The objects that it is stored as, in the order of their bytes.
    pub fn objects(&self, generation: GenerationId, chain: Chain) -> Vec<Needed> {
        let Self { position, size, sha256, .. } = *self;
        let Some(pieces) = &self.pieces else {
            return vec![Needed { name: ObjectName::Base { generation, chain, position }, size, sha256 }];
        };
        let piece = |(at, sha256): (u64, &ContentHash)| {
            let left = size.saturating_sub(pieces.size.saturating_mul(at));
            Needed { name: ObjectName::Piece(*sha256), size: left.min(pieces.size), sha256: *sha256 }
        };
        (0..).zip(&pieces.sha256).map(piece).collect()
    }
}

/// A place in a chain and the object there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The place.
    pub position: Ordinal,
    /// The SHA-256 of the object.
    pub sha256: ContentHash,
}

/// A base, and the object that the next segment continues. The base is *in* the chain when that is the base itself, and
/// *beside* it when it is a segment at the same position: the base then is what everything up to that segment amounts to,
/// and the chain goes on whether the base is there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The base to begin from.
    pub base: Base,
    /// What the next segment continues.
    pub last: Link,
}

impl Reach {
    /// A base in the chain.
    pub const fn of(base: Base) -> Self {
        let last = Link { position: base.position, sha256: base.sha256 };
        Self { base, last }
    }

    /// Whether the base is beside the chain.
    pub fn is_beside(&self) -> bool {
        self.last.sha256 != self.base.sha256
    }
}

/// An object whose name is its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The SHA-256 of its bytes.
    pub sha256: ContentHash,
    /// Its length.
    pub size: u64,
}

/// The documents of a vault: the inventory and what it adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    /// The inventory.
    pub inventory: Blob,
    /// How many versions of documents it lists.
    pub count: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// The chains of the main side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MainChains {
    /// The records.
    pub vault: Reach,
    /// The audit log.
    pub audit: Reach,
}

/// The chain of the keyring side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyringChains {
    /// The keyring.
    pub keyring: Reach,
}

/// The manifest of the main side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MainManifest {
    /// Whose it is and what it continues.
    #[serde(flatten)]
    pub heading: Heading,
    /// The databases.
    pub chains: MainChains,
    /// The place in the keyring chain that must be reached to read it; a later one will do.
    pub keyring: Link,
    /// The documents.
    pub documents: Documents,
    /// `keys.json`.
    pub keys: Blob,
    /// `root.recovery.age`.
    pub recovery: Blob,
    /// The signed audit tree head at that moment, as a whole note.
    pub audit_head: String,
}

/// The manifest of the keyring side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyringManifest {
    /// Whose it is and what it continues.
    #[serde(flatten)]
    pub heading: Heading,
    /// The database.
    pub chains: KeyringChains,
}

/// An object that a manifest needs, with its exact bytes. Documents are in the inventory instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub name: ObjectName,
    /// Its length.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub sha256: ContentHash,
}

/// What both kinds of manifest have in common.
pub trait Manifest: Serialize + DeserializeOwned + Clone {
    /// The value of `format`.
    const FORMAT: &'static str;
    /// The one before it, which is still read.
    const FORMER: Option<&'static str> = None;
    /// The side it describes.
    const SIDE: Side;

    /// Whose it is and what it continues.
    fn heading(&self) -> &Heading;

    /// The chains it describes.
    fn chains(&self) -> Vec<(Chain, &Reach)>;

    /// One of them.
    fn reach(&self, chain: Chain) -> Option<&Reach> {
        self.chains().into_iter().find(|(of, _)| *of == chain).map(|(_, reach)| reach)
    }

    /// The signed audit tree head it holds, as a whole note.
    fn audit_head(&self) -> Option<&str> {
        None
    }

    /// The objects it needs that are named by their hash.
    fn blobs(&self) -> Vec<Needed> {
        Vec::new()
    }

    /// All objects it needs, beside documents.
    fn needed(&self) -> Vec<Needed> {
        let generation = self.heading().generation;
        let mut needed = self.blobs();
        needed.extend(self.chains().into_iter().flat_map(|(chain, reach)| reach.base.objects(generation, chain)));
        needed
    }

    /// Its own name.
    fn name(&self) -> ObjectName {
        let Heading { generation, number, .. } = *self.heading();
        ObjectName::Manifest { generation, side: Self::SIDE, number }
    }
}

impl Manifest for MainManifest {
    const FORMAT: &'static str = "coffre/manifest/v2";
    const FORMER: Option<&'static str> = Some("coffre/manifest/v1");
    const SIDE: Side = Side::Main;

    fn heading(&self) -> &Heading {
        &self.heading
    }

    fn chains(&self) -> Vec<(Chain, &Reach)> {
        vec![(Chain::Vault, &self.chains.vault), (Chain::Audit, &self.chains.audit)]
    }

    fn audit_head(&self) -> Option<&str> {
        Some(&self.audit_head)
    }

    fn blobs(&self) -> Vec<Needed> {
        let named = |name, Blob { sha256, size }| Needed { name, size, sha256 };
        let inventory = self.documents.inventory;
        vec![
            named(ObjectName::Inventory(inventory.sha256), inventory),
            named(ObjectName::Keys(self.keys.sha256), self.keys),
            named(ObjectName::Recovery(self.recovery.sha256), self.recovery),
        ]
    }
}

impl Manifest for KeyringManifest {
    const FORMAT: &'static str = "coffre/keyring-manifest/v1";
    const SIDE: Side = Side::Keyring;

    fn heading(&self) -> &Heading {
        &self.heading
    }

    fn chains(&self) -> Vec<(Chain, &Reach)> {
        vec![(Chain::Keyring, &self.chains.keyring)]
    }
}
