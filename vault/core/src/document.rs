//! The format of an encrypted document file: 64 KiB chunks, each authenticated, the last marked.
//!
//! ```text
//! header  magic "coffre-doc-v1\n\0\0" (16) ‖ salt (32)
//! chunk   ciphertext (up to 65,536) ‖ tag (16)        one after the other, all but the last full
//! nonce   zeros (7) ‖ chunk number (u32) ‖ 1 if it is the last, else 0
//! ```
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015) as age uses it: a
//! chunk that was moved, removed, repeated or cut off does not open. The key is derived for this
//! one file (salt, document, version, epoch), so counters never repeat under a key.

use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use thiserror::Error;

use crate::crypto::{SecretKey, TAG_LENGTH};

/// Plaintext bytes of a full chunk.
pub const CHUNK: usize = 64 * 1024;
/// Bytes of a full chunk on disk.
pub const SEALED_CHUNK: usize = CHUNK + TAG_LENGTH;
/// Bytes of the header.
pub const HEADER: usize = 48;

const MAGIC: &[u8; 16] = b"coffre-doc-v1\n\0\0";

/// A document file that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// Does not begin as a document file does.
    #[error("not an encrypted document: its first bytes are not Coffre's; restore the file from a backup")]
    Header,
    /// A chunk does not authenticate.
    #[error("chunk {number} of the document was changed, moved or cut off: restore the file from a backup")]
    Chunk {
        /// Which chunk, from 0.
        number: u32,
    },
    /// More than 2^32 chunks.
    #[error("a document holds at most 256 TiB")]
    TooLong,
}

/// The header of a file with this salt.
pub fn header(salt: &[u8; 32]) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    let (magic, rest) = out.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    rest.copy_from_slice(salt);
    out
}

/// The salt in a file's header.
pub fn salt(header: &[u8; HEADER]) -> Result<[u8; 32], DocumentError> {
    let (magic, salt) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(DocumentError::Header);
    }
    salt.try_into().map_err(|_| DocumentError::Header)
}

/// How long the file of a document of this many bytes is.
pub const fn sealed_length(plaintext: u64) -> u64 {
    let chunks = if plaintext == 0 { 1 } else { plaintext.div_ceil(CHUNK as u64) };
    HEADER as u64 + plaintext + chunks * TAG_LENGTH as u64
}

/// Encrypts or decrypts the chunks of one file, in order.
pub struct ChunkCipher {
    cipher: Aes256Gcm,
    next: u32,
    finished: bool,
}

impl ChunkCipher {
    /// For the file whose own key this is.
    pub fn new(key: &SecretKey) -> Self {
        Self { cipher: Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.expose())), next: 0, finished: false }
    }

    /// Encrypts the next chunk in place and appends its tag. All but the last hold `CHUNK` bytes.
    pub fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), DocumentError> {
        let nonce = self.advance(last)?;
        let number = self.next - 1;
        self.cipher.encrypt_in_place(Nonce::from_slice(&nonce), b"", chunk).map_err(|_| DocumentError::Chunk { number })
    }

    /// Decrypts the next chunk in place and removes its tag.
    pub fn open(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), DocumentError> {
        let nonce = self.advance(last)?;
        let number = self.next - 1;
        self.cipher.decrypt_in_place(Nonce::from_slice(&nonce), b"", chunk).map_err(|_| DocumentError::Chunk { number })
    }

    fn advance(&mut self, last: bool) -> Result<[u8; 12], DocumentError> {
        if self.finished {
            return Err(DocumentError::Chunk { number: self.next });
        }
        let mut nonce = [0; 12];
        let (_, counter) = nonce.split_at_mut(7);
        let (counter, mark) = counter.split_at_mut(4);
        counter.copy_from_slice(&self.next.to_be_bytes());
        mark.fill(u8::from(last));
        self.finished = last;
        self.next = self.next.checked_add(1).ok_or(DocumentError::TooLong)?;
        Ok(nonce)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[9; 32])
    }

    fn seal(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut cipher = ChunkCipher::new(&key());
        let seal = |(i, c): (usize, &&[u8])| {
            let mut chunk = c.to_vec();
            cipher.seal(&mut chunk, i + 1 == chunks.len()).unwrap();
            chunk
        };
        chunks.iter().enumerate().map(seal).collect()
    }

    fn open(chunks: &[Vec<u8>]) -> Result<Vec<u8>, DocumentError> {
        let mut cipher = ChunkCipher::new(&key());
        let mut out = Vec::new();
        for (i, chunk) in chunks.iter().enumerate() {
            let mut chunk = chunk.clone();
            cipher.open(&mut chunk, i + 1 == chunks.len())?;
            out.extend(chunk);
        }
        Ok(out)
    }

    #[test]
    fn every_rearrangement_is_refused() {
        let sealed = seal(&[b"aaaa", b"bbbb", b"cc"]);
        assert_eq!(open(&sealed).unwrap(), b"aaaabbbbcc");
        assert!(open(&sealed[..2]).is_err(), "cut at a chunk's end");
        assert!(open(&[sealed[1].clone(), sealed[0].clone(), sealed[2].clone()]).is_err(), "swapped");
        assert!(open(&[sealed[0].clone(), sealed[2].clone()]).is_err(), "removed");
        for (i, chunk) in sealed.iter().enumerate() {
            for byte in 0..chunk.len() {
                let mut changed = sealed.clone();
                changed[i][byte] ^= 1;
                assert_eq!(open(&changed), Err(DocumentError::Chunk { number: u32::try_from(i).unwrap() }));
            }
        }
    }

    #[test]
    fn an_empty_document_is_one_empty_last_chunk() {
        let sealed = seal(&[b""]);
        assert_eq!(sealed_length(0), (HEADER + sealed[0].len()) as u64);
        assert_eq!(open(&sealed).unwrap(), b"");
        assert_eq!(sealed_length(CHUNK as u64), (HEADER + SEALED_CHUNK) as u64);
    }

    #[test]
    fn the_header_is_as_documented() {
        let h = header(&[5; 32]);
        assert_eq!(&h[..14], b"coffre-doc-v1\n");
        assert_eq!(salt(&h), Ok([5; 32]));
        let mut other = h;
        other[0] ^= 1;
        assert_eq!(salt(&other), Err(DocumentError::Header));
    }
}
