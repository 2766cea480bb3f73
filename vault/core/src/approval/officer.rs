//! Officers: the holders of approval keys. The name of an officer's key says who it is and in which role, and the key's
//! id is over the name, so neither can be changed without the signature changing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{OfficerError, OfficersError};
use crate::note::VerificationKey;

/// As many officers as a vault may have.
const MOST: usize = 16;
/// As many as it must have.
const LEAST: usize = 2;

/// In which role somebody is an officer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfficerRole {
    /// The legal service.
    Legal,
    /// The data protection officer.
    Dpo,
}

impl OfficerRole {
    /// Its name in keys and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legal => "legal",
            Self::Dpo => "dpo",
        }
    }
}

impl fmt::Display for OfficerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OfficerRole {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Legal, Self::Dpo].into_iter().find(|role| role.as_str() == text);
        known.ok_or("not an officer's role: use legal or dpo")
    }
}

/// An officer: a verification key whose name is `ROLE/NAME`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Officer {
    role: OfficerRole,
    key: VerificationKey,
}

impl Officer {
    /// The officer whose key this is.
    pub fn new(key: VerificationKey) -> Result<Self, OfficerError> {
        let wrong = || OfficerError::Name { name: key.name().to_string() };
        let (role, name) = key.name().as_str().split_once('/').ok_or_else(wrong)?;
        let role = role.parse().map_err(|_| wrong())?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(wrong());
        }
        Ok(Self { role, key })
    }

    /// In which role.
    pub const fn role(&self) -> OfficerRole {
        self.role
    }

    /// Who it is, without the role.
    pub fn name(&self) -> &str {
        self.key.name().as_str().split_once('/').map_or("", |(_, name)| name)
    }

    /// What their signatures are verified with.
    pub const fn key(&self) -> &VerificationKey {
        &self.key
    }

    /// `ROLE/NAME+ID`: what entries of the log and messages call the officer.
    pub fn known_as(&self) -> String {
        format!("{}+{}", self.key.name(), self.key.id())
    }
}

impl FromStr for Officer {
    type Err = OfficerError;

    fn from_str(text: &str) -> Result<Self, OfficerError> {
        Self::new(text.parse()?)
    }
}

impl TryFrom<String> for Officer {
    type Error = OfficerError;

    fn try_from(text: String) -> Result<Self, OfficerError> {
        text.parse()
    }
}

impl From<Officer> for String {
    fn from(officer: Officer) -> Self {
        officer.key.to_string()
    }
}

impl fmt::Display for Officer {
    /// Writes the verification key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl fmt::Debug for Officer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Officer({self})")
    }
}

/// The officers of a vault: at least two, each another person with another key. Numbered, so that a former set does
/// not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Officers {
    serial: u64,
    officers: Vec<Officer>,
}

#[derive(Deserialize)]
struct Unchecked {
    serial: u64,
    officers: Vec<Officer>,
}

impl TryFrom<Unchecked> for Officers {
    type Error = OfficersError;

    fn try_from(Unchecked { serial, officers }: Unchecked) -> Result<Self, OfficersError> {
        Self::new(serial, officers)
    }
}

impl Officers {
    /// Checks that they are a set of officers.
    pub fn new(serial: u64, officers: Vec<Officer>) -> Result<Self, OfficersError> {
        let found = officers.len();
        if found < LEAST {
            return Err(OfficersError::TooFew { found });
        }
        if found > MOST {
            return Err(OfficersError::TooMany { found, most: MOST });
        }
        for (index, one) in officers.iter().enumerate() {
            for other in officers.iter().skip(index + 1) {
                if one.name().eq_ignore_ascii_case(other.name()) {
                    return Err(OfficersError::SamePerson { name: one.name().to_owned() });
                }
                if one.key.as_bytes() == other.key.as_bytes() {
                    return Err(OfficersError::SameKey { one: one.known_as(), other: other.known_as() });
                }
            }
        }
        Ok(Self { serial, officers })
    }

    /// The number of this set: 1 for the first.
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Officer> {
        self.officers.iter()
    }

    /// What the log calls them, in one line: by their whole keys, since another key can be made that has the id of one.
    pub fn known_as(&self) -> String {
        self.officers.iter().map(Officer::to_string).collect::<Vec<_>>().join(", ")
    }
}
