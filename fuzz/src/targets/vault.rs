//! Files of a vault that lie where others can write: documents, key files, tombstones; and shares that people type.

use coffre_core::crypto::SecretKey;
use coffre_core::document::{CHUNK, ChunkCipher, HEADER, SEALED_CHUNK, salt};
use coffre_core::key_share::{KeyShare, LINES, Line, SharePage};
use coffre_core::keyset::{KeysFile, RootKey};
use coffre_core::tombstone::Tombstone;

use super::text;
use crate::fixture::{scope, signed, signing_key};

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

/// A key file that is read is of one vault; nothing of another opens.
pub fn key_files(data: &[u8]) {
    if let Ok(file) = KeysFile::from_bytes(data) {
        let _ = file.scope();
    }
    if let Ok(root) = RootKey::from_bytes(data, &scope()) {
        assert_eq!(root.scope, scope());
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

/// A share that is read is printed again to the same share; a line that is read alone is the line of one.
pub fn key_share(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    for number in 1..=LINES {
        if let Ok(line) = Line::read(number, typed)
            && number == 1
        {
            let _ = line.header();
        }
    }
    if let Ok(page) = SharePage::read(typed) {
        let printed = page.share.to_lines();
        let lines: Vec<Line> =
            printed.iter().zip(1..).map(|(line, number)| Line::read(number, line).expect("it was printed")).collect();
        let lines: [Line; LINES] = lines.try_into().expect("four lines");
        assert_eq!(KeyShare::from_lines(&lines), Ok(page.share));
    }
}
