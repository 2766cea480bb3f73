//! The audit log as it comes from outside: notes, heads, proofs, copies.

use std::collections::BTreeMap;
use std::convert::Infallible;

use coffre_core::audit::Entry;
use coffre_core::note::{KeyName, SignedNote, witness_key};
use coffre_core::tlog::{CHECKPOINT_PATH, CopySource, TilePath, TlogProof, TreeHead, verify_copy};

use super::text;
use crate::fixture::{signed, signing_key};

/// A note that is read is written again as it was: one note has one spelling. A witness made none of its cosignatures, and is
/// believed by one that it makes.
pub fn note(data: &[u8]) {
    if let Ok(note) = SignedNote::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data, "a note has one spelling");
        let _ = note.verify(&signing_key().verification_key());
        let (name, seed) = (KeyName::new("witness.example").expect("a key name"), [9; 32]);
        let witness = witness_key(name.clone(), &seed);
        for signature in note.signatures() {
            assert!(witness.cosigned_at(&note, signature).is_err(), "what no witness signed was believed");
        }
        let note = note.cosign_as_witness(&name, &seed, 1_800_000_000);
        let made = note.signatures().last().expect("the one that was made");
        assert!(witness.made(made) && witness.cosigned_at(&note, made) == Ok(1_800_000_000));
    }
}

/// A head that is believed is signed again to the same text.
pub fn head(data: &[u8]) {
    let key = signing_key();
    let _ = TreeHead::open(data, &key.verification_key(), None);
    let Some(note) = text(data).and_then(signed) else { return };
    if let Ok(head) = TreeHead::of_note(&note, &key.verification_key(), None) {
        let again = head.sign(&key).expect("a head that was read can be signed");
        // Lines after the three are extensions, which this log does not write.
        assert!(note.unverified_text().starts_with(again.unverified_text()), "a head has one spelling");
    }
}

/// A path that is read is written again as it was.
pub fn tile_path(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text, "a tile has one path");
    }
}

/// A proof that is read is written again to what reads the same; it proves nothing about another entry.
pub fn proof(data: &[u8]) {
    let Ok(proof) = TlogProof::parse(data) else { return };
    let again = TlogProof::parse(proof.to_string().as_bytes()).expect("a proof that was read can be written");
    assert_eq!(again, proof);
    let _ = proof.verify(b"an entry", &signing_key().verification_key(), None);
}

/// An entry that is read is written as the same entry.
pub fn entry(data: &[u8]) {
    let Ok(entry) = Entry::from_leaf(data) else { return };
    if let Ok(leaf) = entry.leaf() {
        assert_eq!(Entry::from_leaf(&leaf).expect("a leaf that was written can be read"), entry);
    }
}

/// Files of a copy, cut out of the input: `PATH\n` and then as many bytes as the next line says.
struct Copy(BTreeMap<String, Vec<u8>>);

impl CopySource for Copy {
    type Error = Infallible;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(path).cloned())
    }
}

/// A copy whose head is genuine and whose files are anything: only what the head was signed over passes.
pub fn log_copy(data: &[u8]) {
    let mut files = BTreeMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        let Some((path, length)) = text(line).and_then(|line| line.rsplit_once(' ')) else { break };
        let length = length.parse::<usize>().unwrap_or_default().min(after.len());
        files.insert(path.to_owned(), after[..length].to_vec());
        rest = &after[length..];
    }
    let text = files.get(CHECKPOINT_PATH).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    if let Some(note) = text.as_deref().and_then(signed) {
        files.insert(CHECKPOINT_PATH.to_owned(), note.to_string().into_bytes());
    }
    let _ = verify_copy(&Copy(files), &signing_key().verification_key(), None, None);
}
