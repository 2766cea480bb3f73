//! Which values are searched for, and how each may be written. Short names would be found in any random bytes, so they
//! are searched as part of a full name only: the shortest length is the one with which chance is ruled out. Pure.

use std::collections::BTreeMap;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A family or given name by itself.
    Name,
    /// Both names of a client.
    FullName,
    Email,
    ClientNumber,
}

/// So few hits in random bytes are as good as none.
const BY_CHANCE: f64 = 1e-4;
/// How much of what is searched is base64, at most.
const BASE64_SHARE: f64 = 0.01;

/// Distinct values, each with the ways in which it may be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    values: BTreeMap<(Kind, String), Vec<String>>,
}

/// From which length on a value is searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chosen {
    /// Values of fewer characters are left out.
    pub(crate) shortest: usize,
    /// How many hits random bytes would give.
    pub(crate) expected_by_chance: f64,
}

impl Values {
    /// Adds a value; blanks around it belong to a fixed-width column and not to it.
    pub(crate) fn add(&mut self, kind: Kind, value: &str) {
        self.add_written(kind, value, vec![value.trim().to_owned()]);
    }

    /// Adds a value that may be written in several ways.
    pub(crate) fn add_written(&mut self, kind: Kind, value: &str, writings: Vec<String>) {
        let value = value.trim();
        if !value.is_empty() {
            self.values.insert((kind, value.to_owned()), writings);
        }
    }

    /// How many values of a kind have at least so many characters.
    pub(crate) fn count(&self, kind: Kind, shortest: usize) -> u64 {
        self.values.keys().filter(|(other, value)| *other == kind && length(value) >= shortest).count() as u64
    }

    /// How many have fewer.
    pub(crate) fn shorter(&self, shortest: usize) -> u64 {
        self.values.keys().filter(|(_, value)| length(value) < shortest).count() as u64
    }

    /// The writings of each value of at least so many characters.
    pub(crate) fn of_length(&self, shortest: usize) -> impl Iterator<Item = &[String]> {
        let long = move |(key, _): &(&(Kind, String), &Vec<String>)| length(&key.1) >= shortest;
        self.values.iter().filter(long).map(|(_, writings)| writings.as_slice())
    }

    /// The least length with which so many random bytes hold none of the values, five at least.
    pub(crate) fn choose(&self, bytes: u64) -> Chosen {
        let mut shortest = 5;
        loop {
            let expected_by_chance = self.expected(shortest, bytes);
            if expected_by_chance < BY_CHANCE {
                return Chosen { shortest, expected_by_chance };
            }
            shortest += 1;
        }
    }

    /// Each writing at each place, once in UTF-8 and once in Latin-1; UTF-16 is longer and adds next to nothing. Signatures and
    /// wrapped keys stand in base64, where every byte is one of 64: a name is found there sooner.
    #[expect(clippy::cast_precision_loss, reason = "an order of magnitude")]
    fn expected(&self, shortest: usize, bytes: u64) -> f64 {
        let probability = |writing: &String| {
            let length = i32::try_from(length(writing)).unwrap_or(i32::MAX).saturating_neg();
            2.0 * 256_f64.powi(length) + BASE64_SHARE * 64_f64.powi(length)
        };
        self.of_length(shortest).flatten().map(probability).sum::<f64>() * bytes as f64
    }
}

/// In Latin-1, where a character is one byte, a value is shortest.
fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.add(Kind::Name, "Roy   ");
        values.add(Kind::Name, "Petit");
        values.add(Kind::Name, "Lefèvre");
        values.add(Kind::Email, "h.lefevre@example.fr");
        values.add(Kind::Email, "  ");
        values
    }

    #[test]
    fn short_names_are_left_out_where_chance_would_find_them() {
        let few = values().choose(1_000);
        assert_eq!(few.shortest, 5);
        let many = values().choose(10_000_000_000_000);
        assert_eq!(many.shortest, 8, "seven letters are too short for ten terabytes");
        assert!(many.expected_by_chance < BY_CHANCE);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let values = values();
        assert_eq!((values.count(Kind::Name, 5), values.count(Kind::Email, 5), values.shorter(5)), (2, 1, 1));
        assert_eq!(values.of_length(6).flatten().collect::<Vec<_>>(), ["Lefèvre", "h.lefevre@example.fr"]);
    }
}
