//! Whether the bytes of a document are one: its length and hash, its format, and for PDF whether its
//! beginning, its end and its cross-reference table are where they must be. Reads what it is given;
//! knows no database and no path.

mod verified;

use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(crate) use self::verified::Verified;
use crate::candidate::DocumentOrigin;

/// A format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentFormat {
    /// PDF (ISO 32000).
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF, as scanners write it.
    Tiff,
}

impl DocumentFormat {
    /// Its media type (RFC 6838).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
        }
    }

    /// The ending of its files' names.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Tiff => "tif",
        }
    }
}

/// Why a document cannot be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentFault {
    /// The column holds a number.
    NotBytes,
    /// No byte.
    Empty,
    /// The path leads out of the documents' folder.
    Outside,
    /// There is no file at the path, or it is not a regular file, or it may not be read.
    NoFile,
    /// The path is no text in the declared encoding.
    Path,
    /// In no format that the mapping accepts.
    Format,
    /// Begins as a PDF and does not end as one, or its table of contents is not where it says.
    Damaged,
}

impl DocumentFault {
    /// What is wrong and what to do, in French.
    pub const fn french(self) -> &'static str {
        match self {
            Self::NotBytes => "la colonne du document contient un nombre : y remettre le document",
            Self::Empty => "document vide : le numériser à nouveau",
            Self::Outside => "le chemin du document sort du dossier des documents : le corriger",
            Self::NoFile => "fichier du document introuvable ou illisible : le remettre à sa place",
            Self::Path => "chemin du document illisible dans l'encodage déclaré : le ressaisir",
            Self::Format => "document dans un format que la correspondance n'admet pas : le convertir en PDF",
            Self::Damaged => "PDF endommagé : le numériser à nouveau",
        }
    }

    /// What is wrong and what to do, in English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::NotBytes => "the document's column holds a number: put the document back",
            Self::Empty => "an empty document: scan it again",
            Self::Outside => "the document's path leads out of the documents' folder: correct it",
            Self::NoFile => "the document's file is missing or cannot be read: put it back",
            Self::Path => "the document's path cannot be read in the declared encoding: type it again",
            Self::Format => "a document in a format that the mapping does not accept: convert it to PDF",
            Self::Damaged => "a damaged PDF: scan it again",
        }
    }
}

/// What was found where a row should have a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No document is expected, or the row names none.
    Nothing,
    /// A document that can be read.
    Document {
        /// Where its bytes are.
        origin: DocumentOrigin,
        /// Its format.
        format: DocumentFormat,
        /// Its length in bytes.
        length: u64,
        /// SHA-256 of its content, in hexadecimal.
        sha256: String,
    },
    /// One that cannot.
    Unreadable {
        /// The column that holds or names it.
        column: String,
        /// Why.
        fault: DocumentFault,
    },
}

/// Bytes at each end that are looked at.
const HEAD: usize = 1024;
const TAIL: usize = 2048;

/// What the examination of a document's bytes finds.
pub(crate) type Examined = Result<(DocumentFormat, u64, String), DocumentFault>;

/// Reads a document once, in pieces, and judges it. The outer error is the source's.
pub(crate) fn examine<R: Read + Seek>(bytes: &mut R, accepted: &[DocumentFormat]) -> io::Result<Examined> {
    let mut hash = Sha256::new();
    let (mut head, mut tail) = (Vec::with_capacity(HEAD), Vec::with_capacity(3 * TAIL));
    let mut length = 0_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = bytes.read(&mut buffer)?;
        let piece = buffer.get(..read).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        length += read as u64;
        head.extend(piece.iter().take(HEAD - head.len().min(HEAD)));
        tail.extend_from_slice(piece.get(read.saturating_sub(TAIL)..).unwrap_or_default());
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }
    if length == 0 {
        return Ok(Err(DocumentFault::Empty));
    }
    let Some(format) = format_of(&head).filter(|format| accepted.contains(format)) else {
        return Ok(Err(DocumentFault::Format));
    };
    if format == DocumentFormat::Pdf && !is_whole_pdf(bytes, &head, &tail, length)? {
        return Ok(Err(DocumentFault::Damaged));
    }
    Ok(Ok((format, length, hexadecimal(&hash.finalize()))))
}

/// Examines bytes for the fuzz targets: the format, the length and the hash that are found.
#[cfg(fuzzing)]
pub fn fuzzed(bytes: &[u8]) -> Option<(DocumentFormat, u64, String)> {
    const ALL: [DocumentFormat; 4] =
        [DocumentFormat::Pdf, DocumentFormat::Jpeg, DocumentFormat::Png, DocumentFormat::Tiff];
    examine(&mut io::Cursor::new(bytes), &ALL).expect("bytes in memory are read").ok()
}

fn format_of(head: &[u8]) -> Option<DocumentFormat> {
    const STARTS: &[(&[u8], DocumentFormat)] = &[
        (b"\xff\xd8\xff", DocumentFormat::Jpeg),
        (b"\x89PNG\r\n\x1a\n", DocumentFormat::Png),
        (b"II*\0", DocumentFormat::Tiff),
        (b"MM\0*", DocumentFormat::Tiff),
    ];
    // ISO 32000-1, implementation note 13: the header may stand anywhere in the first 1024 bytes.
    if pdf_header(head).is_some() {
        return Some(DocumentFormat::Pdf);
    }
    STARTS.iter().find(|(start, _)| head.starts_with(start)).map(|(_, format)| *format)
}

/// Where a PDF's header stands, if it has one.
fn pdf_header(head: &[u8]) -> Option<usize> {
    head.windows(5).position(|w| w == b"%PDF-")
}

/// ISO 32000-1, 7.5.5: the last lines are `startxref`, an offset and `%%EOF`; at the offset begins
/// a cross-reference table (`xref`) or stream (`12 0 obj`). The offset is from the first byte or, where
/// something stands before the header, often from the header.
fn is_whole_pdf<R: Read + Seek>(bytes: &mut R, head: &[u8], tail: &[u8], length: u64) -> io::Result<bool> {
    let Some(offset) = cross_reference(tail) else { return Ok(false) };
    let before = pdf_header(head).unwrap_or_default() as u64;
    for offset in [offset, offset.saturating_add(before)] {
        // To seek beyond the end is an error for some readers.
        if offset < length && is_cross_reference(bytes, offset)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a cross-reference table or stream stands at an offset, after white space or not.
fn is_cross_reference<R: Read + Seek>(bytes: &mut R, offset: u64) -> io::Result<bool> {
    bytes.seek(SeekFrom::Start(offset))?;
    let mut found = Vec::new();
    bytes.take(64).read_to_end(&mut found)?;
    let mut words = found.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let numeric = |word: Option<&[u8]>| word.is_some_and(|w| w.iter().all(u8::is_ascii_digit));
    let table = found.trim_ascii_start().starts_with(b"xref");
    Ok(table || (numeric(words.next()) && numeric(words.next()) && words.next().is_some_and(|w| w.starts_with(b"obj"))))
}

fn cross_reference(tail: &[u8]) -> Option<u64> {
    let end = last(tail, b"%%EOF")?;
    let before = tail.get(..end)?;
    let start = last(before, b"startxref")?;
    let number = before.get(start + b"startxref".len()..)?.trim_ascii();
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn last(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).rposition(|w| w == word)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
