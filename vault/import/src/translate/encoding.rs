//! The encodings in which legacy applications wrote text. Strict: bytes that cannot be text in the
//! declared encoding are refused, never replaced.

use serde::Deserialize;

/// An encoding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// ISO 8859-1.
    #[serde(rename = "latin-1")]
    Latin1,
    /// What Windows wrote in western Europe: Latin-1 with `€`, `œ` and typographic marks.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
}

impl Encoding {
    /// The text, if the bytes are text in this encoding. Lines that end as on Windows end like any other.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<String> {
        let text = match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok()?.to_owned(),
            // Every byte is a character in these, so a column that mixes encodings shows only by this.
            _ if is_evident_utf8(bytes) => return None,
            Self::Latin1 => encoding_rs::mem::decode_latin1(bytes).into_owned(),
            Self::Windows1252 => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        };
        let text = text.replace("\r\n", "\n");
        // 0x80 to 0x9F are control characters in Latin-1, as are the five free places of Windows-1252.
        (!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t')).then_some(text)
    }
}

/// Whether bytes with accents are well-formed UTF-8: as Latin-1 they would be `Ã©` and the like,
/// which no name contains.
fn is_evident_utf8(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok()
}
