//! The grants that an import gives. Without such a file an import opens nothing to anybody; with it,
//! exactly what it names: role, purpose, basis, fields, validity, and for which data subjects.
//! Format: docs/formats/import-mapping.md.

use std::collections::BTreeSet;

use coffre_core::grant::{Basis, GrantTerms};
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{GrantFault, Place, Policies};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use toml::value::Datetime;

use crate::candidate::RecordCandidate;
use crate::mapping::Mapping;
use crate::plan::{Granted, say_the_same};
use crate::toml_text::TomlText;

/// A grants file that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct GrantsError {
    /// The line.
    pub place: Place,
    /// What is wrong there.
    pub fault: GrantsFault,
}

/// What is wrong with a grants file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrantsFault {
    /// Not TOML, an unknown or missing key, a wrong type.
    #[error("{message}: see docs/formats/import-mapping.md")]
    Shape {
        /// What the parser says.
        message: String,
    },
    /// Neither `all` nor a consent of the mapping.
    #[error("{name:?} is neither \"all\" nor a consent of the mapping: use \"all\" or one of {known}")]
    UnknownSelection {
        /// The text.
        name: String,
        /// The mapping's consents.
        known: String,
    },
    /// Consent of people who were not asked.
    #[error("consent cannot be had of everybody at once: name in `for` the mapping's consent that the source records")]
    ConsentOfAll,
    /// A validity with two ends.
    #[error("the grant has two ends: keep `valid-until` or `valid-days`")]
    TwoEnds,
    /// Not a time.
    #[error("not a time: write it with its offset, as in 2028-12-31T23:59:59Z")]
    Time,
    /// Zero or too many days.
    #[error("`valid-days` must be from 1 to 36500")]
    Days,
    /// The policies do not allow it.
    #[error("{0}")]
    Grant(GrantFault),
}

/// For whom a grant is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every data subject.
    All,
    /// Those of whom the source says that they consented.
    Consent(String),
}

/// One grant to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRule {
    /// For whom.
    pub selection: Selection,
    /// What it says.
    pub terms: GrantTerms,
}

/// The grants to give with an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantsFile {
    rules: Vec<GrantRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrants {
    #[serde(default)]
    grant: Vec<RawGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawGrant {
    r#for: Spanned<String>,
    role: Role,
    purpose: Spanned<String>,
    basis: Spanned<Basis>,
    article9: Option<String>,
    fields: BTreeSet<FieldPath>,
    valid_from: Option<Spanned<Datetime>>,
    valid_until: Option<Spanned<Datetime>>,
    valid_days: Option<Spanned<i64>>,
}

impl GrantsFile {
    /// The grants that a file's text describes, for an import with this mapping at this time.
    pub fn parse(
        file: &str,
        text: &str,
        mapping: &Mapping,
        policies: &Policies,
        now: Timestamp,
    ) -> Result<Self, GrantsError> {
        let file = TomlText { file, text };
        let raw: RawGrants =
            file.parse().map_err(|(place, message)| GrantsError { place, fault: GrantsFault::Shape { message } })?;
        let read = |raw| Reader { file, mapping, policies, now }.rule(raw);
        Ok(Self { rules: raw.grant.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Its rules.
    pub fn rules(&self) -> &[GrantRule] {
        &self.rules
    }

    /// What it says about one data subject.
    pub(crate) fn granted(&self, candidate: &RecordCandidate) -> Granted {
        let mut granted = Granted::default();
        for rule in &self.rules {
            match &rule.selection {
                Selection::Consent(name) if !candidate.consents.contains(name) => {
                    granted.refused.push(rule.terms.clone());
                }
                // Two rules may give the same: it is given once.
                _ if granted.given.contains(&rule.terms) => {}
                _ => granted.given.push(rule.terms.clone()),
            }
        }
        // Another rule may give the same for another reason: then it is not taken back.
        granted.refused.retain(|refused| !granted.given.iter().any(|given| say_the_same(given, refused)));
        granted
    }
}

struct Reader<'a> {
    file: TomlText<'a>,
    mapping: &'a Mapping,
    policies: &'a Policies,
    now: Timestamp,
}

impl Reader<'_> {
    fn rule(&self, raw: RawGrant) -> Result<GrantRule, GrantsError> {
        let selection = self.selection(&raw.r#for)?;
        if selection == Selection::All && *raw.basis.get_ref() == Basis::Consent {
            return self.refuse(&raw.basis, GrantsFault::ConsentOfAll);
        }
        let valid_from = raw.valid_from.as_ref().map(|time| self.time(time)).transpose()?.unwrap_or(self.now);
        let terms = GrantTerms {
            role: raw.role,
            purpose: raw.purpose.get_ref().clone(),
            fields: raw.fields,
            basis: *raw.basis.get_ref(),
            article9: raw.article9,
            valid_from,
            valid_until: self.end(valid_from, raw.valid_until.as_ref(), raw.valid_days.as_ref())?,
            evidence: None,
        };
        match self.policies.grant_faults(self.mapping.record_type(), &terms).into_iter().next() {
            Some(fault) => self.refuse(&raw.purpose, GrantsFault::Grant(fault)),
            None => Ok(GrantRule { selection, terms }),
        }
    }

    fn selection(&self, named: &Spanned<String>) -> Result<Selection, GrantsError> {
        let name = named.get_ref();
        if name == "all" {
            return Ok(Selection::All);
        }
        if self.mapping.consents().any(|consent| consent == name) {
            return Ok(Selection::Consent(name.clone()));
        }
        let known: Vec<&str> = self.mapping.consents().collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        self.refuse(named, GrantsFault::UnknownSelection { name: name.clone(), known })
    }

    fn end(
        &self,
        from: Timestamp,
        until: Option<&Spanned<Datetime>>,
        days: Option<&Spanned<i64>>,
    ) -> Result<Option<Timestamp>, GrantsError> {
        match (until, days) {
            (None, None) => Ok(None),
            (Some(time), None) => self.time(time).map(Some),
            (Some(_), Some(days)) => self.refuse(days, GrantsFault::TwoEnds),
            (None, Some(days)) if !(1..=36_500).contains(days.get_ref()) => self.refuse(days, GrantsFault::Days),
            (None, Some(days)) => Ok(Some(from.plus_seconds(days.get_ref() * 86_400))),
        }
    }

    fn time(&self, named: &Spanned<Datetime>) -> Result<Timestamp, GrantsError> {
        named.get_ref().to_string().parse().or_else(|_| self.refuse(named, GrantsFault::Time))
    }

    fn refuse<T, V>(&self, value: &Spanned<V>, fault: GrantsFault) -> Result<T, GrantsError> {
        Err(GrantsError { place: self.file.of(value), fault })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use coffre_core::record::Fields;

    use super::*;

    const MAPPING: &str = include_str!("../../../policies/mappings/legal-cobol.toml");

    fn rule(selection: &str) -> String {
        format!(
            "[[grant]]\nfor = \"{selection}\"\nrole = \"customer-service\"\npurpose = \"customer-support\"\n\
             basis = \"contract\"\nfields = [\"contact.phone\"]\n"
        )
    }

    #[test]
    fn what_one_rule_gives_another_does_not_take_back() {
        let policies = Policies::embedded().unwrap();
        let mapping = Mapping::parse("cobol.toml", MAPPING, policies.record_type("policyholder").unwrap()).unwrap();
        let without_consent = RecordCandidate {
            key: "1".to_owned(),
            row: 1,
            fields: Fields::default(),
            documents: Vec::new(),
            document_fields: BTreeMap::new(),
            consents: BTreeSet::new(),
        };
        let said = |text: &str| {
            let file = GrantsFile::parse("grants.toml", text, &mapping, &policies, Timestamp::from_micros(0)).unwrap();
            let granted = file.granted(&without_consent);
            (granted.given.len(), granted.refused.len())
        };
        assert_eq!(said(&rule("marketing")), (0, 1));
        assert_eq!(said(&(rule("all") + &rule("marketing"))), (1, 0));
        assert_eq!(said(&(rule("all") + &rule("all"))), (1, 0), "what two rules give is given once");
    }
}
