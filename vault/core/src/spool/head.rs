//! The signed audit tree head inside a manifest, as far as somebody without keys can judge it: who
//! signed it, how many entries it counts, and which root it gives. The tree itself is `merkle`'s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use crate::merkle::Hash;
use crate::note::{NoteError, SignedNote, VerificationKey};

/// A tree head that cannot be believed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// The note is malformed or not signed by the vault.
    #[error("the audit tree head is not signed by the vault")]
    Note(#[source] NoteError),
    /// The text is no C2SP tree head.
    #[error("the audit tree head is malformed: expected origin, size and root on three lines")]
    Form,
}

/// What a signed tree head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The log: one for each generation.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl AuditHead {
    /// Reads a head that the vault signed. A log may sign under its origin instead of the vault's
    /// name, so any name will do: the key is what counts.
    pub fn open(note: &str, key: &VerificationKey) -> Result<Self, HeadError> {
        let note = SignedNote::parse(note.as_bytes()).map_err(HeadError::Note)?;
        let names = note.signatures().iter().map(|signature| (signature.name(), signature.id()));
        let own = names.map(|(name, id)| (key.renamed(name.clone()), id)).find(|(key, id)| key.id() == *id);
        let key = own.map_or_else(|| key.clone(), |(key, _)| key);
        Self::read(note.verify(&key).map_err(HeadError::Note)?).ok_or(HeadError::Form)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let number: u64 = size.parse().ok()?;
        let root = BASE64.decode(root).ok()?;
        let head = Self { origin: origin.to_owned(), size: number, root: root.as_slice().try_into().ok()? };
        (number.to_string() == size && !origin.is_empty()).then_some(head)
    }
}
