//! A proof that one entry is in a log, to hand out with the entry (<https://c2sp.org/tlog-proof>).
//! It verifies offline, with the vault's verification key and nothing else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::head::{HeadError, TreeHead, parse_decimal, parse_hash};
use crate::merkle::{Hash, HashSource, ProofError, ProveError, inclusion_proof, leaf_hash, verify_inclusion};
use crate::note::{NoteError, SignedNote, VerificationKey};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The place of an entry in a log, its way up to the root, and the signed head with that root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The index of the entry.
    pub index: u64,
    /// The hashes from the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed head, cosignatures included.
    pub checkpoint: SignedNote,
    /// Anything, or nothing; not authenticated by the proof.
    pub extra: Vec<u8>,
}

/// Why a proof was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TlogProofError {
    /// A line before the signed head is malformed.
    #[error("line {line} of the proof is wrong ({reason}); ask for the proof again")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The signed head inside is malformed.
    #[error(transparent)]
    Note(NoteError),
    /// The signed head inside is not to be believed.
    #[error(transparent)]
    Head(HeadError),
    /// The entry is not what, or not where, the proof says.
    #[error("the entry is not entry {index} of this log; ask for entry and proof again, and keep these")]
    Entry {
        /// The index in the proof.
        index: u64,
        /// The cause.
        #[source]
        source: ProofError,
    },
}

impl TlogProof {
    /// Makes the proof of one entry under a head, which the caller has signed or verified.
    pub fn make<S: HashSource>(
        index: u64,
        head: &TreeHead,
        checkpoint: SignedNote,
        source: &S,
    ) -> Result<Self, ProveError<S::Error>> {
        Ok(Self { index, hashes: inclusion_proof(index, head.size, source)?, checkpoint, extra: Vec::new() })
    }

    /// Reads a proof and checks its form only.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        let refuse = |line, reason| TlogProofError::Line { line, reason };
        let text = std::str::from_utf8(bytes).map_err(|_| refuse(1, "the file is not UTF-8"))?;
        // Lines before the signed head are not empty, so the first blank line is where it begins.
        let (before, checkpoint) =
            text.split_once("\n\n").ok_or(refuse(1, "no blank line before a signed tree head"))?;
        let mut lines = (1..).zip(before.split('\n')).peekable();
        if lines.next().is_none_or(|(_, first)| first != FIRST_LINE) {
            return Err(refuse(1, "it is not c2sp.org/tlog-proof@v1"));
        }
        let mut extra = Vec::new();
        if let Some((line, base64)) = lines.peek().and_then(|(line, text)| Some((*line, text.strip_prefix("extra ")?)))
        {
            extra = BASE64.decode(base64).map_err(|_| refuse(line, "its extra data is not base64"))?;
            if extra.is_empty() {
                return Err(refuse(line, "its extra data is empty"));
            }
            lines.next();
        }
        let index = lines
            .next()
            .and_then(|(_, line)| parse_decimal(line.strip_prefix("index ")?))
            .ok_or(refuse(2, "no index after the first line or the extra data"))?;
        let hashes = lines
            .map(|(line, text)| parse_hash(text).ok_or(refuse(line, "no base64 of a 32-byte hash")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            index,
            hashes,
            checkpoint: SignedNote::parse(checkpoint.as_bytes()).map_err(TlogProofError::Note)?,
            extra,
        })
    }

    /// Checks that the entry is in the log that the key signed; returns the signed head.
    pub fn verify(
        &self,
        entry: &[u8],
        key: &VerificationKey,
        expected_origin: Option<&str>,
    ) -> Result<TreeHead, TlogProofError> {
        let head = TreeHead::of_note(&self.checkpoint, key, expected_origin).map_err(TlogProofError::Head)?;
        verify_inclusion(leaf_hash(entry), self.index, head.size, &self.hashes, head.root)
            .map_err(|source| TlogProofError::Entry { index: self.index, source })?;
        Ok(head)
    }
}

impl fmt::Display for TlogProof {
    /// Writes the proof as it is stored, in a file `*.tlog-proof`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", BASE64.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", BASE64.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
