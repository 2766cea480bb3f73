//! The form of a number: runs of digits and letters between signs. What it is replaced by has the same.

use super::draw::Draw;
use super::originals::{Originals, Tag};

/// A run of characters of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Run {
    /// Digits: how many, and whether the first is a zero.
    Digits { many: usize, from_zero: bool },
    /// Letters: how many, and which ones, without telling. Letters stand for a kind of number more often than for a
    /// person: the same are replaced by the same.
    Letters { many: usize, upper: bool, tag: Tag },
    /// A sign between them.
    Sign(char),
}

/// The form of a text.
pub(super) fn form(originals: &Originals, text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let same = |c: char| c.is_alphanumeric() && c.is_ascii_digit() == is_digit;
        let end = rest.find(|c: char| !same(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let many = run.chars().count();
        rest = after;
        if run.is_empty() {
            let mut left = rest.chars();
            let sign = left.next().filter(|c| c.is_ascii_punctuation() || *c == ' ').unwrap_or('-');
            rest = left.as_str();
            runs.push(Run::Sign(sign));
        } else if is_digit {
            runs.push(Run::Digits { many, from_zero: first == '0' });
        } else {
            runs.push(Run::Letters {
                many,
                upper: first.is_uppercase(),
                tag: originals.tag("letters", &run.to_lowercase()),
            });
        }
    }
    runs
}

/// Digits of a form.
pub(super) fn digits(draw: &mut Draw, many: usize, from_zero: bool) -> String {
    const DIGITS: &[char] = &['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'];
    let any = |draw: &mut Draw| draw.pick(DIGITS).unwrap_or('1');
    let first = if from_zero { '0' } else { DIGITS.get(draw.below(9)).copied().unwrap_or('1') };
    std::iter::once(first).chain((1..many).map(|_| any(draw))).collect()
}

/// Letters of a form.
pub(super) fn letters(draw: &mut Draw, many: usize, upper: bool) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    let letter = |draw: &mut Draw| char::from(draw.pick(LETTERS).unwrap_or(b'x'));
    let word: String = (0..many).map(|_| letter(draw)).collect();
    if upper { word.to_uppercase() } else { word }
}
