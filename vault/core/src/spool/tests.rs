//! The format against its golden files, every fault by name, and the properties that names keep.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod faults;
mod golden;
mod points;
mod properties;
mod wal;

use super::*;
use crate::crypto::Scope;
use crate::ids::{DocumentId, GenerationId, VaultId};
use crate::note::{KeyName, SignedNote, SigningKey};
use crate::time::Timestamp;
use base64::Engine as _;

fn scope() -> Scope {
    Scope {
        environment: "production".parse().unwrap(),
        vault: VaultId::from_bytes(*b"\x0b\x0e\x9f\x0a\x3c\x1d\x4c\x3e\x9d\x53\x2f\x6f\x0a\x8f\x7c\x11"),
    }
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(KeyName::new("coffre.example/production").unwrap(), &[7; 32])
}

fn pinned() -> Pinned {
    Pinned { scope: scope(), key: signing_key().verification_key() }
}

fn generation(n: u8) -> GenerationId {
    GenerationId::from_bytes([0x60 | n, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15])
}

fn ordinal(n: u64) -> Ordinal {
    Ordinal::new(n).unwrap()
}

fn time(seconds: i64) -> Timestamp {
    "2026-11-22T15:32:00Z".parse::<Timestamp>().unwrap().plus_seconds(seconds)
}

/// The tree head of a log of this size.
fn head(origin: &str, size: u64, root: u8) -> String {
    let root = base64::engine::general_purpose::STANDARD.encode([root; 32]);
    SignedNote::sign(format!("{origin}\n{size}\n{root}\n"), &signing_key()).unwrap().to_string()
}

fn inventory() -> String {
    let entry = |n: u8, version| InventoryEntry {
        name: DocumentName {
            document: DocumentId::from_bytes([0x4f, n, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15]),
            version,
            epoch: 1,
        },
        size: 1000 + u64::from(version),
        sha256: ContentHash::of(&[n]),
    };
    write_inventory(vec![entry(2, 1), entry(1, 10), entry(1, 2)])
}

fn blob(text: &str) -> Blob {
    Blob { sha256: ContentHash::of(text.as_bytes()), size: text.len() as u64 }
}

fn base(place: Place, text: &str) -> Reach {
    Reach::of(Base {
        position: place.position,
        size: 8192,
        page_size: 4096,
        page_count: 2,
        sha256: ContentHash::of(text.as_bytes()),
        previous: place.previous,
        pieces: None,
    })
}

/// A base of the log, of two pages that are a piece each. The first is the same in all of a generation.
fn log(place: Place, generation: GenerationId) -> Reach {
    let hash = |text: String| ContentHash::of(text.as_bytes());
    let sha256 = vec![hash(format!("first {generation}")), hash(format!("last {generation} {}", place.position))];
    let pieces = Pieces { size: 4096, sha256 };
    let Reach { base, .. } = base(place, "");
    Reach::of(Base { sha256: pieces.together(), pieces: Some(pieces), ..base })
}

/// A history that grows by whole captures, and everything it would have left in a spool.
#[derive(Clone, Default)]
struct Spool {
    listing: Listing,
    notes: Vec<(ObjectName, Vec<u8>)>,
    main: Vec<Signed<MainManifest>>,
    keyring: Vec<Signed<KeyringManifest>>,
}

impl Spool {
    /// A generation begun at a moment, with as many captures as asked for.
    fn with(generation: GenerationId, parent: Option<&Spool>, start: i64, captures: u64) -> Self {
        let mut spool = Self::default();
        for n in 0..captures {
            spool.capture(generation, parent, start + i64::try_from(n).unwrap() * 86_400);
        }
        spool
    }

    fn capture(&mut self, generation: GenerationId, parent: Option<&Spool>, at: i64) {
        let keyring = self.keyring_manifest(generation, parent, at);
        self.add_keyring(&keyring);
        let main = self.main_manifest(generation, parent, at);
        self.add_main(&main);
    }

    fn keyring_manifest(&self, generation: GenerationId, parent: Option<&Spool>, at: i64) -> KeyringManifest {
        let from = parent.map(|parent| parent.keyring.last().unwrap().as_parent());
        let (heading, place) = match self.keyring.last() {
            None => {
                (Heading::first::<KeyringManifest>(&scope(), generation, from, time(at), "coffre 0.1.0"), Place::FIRST)
            }
            Some(last) => (Heading::after(last, time(at), "coffre 0.1.0"), last.manifest.chains.keyring.next_place()),
        };
        let keyring = base(place, &format!("keyring {generation} {}", place.position));
        KeyringManifest { heading, chains: KeyringChains { keyring } }
    }

    fn main_manifest(&self, generation: GenerationId, parent: Option<&Spool>, at: i64) -> MainManifest {
        let from = parent.map(|parent| parent.main.last().unwrap().as_parent());
        let (heading, vault, audit) = match self.main.last() {
            None => (
                Heading::first::<MainManifest>(&scope(), generation, from, time(at), "coffre 0.1.0"),
                Place::FIRST,
                Place::FIRST,
            ),
            Some(last) => (
                Heading::after(last, time(at), "coffre 0.1.0"),
                last.manifest.chains.vault.next_place(),
                last.manifest.chains.audit.next_place(),
            ),
        };
        let size = 100 * heading.number.get();
        let root = u8::try_from(heading.number.get()).unwrap();
        MainManifest {
            chains: MainChains {
                vault: base(vault, &format!("vault {generation} {}", vault.position)),
                audit: log(audit, generation),
            },
            keyring: self.keyring.last().unwrap().manifest.chains.keyring.last,
            documents: Documents { inventory: blob(&inventory()), count: 3, bytes: 3013 },
            keys: blob("keys"),
            recovery: blob("recovery"),
            audit_head: head(&format!("coffre.example/production/{generation}"), size, root),
            heading,
        }
    }

    fn add_main(&mut self, manifest: &MainManifest) {
        let note = sign(manifest, &signing_key()).unwrap();
        self.list(manifest, &note);
        self.main.push(open(note.as_bytes(), &pinned()).unwrap());
    }

    fn add_keyring(&mut self, manifest: &KeyringManifest) {
        let note = sign(manifest, &signing_key()).unwrap();
        self.list(manifest, &note);
        self.keyring.push(open(note.as_bytes(), &pinned()).unwrap());
    }

    fn list<M: Manifest>(&mut self, manifest: &M, note: &str) {
        self.listing.extend(manifest.needed().iter().map(|needed| (needed.name, needed.size)));
        self.listing.insert(manifest.name(), note.len() as u64);
        self.notes.push((manifest.name(), note.as_bytes().to_vec()));
    }

    /// Both spools in one place.
    fn and(mut self, other: &Self) -> Self {
        self.listing.extend(other.listing.clone());
        self.notes.extend(other.notes.clone());
        self
    }

    fn remove(&mut self, name: ObjectName) {
        self.listing.remove(&name);
        self.notes.retain(|(note, _)| *note != name);
    }

    fn survey(&self) -> Survey {
        Survey::of(&self.listing, self.history(), self.history(), &scope())
    }

    fn history<M: Manifest>(&self) -> History<M> {
        let mut history = History::default();
        self.notes.iter().for_each(|(name, bytes)| history.take(name, bytes, &pinned()));
        history
    }

    fn point(&self, wanted: Wanted) -> Result<RestorePoint, NoPoint> {
        self.survey().point(wanted, &self.listing, &scope())
    }
}

fn manifest_name(side: Side, generation: GenerationId, number: u64) -> ObjectName {
    ObjectName::Manifest { generation, side, number: ordinal(number) }
}
