//! Purposes: why personal data may be processed, by which roles, on which basis of the GDPR.
//! What a purpose opens is for the Cedar policies to say, not for this module.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use coffre_core::grant::Basis;
use coffre_core::role::Role;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::toml_file::TomlFile;

/// Where the W3C Data Privacy Vocabulary keeps its terms.
const DPV: &str = "https://w3id.org/dpv#";

/// A declared purpose (fr: finalité).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// What applications state.
    pub name: String,
    /// What people read.
    pub labels: Labels,
    /// What it covers.
    pub description: Labels,
    /// Its term in the W3C Data Privacy Vocabulary.
    pub dpv: String,
    /// The usual legal basis (GDPR article 6(1)).
    pub article6: Basis,
    /// The conditions of GDPR article 9(2) under which special categories may serve it; none: never.
    pub article9: BTreeSet<Condition>,
    /// Who may state it.
    pub roles: BTreeSet<Role>,
}

/// A condition of GDPR article 9(2), by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Explicit consent.
    A,
    /// Employment and social protection law.
    B,
    /// Vital interests.
    C,
    /// A foundation or association's own members.
    D,
    /// Data that the person made public.
    E,
    /// Legal claims.
    F,
    /// Substantial public interest.
    G,
    /// Medicine and social care.
    H,
    /// Public health.
    I,
    /// Archives, research, statistics.
    J,
}

/// Text that is not the letter of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a condition of GDPR article 9(2): use its letter, a to j")]
pub struct UnknownCondition;

impl Condition {
    /// Every condition, in the article's order.
    pub const ALL: [Self; 10] =
        [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F, Self::G, Self::H, Self::I, Self::J];

    /// Its letter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::E => "e",
            Self::F => "f",
            Self::G => "g",
            Self::H => "h",
            Self::I => "i",
            Self::J => "j",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Condition {
    type Err = UnknownCondition;

    fn from_str(text: &str) -> Result<Self, UnknownCondition> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == text).ok_or(UnknownCondition)
    }
}

/// What can be wrong with a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PurposeFault {
    /// The name breaks the rule of names.
    #[error("{name:?} is not a purpose name: use 1 to 48 of a-z, 0-9 and '-', starting with a letter")]
    Name {
        /// The text.
        name: String,
    },
    /// Declared twice.
    #[error("purpose {name:?} is declared twice, first on line {first}: remove one of the two")]
    Twice {
        /// The purpose.
        name: String,
        /// Where it was first.
        first: usize,
    },
    /// An empty label or description.
    #[error("the {language} text of {what} of purpose {name:?} is empty: write what people shall read")]
    EmptyText {
        /// `labels` or `description`.
        what: &'static str,
        /// The language.
        language: &'static str,
        /// The purpose.
        name: String,
    },
    /// Not a term of the Data Privacy Vocabulary.
    #[error(
        "`dpv` of purpose {name:?} is no term of the W3C Data Privacy Vocabulary: write it as {DPV}DirectMarketing"
    )]
    Dpv {
        /// The purpose.
        name: String,
    },
    /// No role may state it.
    #[error("purpose {name:?} has no role that may state it: name at least one in `roles`, or remove the purpose")]
    NoRole {
        /// The purpose.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    purpose: Vec<RawPurpose>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawPurpose {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    description: Spanned<Labels>,
    dpv: Spanned<String>,
    #[serde(rename = "article-6")]
    article6: Basis,
    #[serde(rename = "article-9")]
    article9: BTreeSet<Condition>,
    roles: Spanned<BTreeSet<Role>>,
}

/// The purposes that a file declares, by name.
pub(crate) fn parse(file: TomlFile<'_>) -> Result<BTreeMap<String, Purpose>, LoadError> {
    let raw: RawFile = file.parse()?;
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut purposes = BTreeMap::new();
    for raw in raw.purpose {
        if let Some((place, fault)) = fault(file, &raw) {
            return Err(LoadError::Purpose { place, fault });
        }
        let place = file.place(&raw.name);
        let name = raw.name.into_inner();
        if let Some(first) = lines.insert(name.clone(), place.line) {
            return Err(LoadError::Purpose { place, fault: PurposeFault::Twice { name, first } });
        }
        let purpose = Purpose {
            name: name.clone(),
            labels: raw.labels.into_inner(),
            description: raw.description.into_inner(),
            dpv: raw.dpv.into_inner(),
            article6: raw.article6,
            article9: raw.article9,
            roles: raw.roles.into_inner(),
        };
        purposes.insert(name, purpose);
    }
    Ok(purposes)
}

fn fault(file: TomlFile<'_>, raw: &RawPurpose) -> Option<(Place, PurposeFault)> {
    let name = raw.name.get_ref().clone();
    if !is_name(&name) {
        return Some((file.place(&raw.name), PurposeFault::Name { name }));
    }
    for (what, text) in [("labels", &raw.labels), ("description", &raw.description)] {
        if let Some(language) = text.get_ref().missing() {
            return Some((file.place(text), PurposeFault::EmptyText { what, language, name }));
        }
    }
    let term = raw.dpv.get_ref().strip_prefix(DPV);
    if !term.is_some_and(|term| !term.is_empty() && term.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Some((file.place(&raw.dpv), PurposeFault::Dpv { name }));
    }
    raw.roles.get_ref().is_empty().then(|| (file.place(&raw.roles), PurposeFault::NoRole { name }))
}

fn is_name(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
