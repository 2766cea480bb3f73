//! Names of objects: where each lies below the root of a spool or a destination. Opens none.
//!
//! An object is written once under its name and never changed. Numbers have sixteen digits, so that
//! names sort in the order in which the objects were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ContentHash;
use crate::crypto::Scope;
use crate::ids::{DocumentId, GenerationId};
use crate::keyset::Epochs;

/// A path that names no object of this vault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// The path is in the folder of another vault or environment.
    #[error("{path} is not in the folder of vault {vault}: check the vault that was asked for")]
    OtherVault {
        /// The path.
        path: String,
        /// The folder it should be in.
        vault: String,
    },
    /// The path has no meaning in this format.
    #[error("{path} is no object of a backup: move it elsewhere")]
    Unknown {
        /// The path.
        path: String,
    },
}

/// A number that counts from 1: a position in a chain, or the number of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Ordinal(u64);

impl Ordinal {
    /// The first.
    pub const FIRST: Self = Self(1);
    /// The greatest that canonical JSON can hold; it also fits in sixteen digits.
    const LAST: u64 = (1 << 53) - 1;

    /// The last that there can be.
    pub const MAX: Self = Self(Self::LAST);

    /// This number, from 1 to 2^53 - 1.
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= Self::LAST { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after it. There is always one: nobody makes 2^53 backups.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(if self.0 < Self::LAST { self.0 + 1 } else { Self::LAST })
    }

    /// The one before it, unless it is the first.
    pub const fn before(self) -> Option<Self> {
        Self::new(self.0 - 1)
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for Ordinal {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("a number from 1 to 2^53 - 1 is expected")
    }
}

impl From<Ordinal> for u64 {
    fn from(ordinal: Ordinal) -> Self {
        ordinal.0
    }
}

/// The two folders of a spool: they are kept for different times and never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Everything but the keyring; this is what snapshots are made of.
    Main,
    /// The keyring alone, which expires so that erased keys do not live on.
    Keyring,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Main, Self::Keyring];

    /// The name of its folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Keyring => "keyring",
        }
    }

    /// The folder of one vault on this side.
    pub fn vault_folder(self, scope: &Scope) -> String {
        format!("{}/{}-{}", self.folder(), scope.environment, scope.vault)
    }
}

/// A database whose base backups and segments follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chain {
    /// `vault.db`.
    Vault,
    /// `audit.db`.
    Audit,
    /// `keyring.db`.
    Keyring,
}

impl Chain {
    /// All three, in the order in which they are restored.
    pub const ALL: [Self; 3] = [Self::Vault, Self::Audit, Self::Keyring];

    /// The side that holds it.
    pub const fn side(self) -> Side {
        match self {
            Self::Vault | Self::Audit => Side::Main,
            Self::Keyring => Side::Keyring,
        }
    }

    /// The name of its folder within a generation.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Audit => "audit",
            Self::Keyring => "keyring",
        }
    }

    /// The name of the database in a vault's directory.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Vault => "vault.db",
            Self::Audit => "audit.db",
            Self::Keyring => "keyring.db",
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}

/// The file of one version of a document: `DOCUMENT-VERSION`, and from the second data epoch on `DOCUMENT-VERSION.eEPOCH`, so that
/// what is encrypted anew stands beside what it replaces. Ordered by document, then by version, then by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentName {
    /// The document.
    pub document: DocumentId,
    /// Its version.
    pub version: u32,
    /// The data epoch that it is encrypted under.
    pub epoch: u32,
}

impl DocumentName {
    /// The folder within `documents/`: the first two digits, of 256 folders.
    pub fn shard(&self) -> String {
        let [first, ..] = *self.document.as_bytes();
        format!("{first:02x}")
    }

    /// The path below `documents/`, the same in a vault, a spool and a destination.
    pub fn path(&self) -> String {
        format!("{}/{self}", self.shard())
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, version, epoch } = self;
        if *epoch == Epochs::FIRST {
            write!(f, "{document}-{version}")
        } else {
            write!(f, "{document}-{version}.e{epoch}")
        }
    }
}

impl TryFrom<String> for DocumentName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<DocumentName> for String {
    fn from(name: DocumentName) -> Self {
        name.to_string()
    }
}

impl FromStr for DocumentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.rsplit_once('-').and_then(|(document, version)| {
            let (version, epoch) = match version.split_once(".e") {
                Some((version, epoch)) => (version, epoch.parse().ok()?),
                None => (version, Epochs::FIRST),
            };
            let epoch: u32 = Some(epoch).filter(|epoch| *epoch >= Epochs::FIRST)?;
            let name = Self { document: document.parse().ok()?, version: version.parse().ok()?, epoch };
            (name.to_string() == text).then_some(name)
        });
        name.ok_or_else(|| NameError::Unknown { path: text.to_owned() })
    }
}

/// An object of one vault's backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectName {
    /// A full copy of a database.
    Base {
        /// The generation it belongs to.
        generation: GenerationId,
        /// Which database.
        chain: Chain,
        /// Its place in the chain.
        position: Ordinal,
    },
    /// WAL frames that continue the object before it.
    Segment {
        /// The generation it belongs to.
        generation: GenerationId,
        /// Which database.
        chain: Chain,
        /// Its place in the chain.
        position: Ordinal,
    },
    /// A signed manifest.
    Manifest {
        /// The generation it belongs to.
        generation: GenerationId,
        /// Which side it describes.
        side: Side,
        /// Its number in the generation.
        number: Ordinal,
    },
    /// A piece of a full copy of a database.
    Piece(ContentHash),
    /// The list of the documents of a manifest.
    Inventory(ContentHash),
    /// A `keys.json`.
    Keys(ContentHash),
    /// A `root.recovery.age`.
    Recovery(ContentHash),
    /// A version of a document, shared by all generations.
    Document(DocumentName),
}

impl ObjectName {
    /// The side it lies on.
    pub const fn side(&self) -> Side {
        match self {
            Self::Base { chain, .. } | Self::Segment { chain, .. } => chain.side(),
            Self::Manifest { side, .. } => *side,
            Self::Piece(_) | Self::Inventory(_) | Self::Keys(_) | Self::Recovery(_) | Self::Document(_) => Side::Main,
        }
    }

    /// The path below the root of a spool or destination.
    pub fn path(&self, scope: &Scope) -> String {
        format!("{}/{self}", self.side().vault_folder(scope))
    }

    /// The object that a path below the root names.
    pub fn parse(path: &str, scope: &Scope) -> Result<Self, NameError> {
        let unknown = || NameError::Unknown { path: path.to_owned() };
        let side = Side::ALL.into_iter().find(|s| path.split('/').next() == Some(s.folder())).ok_or_else(unknown)?;
        let folder = side.vault_folder(scope);
        let rest = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
        let rest = rest.ok_or_else(|| NameError::OtherVault { path: path.to_owned(), vault: folder.clone() })?;
        let name = Self::parse_in_vault(rest, side).ok_or_else(unknown)?;
        // One spelling only: what is listed under a name is found again under it.
        if name.side() == side && name.to_string() == rest { Ok(name) } else { Err(unknown()) }
    }

    fn parse_in_vault(rest: &str, side: Side) -> Option<Self> {
        let mut parts = rest.split('/');
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next());
        match (first, third) {
            ("pieces", None) => Some(Self::Piece(second.strip_suffix(".pages")?.parse().ok()?)),
            ("inventories", None) => Some(Self::Inventory(second.strip_suffix(".txt")?.parse().ok()?)),
            ("keys", None) => Some(Self::Keys(second.strip_suffix(".json")?.parse().ok()?)),
            ("recovery", None) => Some(Self::Recovery(second.strip_suffix(".age")?.parse().ok()?)),
            ("documents", Some(name)) => Some(Self::Document(name.parse().ok()?)),
            (generation, Some(file)) => Self::parse_in_generation(generation.parse().ok()?, second, file, side),
            _ => None,
        }
    }

    fn parse_in_generation(generation: GenerationId, folder: &str, file: &str, side: Side) -> Option<Self> {
        let (number, kind) = file.split_once('.')?;
        let number = Ordinal::new(number.parse().ok()?)?;
        if (folder, kind) == ("manifests", "note") {
            return Some(Self::Manifest { generation, side, number });
        }
        let chain = Chain::ALL.into_iter().find(|chain| chain.folder() == folder)?;
        match kind {
            "base" => Some(Self::Base { generation, chain, position: number }),
            "segment" => Some(Self::Segment { generation, chain, position: number }),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectName {
    /// The path within the folder of its vault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base { generation, chain, position } => {
                write!(f, "{generation}/{chain}/{:016}.base", position.get())
            }
            Self::Segment { generation, chain, position } => {
                write!(f, "{generation}/{chain}/{:016}.segment", position.get())
            }
            Self::Manifest { generation, number, .. } => write!(f, "{generation}/manifests/{:016}.note", number.get()),
            Self::Piece(hash) => write!(f, "pieces/{hash}.pages"),
            Self::Inventory(hash) => write!(f, "inventories/{hash}.txt"),
            Self::Keys(hash) => write!(f, "keys/{hash}.json"),
            Self::Recovery(hash) => write!(f, "recovery/{hash}.age"),
            Self::Document(name) => write!(f, "documents/{}", name.path()),
        }
    }
}
