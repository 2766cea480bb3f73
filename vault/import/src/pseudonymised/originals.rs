//! What the vault holds, as keyed hashes: enough to know again what must not come out, and nothing to read it from.

use std::collections::HashSet;

use coffre_core::crypto::{SecretKey, commitment};
use coffre_core::search;

/// The keyed hash of a value: equal values have equal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tag(u128);

/// The fewest characters of a part that is looked for within a replacement. What is shorter is in any text by chance.
pub(super) const PART: usize = 5;

/// Values known again, under a key of one run.
pub(super) struct Originals {
    key: SecretKey,
    // Half of a hash each: an accident costs another try, and there are twenty of them for a record.
    seen: HashSet<u64>,
}

impl Originals {
    pub(super) fn under(key: SecretKey) -> Self {
        Self { key, seen: HashSet::new() }
    }

    /// The tag of a value in the form in which equal ones are equal, among those of one kind.
    pub(super) fn tag(&self, kind: &str, form: &str) -> Tag {
        let hash = commitment(self.key.expose(), format!("{kind}\0{form}").as_bytes());
        Tag(hash.iter().take(16).fold(0, |tag, byte| (tag << 8) | u128::from(*byte)))
    }

    /// Half a tag of a form.
    pub(super) fn hash(&self, form: &str) -> u64 {
        let hash = commitment(self.key.expose(), form.as_bytes());
        hash.iter().take(8).fold(0, |tag, byte| (tag << 8) | u64::from(*byte))
    }

    /// Remembers a value: the whole, each of its words, and its digits.
    pub(super) fn remember(&mut self, text: &str) {
        let words = text.split_whitespace().chain(text.split(|c: char| !c.is_alphanumeric()));
        let forms: HashSet<String> =
            words.map(one_form).chain([digits(text)]).filter(|form| form.len() >= 2).chain([one_form(text)]).collect();
        for form in forms {
            let hash = self.hash(&form);
            self.seen.insert(hash);
        }
    }

    /// Whether a text is one of them.
    pub(super) fn are(&self, text: &str) -> bool {
        [one_form(text), digits(text)].iter().any(|form| !form.is_empty() && self.seen.contains(&self.hash(form)))
    }

    /// Whether a text is one of them, or holds one of at least [`PART`] characters.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let within = |form: &str| {
            let at: Vec<usize> = form.char_indices().map(|(at, _)| at).chain([form.len()]).collect();
            let parts = at
                .iter()
                .enumerate()
                .flat_map(|(from, start)| at.iter().skip(from + PART).filter_map(move |end| form.get(*start..*end)));
            parts.into_iter().any(|part| self.seen.contains(&self.hash(part)))
        };
        self.are(text) || within(&one_form(text)) || within(&digits(text))
    }
}

/// Letters and digits without case and accents; of a script that has none of ours, the text without case.
pub(super) fn one_form(text: &str) -> String {
    let letters = search::letters(text);
    if letters.is_empty() { text.trim().to_lowercase() } else { letters }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
