//! Logs and copies made up for the tests of this folder.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests of small logs"
)]

mod copies;
mod entries;
mod exports;
mod faults;
mod proofs;
mod pruned;

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::merkle::{leaf_hash, root_of};
use crate::note::{KeyName, SignedNote, SigningKey, VerificationKey};

const ORIGIN: &str = "vault.example/test/1";

/// The signed head of a log of three entries, as in `docs/formats/audit-log.md`.
const CHECKPOINT: &str = "vault.example/test/1\n3\nEgt+ioAUtpjsqvtjTItSUB+Vtq5GrYNEnaO61wDeb6A=\n\n\
         — vault.example/test \
         pVSPHM39gDJGEWfTE65zEL4c7B14gIMH1xXYg4TDUW8Z1mXHc0okgj7b/iirxpjLhEX57j+8+y0+x0YAXg2lc/Ud8Q0=\n";

fn signing_key() -> SigningKey {
    SigningKey::from_seed(KeyName::new("vault.example/test").unwrap(), &[1; 32])
}

fn key() -> VerificationKey {
    signing_key().verification_key()
}

fn entry(n: u64) -> Vec<u8> {
    format!("{{\"entry\":{n}}}").into_bytes()
}

fn log(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(entry).collect()
}

fn head_of(entries: &[Vec<u8>]) -> TreeHead {
    TreeHead {
        origin: ORIGIN.into(),
        size: entries.len() as u64,
        root: root_of(entries.iter().map(|entry| leaf_hash(entry))),
        extensions: Vec::new(),
    }
}

fn sign(head: &TreeHead) -> SignedNote {
    head.sign(&signing_key()).unwrap()
}

/// A copy in memory.
#[derive(Clone, PartialEq, Debug)]
struct Copy(BTreeMap<String, Vec<u8>>);

impl CopySource for Copy {
    type Error = Infallible;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(path).cloned())
    }
}

impl Copy {
    fn of(entries: &[Vec<u8>]) -> Self {
        let export =
            Export::new(entries.iter().map(Ok::<_, Infallible>), sign(&head_of(entries)), &key(), Some(ORIGIN));
        let files = export.unwrap().map(|file| file.unwrap());
        Self(files.map(|file| (file.path, file.bytes)).collect())
    }

    fn verify(&self) -> Result<CopyReport, LogFault> {
        verify_copy(self, &key(), Some(ORIGIN), None)
    }

    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.0.get_mut(path).unwrap()
    }

    /// Takes the files of one kind from another copy.
    fn replace(&mut self, prefix: &str, other: &Self) {
        self.0.retain(|path, _| !path.starts_with(prefix));
        let files = other.0.iter().filter(|(path, _)| path.starts_with(prefix));
        self.0.extend(files.map(|(path, bytes)| (path.clone(), bytes.clone())));
    }
}
