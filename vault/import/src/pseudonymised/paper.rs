//! Fictitious documents: of the media type and about the size of those they stand for, and saying of themselves what
//! they are. The same type and length give the same bytes.

use std::io::Read;

use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str};

const SAID: &str = "Document fictif, sans rapport avec une personne. Fictitious document, about nobody.\n";

const PNG: &[u8] = include_bytes!("paper/page.png");
const JPEG: &[u8] = include_bytes!("paper/page.jpg");
const TIFF: &[u8] = include_bytes!("paper/page.tif");

/// About how large a document is. Its length to the byte would tell which one it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeClass {
    /// Up to 16 KiB.
    Small,
    /// Up to 256 KiB.
    Medium,
    /// Longer.
    Large,
}

/// A document, reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paper {
    pub(super) media_type: &'static str,
    pub(super) size: SizeClass,
}

/// The media types of which documents are made, and what stands for any other.
const MADE: [&str; 5] = ["application/pdf", "image/png", "image/jpeg", "image/tiff", "text/plain"];
const OTHER: &str = "application/octet-stream";

impl SizeClass {
    pub(super) const fn of(length: u64) -> Self {
        match length {
            0..=0x4000 => Self::Small,
            0x4001..=0x4_0000 => Self::Medium,
            _ => Self::Large,
        }
    }

    /// The length of what stands for it.
    pub(super) const fn length(self) -> u64 {
        match self {
            Self::Small => 4 << 10,
            Self::Medium => 64 << 10,
            Self::Large => 512 << 10,
        }
    }
}

impl Paper {
    /// What is left of a document. Whoever stored it wrote its media type, with parameters that can hold its name: only
    /// which of the types it is that are made here comes out.
    pub(super) fn of(media_type: &str, length: u64) -> Self {
        let named = media_type.split(';').next().unwrap_or_default().trim();
        let made = MADE.into_iter().find(|made| made.eq_ignore_ascii_case(named));
        Self { media_type: made.unwrap_or(OTHER), size: SizeClass::of(length) }
    }

    /// The ending of its file's name.
    pub(super) fn extension(self) -> &'static str {
        match self.media_type {
            "application/pdf" => "pdf",
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/tiff" => "tif",
            "text/plain" => "txt",
            _ => "bin",
        }
    }
}

/// The most bytes of a document that is made.
pub(super) const MOST: u64 = SizeClass::Large.length();

/// The bytes of a document of a type.
pub(super) fn content(media_type: &str, length: u64) -> impl Read {
    let begin: Vec<u8> = match media_type {
        "application/pdf" => pdf(usize::try_from(length).unwrap_or(0)),
        // What comes behind the end of a picture is no part of it.
        "image/png" => PNG.to_vec(),
        "image/jpeg" => JPEG.to_vec(),
        "image/tiff" => TIFF.to_vec(),
        _ => Vec::new(),
    };
    let filled = if begin.is_empty() { SAID.as_bytes() } else { b"\n" };
    let rest = length.saturating_sub(begin.len() as u64);
    std::io::Cursor::new(begin).chain(Repeated { text: filled, at: 0 }.take(rest))
}

struct Repeated {
    text: &'static [u8],
    at: usize,
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut rest = self.text.iter().cycle().skip(self.at);
        for byte in buffer.iter_mut() {
            *byte = rest.next().copied().unwrap_or(b'\n');
        }
        self.at = (self.at + buffer.len()).checked_rem(self.text.len()).unwrap_or(0);
        Ok(buffer.len())
    }
}

/// A page, and a stream of spaces that makes it as long as it should be.
fn pdf(length: usize) -> Vec<u8> {
    const AROUND: usize = 1024;
    let [catalog, pages, page, font, text, filling] = [1, 2, 3, 4, 5, 6].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    sheet.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(pages).contents(text);
    sheet.resources().fonts().pair(Name(b"F"), font);
    drop(sheet);
    pdf.type1_font(font).base_font(Name(b"Helvetica"));
    let mut content = Content::new();
    content
        .begin_text()
        .set_font(Name(b"F"), 11.0)
        .next_line(72.0, 770.0)
        .show(Str(SAID.trim_end().as_bytes()))
        .end_text();
    pdf.stream(text, &content.finish());
    pdf.stream(filling, &vec![b' '; length.saturating_sub(AROUND)]);
    pdf.finish()
}
