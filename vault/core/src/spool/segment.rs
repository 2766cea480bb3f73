//! The header of a segment: which WAL frames it holds and what they continue. Captures nothing.
//!
//! ```text
//! segment  "coffre/segment/v1 " ‖ length of the note in eight decimal digits ‖ "\n" ‖ note ‖ frames
//! note     the header as canonical JSON on one line, inside a C2SP note signed by the vault
//! frames   as they stand in the WAL: 24 bytes of frame header and one page each
//! ```
//!
//! The frames are ciphertext with a MAC per page, and carry the running checksum of `SQLite`; the header
//! binds both, and the object before it, under the vault's signature. `docs/formats/spool.md` has
//! an example.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Chain, ContentHash, DocumentName, InventoryEntry, Link, ObjectName, Ordinal, Pinned};
use crate::canonical::{self, CanonicalError};
use crate::crypto::Scope;
use crate::ids::{Environment, GenerationId, VaultId};
use crate::note::{NoteError, SignedNote, SigningKey};
use crate::time::Timestamp;
use crate::tlog::{HeadError, TreeHead};

const MAGIC: &str = "coffre/segment/v1 ";
const FORMAT: &str = "coffre/segment/v1";
/// Magic, eight digits and a newline.
const PREFIX: usize = MAGIC.len() + 9;
/// Bytes that say how long a header is.
pub const SEGMENT_PREFIX: usize = PREFIX;
/// Bytes of the header that `SQLite` writes before each page.
const FRAME_HEADER: u64 = 24;

/// A segment that cannot be written or believed.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// Does not begin as a segment does, or ends within its header.
    #[error("it is no segment, or was cut short: take it from another copy")]
    Form,
    /// The note is malformed, or not signed by the vault.
    #[error("it is not signed by the vault")]
    Note(#[source] NoteError),
    /// The text is not what this format writes.
    #[error("its header is not one that this version can read: use the Coffre that made it, or a newer one")]
    Text(#[source] Option<serde_json::Error>),
    /// The value has no canonical form.
    #[error("it cannot be written: a number is beyond 2^53")]
    Canonical(#[source] CanonicalError),
    /// Made by another vault.
    #[error("it is of vault {vault} ({environment}): nothing of one vault or environment stands for another")]
    OtherVault {
        /// Its environment.
        environment: Environment,
        /// Its vault.
        vault: VaultId,
    },
    /// The audit tree head in it is not the vault's.
    #[error("the audit tree head in it cannot be believed")]
    Head(#[source] HeadError),
    /// Two of its statements exclude each other.
    #[error("its header contradicts itself ({what}): it was signed by a faulty program, keep it and report it")]
    Contradiction {
        /// Which statements.
        what: &'static str,
    },
}

/// The running checksum that `SQLite` keeps over a WAL, as its two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalChecksum(pub u32, pub u32);

/// Which of the two byte orders the checksum of a WAL is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumOrder {
    /// WAL magic `0x377f0682`.
    Little,
    /// WAL magic `0x377f0683`.
    Big,
}

/// The WAL frames of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames {
    /// Index of the first frame in its WAL, from 1; 1 begins a new WAL.
    pub first: u64,
    /// How many there are. The last one commits.
    pub count: u64,
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages of the database after the last frame.
    pub page_count: u64,
    /// The salts of this WAL; they change when it begins anew.
    pub salt: (u32, u32),
    /// The byte order of the checksums.
    pub order: ChecksumOrder,
    /// The running checksum before the first frame.
    pub checksum_before: WalChecksum,
    /// The running checksum after the last frame.
    pub checksum_after: WalChecksum,
    /// The SHA-256 of all frames, as they follow the header.
    pub sha256: ContentHash,
}

impl Frames {
    /// What their WAL is no longer than after the last of them; `None` where no file is that long.
    fn end(&self) -> Option<u64> {
        let frames = self.first.checked_add(self.count)?;
        frames.checked_mul(FRAME_HEADER + u64::from(self.page_size))
    }
}

/// What the frames of the vault chain did to the list of documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentChanges {
    /// Versions whose rows they bring, as lines of an inventory; all of them objects before the segment is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<InventoryEntry>,
    /// Versions whose rows they take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<DocumentName>,
}

impl DocumentChanges {
    /// Whether nothing changed.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// A moment at which the three databases belong together. Segments of the audit chain end in one: no
/// change is without its entry in the log, so there is always one to say it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentPoint {
    /// The place in the vault chain.
    pub vault: Link,
    /// The place in the keyring chain; a later one will do.
    pub keyring: Link,
    /// The signed audit tree head, as a whole note.
    pub audit_head: String,
}

/// What the vault signs about a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// The environment.
    pub environment: Environment,
    /// The vault.
    pub vault: VaultId,
    /// The generation.
    pub generation: GenerationId,
    /// Which database.
    pub chain: Chain,
    /// Its place in the chain.
    pub position: Ordinal,
    /// The SHA-256 of the whole object before it. A segment is never the first of a chain.
    pub previous: ContentHash,
    /// When its last frame was committed.
    pub time: Timestamp,
    /// The WAL frames.
    pub frames: Frames,
    /// For the vault chain: the place in the keyring chain that must be reached to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Link>,
    /// For the vault chain: what became of the documents.
    #[serde(default, skip_serializing_if = "DocumentChanges::is_empty")]
    pub documents: DocumentChanges,
    /// For the audit chain: what belongs together after it; none when more frames of the same moment follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<SegmentPoint>,
}

/// The header as it is signed, with the name of its format.
#[derive(Serialize, Deserialize)]
struct Text {
    format: String,
    #[serde(flatten)]
    header: SegmentHeader,
}

impl SegmentHeader {
    /// The name of the segment.
    pub const fn name(&self) -> ObjectName {
        ObjectName::Segment { generation: self.generation, chain: self.chain, position: self.position }
    }

    /// Its place in the chain, once the hash of the whole object is known.
    pub const fn link(&self, sha256: ContentHash) -> Link {
        Link { position: self.position, sha256 }
    }

    /// Bytes of the frames that follow the header.
    pub fn frames_length(&self) -> Option<u64> {
        self.frames.count.checked_mul(FRAME_HEADER + u64::from(self.frames.page_size))
    }

    /// The bytes of a segment up to its first frame.
    pub fn encode(&self, key: &SigningKey) -> Result<Vec<u8>, SegmentError> {
        self.check()?;
        let note = SignedNote::sign(self.text()?, key).map_err(SegmentError::Note)?.to_string();
        if note.len() > 99_999_999 {
            return Err(SegmentError::Form);
        }
        Ok(format!("{MAGIC}{:08}\n{note}", note.len()).into_bytes())
    }

    /// How long a header is that begins with these bytes, [`SEGMENT_PREFIX`] of them.
    pub fn length(prefix: &[u8]) -> Result<usize, SegmentError> {
        let prefix = prefix.get(..PREFIX).ok_or(SegmentError::Form)?;
        let digits = std::str::from_utf8(prefix).ok().and_then(|p| p.strip_prefix(MAGIC)?.strip_suffix('\n'));
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or(SegmentError::Form)?;
        Ok(PREFIX + digits.parse::<usize>().map_err(|_| SegmentError::Form)?)
    }

    /// Reads the header of a segment of the pinned vault; says where its frames begin.
    pub fn parse(bytes: &[u8], pinned: &Pinned) -> Result<(Self, usize), SegmentError> {
        let length = Self::length(bytes)?;
        let note =
            SignedNote::parse(bytes.get(PREFIX..length).ok_or(SegmentError::Form)?).map_err(SegmentError::Note)?;
        let text = note.verify(&pinned.key).map_err(SegmentError::Note)?;
        let Text { format, header } = serde_json::from_str(text).map_err(|error| SegmentError::Text(Some(error)))?;
        if format != FORMAT || header.text()? != text {
            return Err(SegmentError::Text(None));
        }
        let Scope { environment, vault } = &pinned.scope;
        if header.environment != *environment || header.vault != *vault {
            return Err(SegmentError::OtherVault { environment: header.environment, vault: header.vault });
        }
        header.check()?;
        if let Some(point) = &header.point {
            TreeHead::open(point.audit_head.as_bytes(), &pinned.key, None).map_err(SegmentError::Head)?;
        }
        Ok((header, length))
    }

    fn text(&self) -> Result<String, SegmentError> {
        let text = Text { format: FORMAT.to_owned(), header: self.clone() };
        let mut bytes = canonical::to_vec(&text).map_err(SegmentError::Canonical)?;
        bytes.push(b'\n');
        String::from_utf8(bytes).map_err(|_| SegmentError::Text(None))
    }

    fn check(&self) -> Result<(), SegmentError> {
        let contradiction = |what| Err(SegmentError::Contradiction { what });
        if self.position.before().is_none() {
            return contradiction("a chain begins with a base");
        }
        if self.frames.first == 0 || self.frames.count == 0 {
            return contradiction("frames count from 1, and there is at least one");
        }
        if self.frames.end().is_none() {
            return contradiction("no file is as long as to have these frames");
        }
        if self.keyring.is_some() != (self.chain == Chain::Vault) {
            return contradiction("segments of the vault chain, and only they, name the keyring they need");
        }
        if self.point.is_some() && self.chain != Chain::Audit {
            return contradiction("only segments of the audit chain end in a point");
        }
        if self.chain != Chain::Vault && !self.documents.is_empty() {
            return contradiction("only the vault chain has documents");
        }
        let added = self.documents.added.iter().map(|entry| entry.name);
        if !added.is_sorted_by(|a, b| a < b) || !self.documents.removed.is_sorted_by(|a, b| a < b) {
            return contradiction("documents are in ascending order, each once");
        }
        Ok(())
    }
}
