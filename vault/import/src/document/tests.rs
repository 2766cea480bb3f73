//! Documents that are whole, and those that are not.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Cursor;

use super::*;

const PDF: &str = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nxref\n0 2\n0000000000 65535 f \n0000000009 00000 n \ntrailer\n<< /Size 2 /Root 1 0 R >>\nstartxref\n45\n%%EOF\n";

fn judge(bytes: &[u8]) -> Result<DocumentFormat, DocumentFault> {
    let all = [DocumentFormat::Pdf, DocumentFormat::Jpeg, DocumentFormat::Png, DocumentFormat::Tiff];
    examine(&mut Cursor::new(bytes), &all).unwrap().map(|(format, ..)| format)
}

#[test]
fn the_formats_are_told_by_their_bytes() {
    assert_eq!(judge(PDF.as_bytes()), Ok(DocumentFormat::Pdf));
    assert_eq!(judge(b"\xff\xd8\xff\xe0rest"), Ok(DocumentFormat::Jpeg));
    assert_eq!(judge(b"\x89PNG\r\n\x1a\nrest"), Ok(DocumentFormat::Png));
    assert_eq!(judge(b"II*\0rest"), Ok(DocumentFormat::Tiff));
    assert_eq!(judge(b"<html>"), Err(DocumentFault::Format));
    assert_eq!(judge(b""), Err(DocumentFault::Empty));
    let only_pdf = examine(&mut Cursor::new(b"II*\0rest"), &[DocumentFormat::Pdf]).unwrap();
    assert_eq!(only_pdf, Err(DocumentFault::Format));
}

#[test]
fn a_pdf_that_was_cut_anywhere_before_its_end_mark_is_damaged() {
    let end = PDF.find("%%EOF").unwrap() + "%%EOF".len();
    for cut in 5..end {
        assert_eq!(judge(&PDF.as_bytes()[..cut]), Err(DocumentFault::Damaged), "cut at {cut}");
    }
    assert_eq!(judge(&PDF.as_bytes()[..end]), Ok(DocumentFormat::Pdf), "the line end after the mark may be missing");
}

#[test]
fn a_pdf_whose_table_is_elsewhere_is_damaged() {
    for wrong in ["43", "46", "99999", "18446744073709551615", "", "-1", "x"] {
        assert_eq!(
            judge(PDF.replace("\n45\n", &format!("\n{wrong}\n")).as_bytes()),
            Err(DocumentFault::Damaged),
            "{wrong}"
        );
    }
    let stream = PDF.replace("xref\n0 2", "12 0 obj").replace("startxref", "trailer\nstartxref");
    let stream = stream.replacen("start12 0 obj", "startxref", 1);
    assert_eq!(judge(stream.as_bytes()), Ok(DocumentFormat::Pdf), "a cross-reference stream");
}

#[test]
fn a_pdf_may_have_something_before_its_header_and_white_space_before_its_table() {
    let white = PDF.replace("\n45\n", "\n44\n");
    assert_eq!(judge(white.as_bytes()), Ok(DocumentFormat::Pdf), "the line end before the table");
    for before in ["\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let counted_from_the_header = format!("{before}{PDF}");
        assert_eq!(judge(counted_from_the_header.as_bytes()), Ok(DocumentFormat::Pdf));
        let from_the_first_byte = counted_from_the_header.replace("\n45\n", &format!("\n{}\n", 45 + before.len()));
        assert_eq!(judge(from_the_first_byte.as_bytes()), Ok(DocumentFormat::Pdf));
        let elsewhere = counted_from_the_header.replace("\n45\n", "\n40\n");
        assert_eq!(judge(elsewhere.as_bytes()), Err(DocumentFault::Damaged));
    }
}

#[test]
fn length_and_hash_are_of_all_bytes_whatever_the_size() {
    let large = PDF.replace("endobj", &format!("% {}\nendobj", "x".repeat(200_000)));
    let large = large.replace("\n45\n", &format!("\n{}\n", large.find("xref").unwrap()));
    let (format, length, sha256) = examine(&mut Cursor::new(&large), &[DocumentFormat::Pdf]).unwrap().unwrap();
    assert_eq!((format, length), (DocumentFormat::Pdf, large.len() as u64));
    assert_eq!(sha256, hexadecimal(&Sha256::digest(&large)));
    let (_, _, sha256) = examine(&mut Cursor::new("II*\0"), &[DocumentFormat::Tiff]).unwrap().unwrap();
    assert_eq!(sha256, hexadecimal(&Sha256::digest("II*\0")));
}

#[test]
fn a_header_may_come_late_and_an_incremental_update_counts() {
    let late = format!("{}{PDF}", " ".repeat(1000));
    let late = late.replace("\n45\n", "\n1045\n");
    assert_eq!(judge(late.as_bytes()), Ok(DocumentFormat::Pdf));
    let updated = format!("{PDF}2 0 obj\nendobj\nxref\n0 0\ntrailer\n<< >>\nstartxref\n{}\n%%EOF\n", PDF.len() + 15);
    assert_eq!(judge(updated.as_bytes()), Ok(DocumentFormat::Pdf));
}
