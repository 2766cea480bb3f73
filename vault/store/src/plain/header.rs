//! Tells from a file's first bytes and its length what it is. Pure: reads no file.
//!
//! Source of the fields: <https://www.sqlite.org/fileformat2.html> ("The Database Header").

use super::kind::{Damage, SourceKind, SqliteFile, TextEncoding};
use super::mysql;

/// How many first bytes are looked at: a page of the largest size.
pub(super) const HEAD: usize = 65_536;

const SQLITE: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

/// What a file of `length` bytes that begins with `head` is; `head` holds [`HEAD`] bytes, or the whole file.
pub(super) fn classify(head: &[u8], length: u64) -> SourceKind {
    if head.is_empty() {
        return SourceKind::Empty;
    }
    if let Some(rest) = head.strip_prefix(SQLITE) {
        return if rest.len() + SQLITE.len() < HEADER {
            SourceKind::Damaged(Damage::Truncated { expected: HEADER as u64, found: length })
        } else {
            sqlite(head, length)
        };
    }
    if head.iter().all(|b| *b == 0) {
        return SourceKind::Damaged(Damage::Zeros);
    }
    by_signature(head)
        .or_else(|| mysql::dump(head))
        .or_else(|| text(head))
        .unwrap_or_else(|| if is_random(head) { SourceKind::Encrypted } else { SourceKind::Unknown })
}

fn sqlite(head: &[u8], length: u64) -> SourceKind {
    match sqlite_header(head, length) {
        Ok(file) => SourceKind::Sqlite(file),
        Err(damage) => SourceKind::Damaged(damage),
    }
}

fn sqlite_header(head: &[u8], length: u64) -> Result<SqliteFile, Damage> {
    let wrong = |field| Err(Damage::Header { field });
    let page_size = match u16_at(head, 16) {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => u32::from(size),
        _ => return wrong("page size"),
    };
    let (write_version, read_version) = (byte_at(head, 18), byte_at(head, 19));
    if !(1..=2).contains(&write_version) || !(1..=2).contains(&read_version) {
        return wrong("format version");
    }
    if u32::from(byte_at(head, 20)) + 480 > page_size {
        return wrong("reserved space");
    }
    if head.get(21..24) != Some(&[64, 32, 32]) {
        return wrong("payload fractions");
    }
    if u32_at(head, 44) > 4 {
        return wrong("schema format");
    }
    let text = match u32_at(head, 56) {
        // 0: no table was ever made, and none of its text can be read either.
        0 | 1 => TextEncoding::Utf8,
        2 => TextEncoding::Utf16Le,
        3 => TextEncoding::Utf16Be,
        _ => return wrong("text encoding"),
    };
    let expected = expected_length(head, page_size, length);
    if length < expected {
        return Err(Damage::Truncated { expected, found: length });
    }
    let pages = length / u64::from(page_size);
    Ok(SqliteFile { page_size, pages, text, wal_mode: read_version == 2, wal: None, interrupted: false })
}

/// The page count in the header counts only if the last writer knew of it ("version-valid-for").
fn expected_length(head: &[u8], page_size: u32, length: u64) -> u64 {
    let pages = u64::from(u32_at(head, 28));
    let current = pages > 0 && u32_at(head, 24) == u32_at(head, 92);
    let size = u64::from(page_size);
    if current { pages * size } else { length.div_ceil(size).max(1) * size }
}

fn by_signature(head: &[u8]) -> Option<SourceKind> {
    const SIGNATURES: &[(usize, &[u8], SourceKind)] = &[
        (4, b"Standard Jet DB", SourceKind::Access { ace: false }),
        (4, b"Standard ACE DB", SourceKind::Access { ace: true }),
        (0, b"** This file contains an SQLite 2", SourceKind::Sqlite2),
        (0, b"PGDMP", SourceKind::PostgresDump),
        (0, b"--\n-- PostgreSQL database dump", SourceKind::PostgresDump),
        (0, b"PRAGMA foreign_keys=OFF;", SourceKind::SqliteDump),
        (0, b"BEGIN TRANSACTION;", SourceKind::SqliteDump),
        (0, b"\xfe\x01", SourceKind::MySqlTable),
        (0, b"\xfe\xfe\x07", SourceKind::MySqlTable),
        (0, b"age-encryption.org/", SourceKind::Age),
        (0, b"-----BEGIN AGE ENCRYPTED FILE-----", SourceKind::Age),
        (0, b"\x1f\x8b", SourceKind::Compressed("gzip")),
        (0, b"PK\x03\x04", SourceKind::Compressed("zip")),
        (0, b"BZh", SourceKind::Compressed("bzip2")),
        (0, b"\xfd7zXZ\0", SourceKind::Compressed("xz")),
        (0, b"\x28\xb5\x2f\xfd", SourceKind::Compressed("zstandard")),
        (0, b"7z\xbc\xaf\x27\x1c", SourceKind::Compressed("7-Zip")),
    ];
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    SIGNATURES.iter().find(|(offset, magic, _)| at(*offset, magic)).map(|(_, _, kind)| kind.clone())
}

fn text(head: &[u8]) -> Option<SourceKind> {
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c);
    (!head.iter().any(control)).then_some(SourceKind::Text)
}

/// Ciphertext holds every byte value about equally often: Shannon's entropy of even 1 KiB of it is above
/// 7.7 bits a byte, of a database page or a document's start far below. Shorter files cannot be told.
fn is_random(head: &[u8]) -> bool {
    const ENOUGH: usize = 1024;
    let sample = head.get(..head.len().min(8 * ENOUGH)).unwrap_or(head);
    if sample.len() < ENOUGH {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 8192")]
    let total = sample.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    let entropy: f64 = counts.iter().filter(|c| **c > 0).map(share).map(|p| -p * p.log2()).sum();
    entropy > 7.5
}

fn byte_at(head: &[u8], offset: usize) -> u8 {
    head.get(offset).copied().unwrap_or(0)
}

fn u16_at(head: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([byte_at(head, offset), byte_at(head, offset + 1)])
}

fn u32_at(head: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(head, offset)) << 16 | u32::from(u16_at(head, offset + 2))
}
