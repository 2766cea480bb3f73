//! Restriction of processing (GDPR article 18(1)): on as many grounds as there are, each of which ends by itself.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// Text that is not the letter of a ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a ground of GDPR article 18(1): use its letter, a to d")]
pub struct UnknownGround;

/// Why processing is restricted, by the letter of article 18(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Ground {
    /// The data subject contests the accuracy.
    #[serde(rename = "a")]
    Accuracy,
    /// Processing is unlawful, and the data subject wants no erasure.
    #[serde(rename = "b")]
    Unlawful,
    /// The data subject needs the data for claims.
    #[serde(rename = "c")]
    Claims,
    /// The data subject objected, and it is being verified whose grounds override.
    #[serde(rename = "d")]
    Objection,
}

impl Ground {
    /// Every ground, in the article's order.
    pub const ALL: [Self; 4] = [Self::Accuracy, Self::Unlawful, Self::Claims, Self::Objection];

    /// Its letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Accuracy => "a",
            Self::Unlawful => "b",
            Self::Claims => "c",
            Self::Objection => "d",
        }
    }

    const fn bit(self) -> i64 {
        match self {
            Self::Accuracy => 2,
            Self::Unlawful => 4,
            Self::Claims => 8,
            Self::Objection => 16,
        }
    }
}

impl FromStr for Ground {
    type Err = UnknownGround;

    fn from_str(text: &str) -> Result<Self, UnknownGround> {
        Self::ALL.into_iter().find(|ground| ground.letter() == text).ok_or(UnknownGround)
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GDPR article 18(1)({})", self.letter())
    }
}

/// How processing of a record is restricted: on no ground at all it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restriction(i64);

impl Restriction {
    /// As it is stored: the sum of 2, 4, 8 and 16 for the grounds (a) to (d), and of 1 for one that was not kept.
    pub const fn from_stored(stored: i64) -> Self {
        Self(stored)
    }

    /// What is stored of it.
    pub const fn stored(self) -> i64 {
        self.0
    }

    /// Whether processing is restricted.
    pub const fn is_on(self) -> bool {
        self.0 != 0
    }

    /// The grounds that are known.
    pub fn grounds(self) -> Vec<Ground> {
        Ground::ALL.into_iter().filter(|ground| self.0 & ground.bit() != 0).collect()
    }

    /// Restricted on this ground too.
    #[must_use]
    pub const fn with(self, ground: Ground) -> Self {
        Self(self.0 | ground.bit())
    }

    /// No longer restricted on this ground, or on any.
    #[must_use]
    pub const fn without(self, ground: Option<Ground>) -> Self {
        match ground {
            Some(ground) => Self(self.0 & !ground.bit()),
            None => Self(0),
        }
    }

    /// Restricted on whatever ground either is.
    #[must_use]
    pub const fn joined(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ground_ends_by_itself() {
        let both = Restriction::default().with(Ground::Claims).with(Ground::Accuracy);
        assert_eq!(both.grounds(), [Ground::Accuracy, Ground::Claims]);
        let one = both.without(Some(Ground::Accuracy));
        assert!(one.is_on() && one.grounds() == [Ground::Claims]);
        assert_eq!(one.without(Some(Ground::Accuracy)), one, "it had ended");
        assert!(!one.without(Some(Ground::Claims)).is_on());
        assert!(!both.without(None).is_on());
    }

    #[test]
    fn what_was_restricted_before_grounds_were_kept_stays_so() {
        let older = Restriction::from_stored(1);
        assert!(older.is_on() && older.grounds().is_empty());
        let more = older.with(Ground::Objection);
        assert_eq!((more.stored(), more.grounds()), (17, vec![Ground::Objection]));
        assert!(more.without(Some(Ground::Objection)).is_on(), "on what ground, nobody knows");
        assert_eq!(older.joined(Restriction::default().with(Ground::Unlawful)).stored(), 5);
    }

    #[test]
    fn grounds_are_read_as_they_are_written() {
        for ground in Ground::ALL {
            assert_eq!(ground.letter().parse(), Ok(ground));
            assert_eq!(serde_json::to_value(ground).ok(), Some(ground.letter().into()));
        }
        assert_eq!("e".parse::<Ground>(), Err(UnknownGround));
        assert_eq!(Ground::Accuracy.to_string(), "GDPR article 18(1)(a)");
    }
}
