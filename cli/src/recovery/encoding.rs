//! The text of a share's page, in whatever encoding an editor saved it. All that is needed of it is ASCII; the holder's
//! name is for people.

use zeroize::Zeroizing;

/// UTF-16 by its mark, UTF-8 where it is that, otherwise what Windows writes in western Europe.
pub(super) fn text_of(bytes: &[u8]) -> Zeroizing<String> {
    // As long as it can become: a copy that it grew out of would stay in memory.
    let mut text = Zeroizing::new(String::with_capacity(3 * bytes.len()));
    match bytes {
        [0xFF, 0xFE, units @ ..] => text.extend(utf16(units, u16::from_le_bytes)),
        [0xFE, 0xFF, units @ ..] => text.extend(utf16(units, u16::from_be_bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(utf8) => text.push_str(utf8),
            Err(_) => text.extend(bytes.iter().map(|byte| western(*byte))),
        },
    }
    text
}

fn utf16(units: &[u8], unit: fn([u8; 2]) -> u16) -> impl Iterator<Item = char> {
    let units = units.as_chunks::<2>().0.iter().map(move |pair| unit(*pair));
    char::decode_utf16(units).map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Windows-1252 but for its quotation marks and dashes, which nothing depends on.
fn western(byte: u8) -> char {
    if (0x80..0xA0).contains(&byte) { char::REPLACEMENT_CHARACTER } else { char::from(byte) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "coffre key share v1\r\ndétenteur : Hélène\r\n1  ABCD\r\n";

    #[test]
    fn a_text_is_the_same_in_every_encoding() {
        let marked = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            mark.into_iter().chain(TEXT.encode_utf16().flat_map(bytes)).collect::<Vec<u8>>()
        };
        let latin = TEXT.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let little = marked([0xFF, 0xFE], u16::to_le_bytes);
        for bytes in [TEXT.as_bytes().to_vec(), little, marked([0xFE, 0xFF], u16::to_be_bytes), latin] {
            assert_eq!(text_of(&bytes).as_str(), TEXT, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_read_without_control_characters_of_a_terminal() {
        assert_eq!(text_of(b"\xE9 \x9C \x9B").as_str(), "\u{e9} \u{fffd} \u{fffd}");
        assert_eq!(text_of(b"\xFF\xFE\x00\xD8a\x00b").as_str(), "\u{fffd}a");
    }
}
