//! Signing and reading manifests: canonical JSON on one line inside a C2SP signed note.
//!
//! Whatever leaves [`open`] was signed by the pinned key, belongs to the pinned vault, and makes
//! sense by itself. Reading the JSON alone needs no Coffre: `head -n 1 FILE.note | jq`.

use thiserror::Error;

use super::{Base, Chain, ContentHash, Manifest, Parent, Pieces, Reach};
use crate::canonical::{self, CanonicalError};
use crate::crypto::Scope;
use crate::ids::{Environment, VaultId};
use crate::note::{NoteError, SignedNote, SigningKey, VerificationKey};
use crate::tlog::{HeadError, TreeHead};

/// The vault that is meant and the key that speaks for it: from the configuration or a key share,
/// never from the backup itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The environment and the vault.
    pub scope: Scope,
    /// The vault's verification key.
    pub key: VerificationKey,
}

/// A manifest that cannot be signed or believed.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The note is malformed, or not signed by the vault.
    #[error("it is not signed by the vault")]
    Note(#[source] NoteError),
    /// The text is not what this format writes.
    #[error("its text is not a manifest that this version can read: use the Coffre that made it, or a newer one")]
    Text(#[source] Option<serde_json::Error>),
    /// The value has no canonical form.
    #[error("it cannot be written: a number is beyond 2^53")]
    Canonical(#[source] CanonicalError),
    /// Another format, or the other side's.
    #[error("its format is {found:?}, not {expected:?}: use the Coffre that made it, or a newer one")]
    Format {
        /// The format it should have.
        expected: &'static str,
        /// The format it says it has.
        found: String,
    },
    /// Made by another vault.
    #[error("it is of vault {vault} ({environment}): nothing of one vault or environment stands for another")]
    OtherVault {
        /// Its environment.
        environment: Environment,
        /// Its vault.
        vault: VaultId,
    },
    /// Two of its statements exclude each other.
    #[error("it contradicts itself ({what}): it was signed by a faulty program, keep it and report it")]
    Contradiction {
        /// Which statements.
        what: &'static str,
    },
    /// It counts on segments.
    #[error("its {chain} chain goes on in segments, which this version cannot apply: use a newer Coffre")]
    Segments {
        /// Which chain.
        chain: Chain,
    },
    /// The audit tree head in it is not the vault's.
    #[error("the audit tree head in it cannot be believed")]
    Head(#[source] HeadError),
}

/// A manifest that was signed by the vault, and the hash of the whole note, by which it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<M> {
    /// What it says.
    pub manifest: M,
    /// The SHA-256 of the note, signature included.
    pub sha256: ContentHash,
    /// The audit tree head it holds; none on the keyring side.
    pub audit_head: Option<TreeHead>,
}

/// Signs a manifest. It is held to the same rules as one that is read.
pub fn sign<M: Manifest>(manifest: &M, key: &SigningKey) -> Result<String, ManifestError> {
    check(manifest, &key.verification_key())?;
    let note = SignedNote::sign(text_of(manifest)?, key).map_err(ManifestError::Note)?;
    Ok(note.to_string())
}

/// Reads a manifest of the pinned vault.
pub fn open<M: Manifest>(bytes: &[u8], pinned: &Pinned) -> Result<Signed<M>, ManifestError> {
    let note = SignedNote::parse(bytes).map_err(ManifestError::Note)?;
    let text = note.verify(&pinned.key).map_err(ManifestError::Note)?;
    let manifest: M = serde_json::from_str(text).map_err(|error| match stated_format(text) {
        Some(found) if !is_read::<M>(&found) => ManifestError::Format { expected: M::FORMAT, found },
        _ => ManifestError::Text(Some(error)),
    })?;
    let heading = manifest.heading();
    if !is_read::<M>(&heading.format) {
        return Err(ManifestError::Format { expected: M::FORMAT, found: heading.format.clone() });
    }
    let Scope { environment, vault } = &pinned.scope;
    if heading.environment != *environment || heading.vault != *vault {
        return Err(ManifestError::OtherVault { environment: heading.environment.clone(), vault: heading.vault });
    }
    // Equal bytes, so that no field is overlooked and no spelling is second.
    if text_of(&manifest)? != text {
        return Err(ManifestError::Text(None));
    }
    let audit_head = check(&manifest, &pinned.key)?;
    Ok(Signed { manifest, sha256: ContentHash::of(bytes), audit_head })
}

fn text_of<M: Manifest>(manifest: &M) -> Result<String, ManifestError> {
    let mut bytes = canonical::to_vec(manifest).map_err(ManifestError::Canonical)?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|_| ManifestError::Text(None))
}

fn is_read<M: Manifest>(format: &str) -> bool {
    format == M::FORMAT || Some(format) == M::FORMER
}

/// The format that a text of another version or side says it has.
fn stated_format(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(value.get("format")?.as_str()?.to_owned())
}

/// Whether a manifest makes sense by itself; the audit tree head it holds.
fn check<M: Manifest>(manifest: &M, key: &VerificationKey) -> Result<Option<TreeHead>, ManifestError> {
    let heading = manifest.heading();
    let contradiction = |what| Err(ManifestError::Contradiction { what });
    if heading.previous.is_none() != heading.number.before().is_none() {
        return contradiction("only the first manifest has none before it");
    }
    if heading.retained_from > heading.number {
        return contradiction("it would not be kept itself");
    }
    if heading.parent.as_ref().is_some_and(|parent| parent.generation == heading.generation) {
        return contradiction("a generation that begins from itself");
    }
    for (chain, reach) in manifest.chains() {
        if reach.base.pieces.is_some() && Some(heading.format.as_str()) == M::FORMER {
            return contradiction("its format knows no pieces");
        }
        check_reach(chain, reach)?;
    }
    let open = |note: &str| TreeHead::open(note.as_bytes(), key, None).map_err(ManifestError::Head);
    if let Some(Parent { audit_head: Some(note), .. }) = &heading.parent {
        open(note)?;
    }
    manifest.audit_head().map(open).transpose()
}

/// Of the keyring nothing lies among pieces: copies of it expire, and those are shared.
fn check_pieces(chain: Chain, base: &Base, pieces: &Pieces) -> Result<(), ManifestError> {
    let whole_pages = pieces.size > 0 && pieces.size.is_multiple_of(u64::from(base.page_size).max(1));
    if chain != Chain::Audit {
        return Err(ManifestError::Contradiction { what: "only the log is stored in pieces" });
    }
    if !whole_pages || base.size.div_ceil(pieces.size) != pieces.sha256.len() as u64 {
        return Err(ManifestError::Contradiction { what: "a base is not as long as its pieces" });
    }
    if base.sha256 != pieces.together() {
        return Err(ManifestError::Contradiction { what: "a base has another hash than its pieces" });
    }
    Ok(())
}

fn check_reach(chain: Chain, reach: &Reach) -> Result<(), ManifestError> {
    let Reach { base, last } = reach;
    if base.previous.is_none() != base.position.before().is_none() {
        return Err(ManifestError::Contradiction { what: "only the first object of a chain has none before it" });
    }
    if base.page_count.checked_mul(u64::from(base.page_size)) != Some(base.size) {
        return Err(ManifestError::Contradiction { what: "a base is not as long as its pages" });
    }
    if let Some(pieces) = &base.pieces {
        check_pieces(chain, base, pieces)?;
    }
    if last.position > base.position {
        return Err(ManifestError::Segments { chain });
    }
    if last.position < base.position {
        return Err(ManifestError::Contradiction { what: "a chain ends before its base" });
    }
    if reach.is_beside() && base.previous != Some(last.sha256) {
        return Err(ManifestError::Contradiction { what: "a base beside its chain names another segment there" });
    }
    Ok(())
}
