//! Files of a vault that lie where others can write: documents, key files, tombstones, what is known of pages and drills.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coffre_core::crypto::{self, Label, SecretKey, commitment, derive};
use coffre_core::document::{CHUNK, ChunkCipher, HEADER, SEALED_CHUNK, salt};
use coffre_core::drill::DrillResult;
use coffre_core::keyset::{KeysFile, Keyset, RootKey};
use coffre_core::page_file::PageFile;
use coffre_core::tombstone::Tombstone;

use super::text;
use crate::fixture::{Zeroes, pinned, root_key, scope, signed, signing_key};

/// Whatever was done to a document's file, it opens to what was put in or not at all.
///
/// The first bytes say how long the document is and what is done to its file: which bytes are turned over, where it is
/// cut, what is put behind.
pub fn document(data: &[u8]) {
    if let Some(header) = data.first_chunk::<HEADER>() {
        let _ = salt(header);
    }
    let [length, cut, rest @ ..] = data else { return };
    let plain: Vec<u8> = (0..CHUNK / 2 * usize::from(length % 6)).map(|at| (at % 251) as u8).collect();
    let sealed = seal(&plain);
    let mut changed = sealed.clone();
    for turn in rest.chunks_exact(4) {
        let at = u32::from_le_bytes([turn[0], turn[1], turn[2], 0]) as usize % changed.len();
        changed[at] ^= turn[3];
    }
    changed.truncate(changed.len() - usize::from(*cut).min(changed.len()));
    match unseal(&changed) {
        Some(opened) => assert!(changed == sealed && opened == plain, "a changed document was opened"),
        None => assert!(changed != sealed, "an unchanged document was refused"),
    }
}

fn seal(plain: &[u8]) -> Vec<u8> {
    let mut cipher = ChunkCipher::new(&SecretKey::from_bytes(&[9; 32]));
    let chunks: Vec<&[u8]> = if plain.is_empty() { vec![&[]] } else { plain.chunks(CHUNK).collect() };
    let last = chunks.len() - 1;
    let mut sealed = Vec::new();
    for (number, chunk) in chunks.into_iter().enumerate() {
        let mut chunk = chunk.to_vec();
        cipher.seal(&mut chunk, number == last).expect("it is sealed");
        sealed.extend(chunk);
    }
    sealed
}

fn unseal(sealed: &[u8]) -> Option<Vec<u8>> {
    let mut cipher = ChunkCipher::new(&SecretKey::from_bytes(&[9; 32]));
    let chunks: Vec<&[u8]> = sealed.chunks(SEALED_CHUNK).collect();
    let last = chunks.len().checked_sub(1)?;
    let mut plain = Vec::new();
    for (number, chunk) in chunks.into_iter().enumerate() {
        let mut chunk = chunk.to_vec();
        cipher.open(&mut chunk, number == last).ok()?;
        plain.extend(chunk);
    }
    Some(plain)
}

/// A key file that is read is of one vault; nothing of another opens. What the root key wrapped is read strictly.
pub fn key_files(data: &[u8]) {
    if let Ok(file) = KeysFile::from_bytes(data) {
        let _ = file.scope();
    }
    if let Ok(root) = RootKey::from_bytes(data, &scope()) {
        assert_eq!(root.scope, scope());
    }
    keys_inside(data);
}

/// Keys that are read are wrapped again in the format that they came in.
fn keys_inside(plaintext: &[u8]) {
    let root = root_key();
    let label = Label::new("coffre/v1/keys.json", &root.scope);
    let sealed = crypto::seal(&root.key, &label, plaintext, &mut Zeroes).expect("it is sealed");
    for format in 1..=2 {
        let (environment, vault) = (root.scope.environment.clone(), root.scope.vault);
        let file = KeysFile { format, environment, vault, wrapped: BASE64.encode(&sealed) };
        let Ok(keys) = Keyset::unwrap(&file, &root) else { continue };
        let again = keys.wrap(&root, &mut Zeroes).expect("what was read can be wrapped");
        assert_eq!(again.format, format, "keys have one format");
        let again = Keyset::unwrap(&again, &root).expect("what was wrapped opens");
        assert_eq!(again.epochs.secrets(), keys.epochs.secrets());
        assert_eq!(again.former_roots, keys.former_roots);
    }
}

/// The file `pages` is read as far as it is authentic, and what was read is written again as it stood.
///
/// The first byte says of which version it is; then comes each record, behind its length in two bytes. They are
/// authenticated here.
pub fn pages(data: &[u8]) {
    let from = SecretKey::from_bytes(&[7; 32]);
    let _ = PageFile::read(data, &from, &scope());
    let Some((version, mut rest)) = data.split_first() else { return };
    let first_line = if version % 2 == 0 { b"coffre/pages/v2\n" } else { b"coffre/pages/v1\n" };
    let key = derive(&from, None, &Label::new("coffre/v1/pages", &scope()));
    let (mut bytes, mut last) = (first_line.to_vec(), [0; 32]);
    last[..first_line.len()].copy_from_slice(first_line);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (payload, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        last = commitment(key.expose(), &[&last[..], payload].concat());
        bytes.extend(u32::try_from(payload.len()).expect("two bytes say it").to_be_bytes());
        bytes.extend(payload);
        bytes.extend(last);
        rest = after;
    }
    let Ok((read, said)) = PageFile::read(&bytes, &from, &scope()) else { return };
    // What the first version said is written in the second alone.
    let Some(tables) = &said.tables else { return };
    let (mut file, mut again) = PageFile::begin(tables, &from, &scope());
    for change in &said.changes {
        let (next, record) = file.write(change);
        again.extend(record);
        file = next;
    }
    assert_eq!(file.length(), read.length());
    assert!(bytes.starts_with(&again) && again.len() as u64 == read.length(), "a file has one spelling");
}

/// The result of a drill that is believed is signed again to the same note.
pub fn drill(data: &[u8]) {
    let _ = DrillResult::open(data, &pinned());
    let Some(note) = text(data).and_then(signed).map(|note| note.to_string()) else { return };
    if let Ok(read) = DrillResult::open(note.as_bytes(), &pinned()) {
        assert_eq!(read.sign(&signing_key()).expect("what was read can be signed"), note);
    }
}

/// A tombstone that is believed is signed again to the same note.
pub fn tombstone(data: &[u8]) {
    let key = signing_key();
    let Some(note) = text(data).and_then(signed).map(|note| note.to_string()) else { return };
    if let Ok(read) = Tombstone::open(&note, &key.verification_key()) {
        let again = read.sign(&key).expect("what was read can be signed");
        assert_eq!(Tombstone::open(&again, &key.verification_key()), Ok(read));
    }
}
