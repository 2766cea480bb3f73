//! Copies of the keyring: what one place holds of them, and what follows for an erased key.
//!
//! Invariant: a place is clear of a key only if everything that can still open it, there or on its
//! way there, was made after the key was destroyed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::Timestamp;

/// The name of a place that holds copies: the spool, or a destination of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaceName(String);

/// Text that is not the name of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a place: use 1 to 64 letters, digits, '.', '_' and '-'")]
pub struct PlaceNameError;

impl PlaceName {
    /// The local queue that every destination is filled from.
    pub const SPOOL: &'static str = "spool";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlaceName {
    type Err = PlaceNameError;

    fn from_str(text: &str) -> Result<Self, PlaceNameError> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let sound = (1..=64).contains(&text.chars().count()) && text.chars().all(allowed);
        if sound { Ok(Self(text.to_owned())) } else { Err(PlaceNameError) }
    }
}

impl TryFrom<String> for PlaceName {
    type Error = PlaceNameError;

    fn try_from(text: String) -> Result<Self, PlaceNameError> {
        text.parse()
    }
}

impl From<PlaceName> for String {
    fn from(name: PlaceName) -> Self {
        name.0
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a place was found to hold of the keyring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    /// The place.
    pub place: PlaceName,
    /// When it was looked at.
    pub looked_at: Timestamp,
    /// When the oldest copy that stands there, or that the spool could still bring there, was begun.
    pub oldest: Option<Timestamp>,
    /// Objects of the keyring whose age no signed manifest tells: they may be of any age.
    pub unaccounted: u64,
}

/// Whether an erased key is gone from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A copy may still hold it, or no place has been looked at since.
    Pending,
    /// No place that is known holds it.
    Final,
}

impl Copies {
    /// Whether nothing here can open a key that was destroyed then. A copy that was begun in the same
    /// moment counts as older.
    pub fn is_clear_of(&self, destroyed: Timestamp) -> bool {
        self.looked_at > destroyed && self.unaccounted == 0 && self.oldest.is_none_or(|begun| begun > destroyed)
    }
}

impl Standing {
    /// How an erasure stands with all places that are known; the spool is always one of them.
    pub fn of(destroyed: Timestamp, places: &[Copies]) -> Self {
        let spool_is_known = places.iter().any(|copies| copies.place.as_str() == PlaceName::SPOOL);
        if spool_is_known && places.iter().all(|copies| copies.is_clear_of(destroyed)) {
            Self::Final
        } else {
            Self::Pending
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Final => "final",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(seconds)
    }

    fn copies(place: &str, looked_at: i64, oldest: Option<i64>) -> Copies {
        Copies { place: place.parse().unwrap(), looked_at: at(looked_at), oldest: oldest.map(at), unaccounted: 0 }
    }

    #[test]
    fn a_place_is_clear_when_all_it_holds_is_younger() {
        let destroyed = at(100);
        for (looked_at, oldest, clear) in [
            (101, None, true),
            (101, Some(101), true),
            (101, Some(100), false),
            (101, Some(7), false),
            // Looked at before the erasure: what was there then says nothing.
            (100, None, false),
            (99, Some(200), false),
        ] {
            assert_eq!(copies("usb", looked_at, oldest).is_clear_of(destroyed), clear, "{looked_at} {oldest:?}");
        }
        let unknown = Copies { unaccounted: 1, ..copies("usb", 200, Some(150)) };
        assert!(!unknown.is_clear_of(destroyed), "an object of unknown age may be of any age");
    }

    #[test]
    fn an_erasure_is_final_when_every_known_place_is_clear() {
        let destroyed = at(100);
        let (spool, usb) = (copies("spool", 200, Some(150)), copies("usb", 200, None));
        let standing = |places: &[Copies]| Standing::of(destroyed, places);
        assert_eq!(standing(&[]), Standing::Pending, "nobody has looked");
        assert_eq!(standing(std::slice::from_ref(&usb)), Standing::Pending, "the spool was not looked at");
        assert_eq!(standing(std::slice::from_ref(&spool)), Standing::Final);
        assert_eq!(standing(&[spool.clone(), usb.clone()]), Standing::Final);
        assert_eq!(standing(&[spool, copies("drawer", 50, None), usb]), Standing::Pending, "a drive that was not seen");
    }

    #[test]
    fn names_of_places_stand_in_one_word() {
        for name in ["spool", "building-b", "bâtiment_B.2", &"x".repeat(64)] {
            assert_eq!(name.parse::<PlaceName>().unwrap().as_str(), name);
        }
        for name in ["", "a b", "a/b", "a\n", &"x".repeat(65)] {
            assert_eq!(name.parse::<PlaceName>(), Err(PlaceNameError), "{name:?}");
        }
    }
}
