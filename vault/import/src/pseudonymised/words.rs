//! Words that are in no language: syllables drawn by lot. They read like names and are nobody's.

use super::draw::Draw;

const ONSETS: &[&str] = &[
    "b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "j", "l", "m", "n", "p", "pl", "r", "s", "t", "tr", "v",
    "vr", "x", "z",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ai", "oi", "ou"];
const ENDS: &[&str] = &["", "c", "l", "m", "n", "r", "s", "t", "x"];

/// A word of about so many syllables, in lower case, of at most so many characters.
pub(super) fn word(draw: &mut Draw, syllables: usize, most: usize) -> String {
    let mut word = String::new();
    for _ in 0..syllables {
        word.push_str(draw.pick(ONSETS).unwrap_or_default());
        word.push_str(draw.pick(VOWELS).unwrap_or_default());
    }
    word.push_str(draw.pick(ENDS).unwrap_or_default());
    word.truncate(most);
    word
}

/// The word with a capital.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
