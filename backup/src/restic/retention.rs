//! For how long snapshots are kept. Starts nothing.
//!
//! Rules by time (`within…`) look back from the newest snapshot that is not in the future; rules by number look at how
//! many there are, so whoever may add snapshots can push the good ones out. On an append-only repository only those by
//! time hold.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// One snapshot of each of these is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Every {
    /// Every single one.
    Snapshot,
    /// One an hour.
    Hour,
    /// One a day.
    Day,
    /// One a week.
    Week,
    /// One a month.
    Month,
    /// One a year.
    Year,
}

impl Every {
    const fn within(self) -> &'static str {
        match self {
            Self::Snapshot => "--keep-within",
            Self::Hour => "--keep-within-hourly",
            Self::Day => "--keep-within-daily",
            Self::Week => "--keep-within-weekly",
            Self::Month => "--keep-within-monthly",
            Self::Year => "--keep-within-yearly",
        }
    }

    const fn number(self) -> &'static str {
        match self {
            Self::Snapshot => "--keep-last",
            Self::Hour => "--keep-hourly",
            Self::Day => "--keep-daily",
            Self::Week => "--keep-weekly",
            Self::Month => "--keep-monthly",
            Self::Year => "--keep-yearly",
        }
    }
}

/// A length of time as restic writes it: `2y5m7d3h`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(String);

/// Text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no length of time: write years, months, days and hours as 1y5m7d2h")]
pub struct SpanError {
    text: String,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError { text: text.to_owned() };
        let (mut digits, mut units, mut something) = (String::new(), "ymdh".chars(), false);
        for letter in text.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            // Each unit once, the longest first, and a number before it.
            if !units.any(|unit| unit == letter) || digits.len() > 4 {
                return Err(wrong());
            }
            something |= std::mem::take(&mut digits).parse::<u32>().map_err(|_| wrong())? > 0;
        }
        if digits.is_empty() && something { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rules. A snapshot that any of them keeps stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// By time.
    pub within: Vec<(Every, Span)>,
    /// By number.
    pub numbers: Vec<(Every, NonZeroU32)>,
}

impl Retention {
    /// Whether there is no rule. That keeps everything, and is not what anybody means.
    pub fn is_empty(&self) -> bool {
        self.within.is_empty() && self.numbers.is_empty()
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let within = self.within.iter().flat_map(|(every, span)| [every.within().into(), span.to_string().into()]);
        let numbers = self.numbers.iter().flat_map(|(every, n)| [every.number().into(), n.to_string().into()]);
        within.chain(numbers)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_span_has_each_unit_once_and_is_not_nothing() {
        for good in ["2d", "1y5m7d2h", "13m", "0y1d"] {
            assert_eq!(good.parse::<Span>().unwrap().to_string(), good);
        }
        for bad in ["", "d", "5", "0d", "1d1y", "1d2d", "1w", "-1d", "1 d", "99999d", "1y5"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_become_arguments() {
        let retention = Retention {
            within: vec![(Every::Snapshot, "2d".parse().unwrap()), (Every::Week, "3m".parse().unwrap())],
            numbers: vec![(Every::Year, NonZeroU32::MIN)],
        };
        let arguments: Vec<_> = retention.arguments().collect();
        assert_eq!(arguments, ["--keep-within", "2d", "--keep-within-weekly", "3m", "--keep-yearly", "1"]);
    }
}
