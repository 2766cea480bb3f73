//! Whether a habilitation says something that can be, before it is given. Who may give one, and whether it opens
//! anything to somebody, is for the Cedar policies.

use coffre_core::habilitation::HabilitationTerms;
use thiserror::Error;

use crate::policies::Policies;

/// Why a habilitation would be of no use, or must not be given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HabilitationFault {
    /// There is no such record type.
    #[error("there is no record type {name:?}: use one of {known}")]
    UnknownRecordType {
        /// The text.
        name: String,
        /// The declared ones.
        known: String,
    },
    /// It names no category.
    #[error("the habilitation names no category: name at least one")]
    NoCategories,
    /// The record type has no such category.
    #[error("record type {record_type:?} has no category {category:?}: its special categories are {known}")]
    UnknownCategory {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
        /// Those for which a habilitation is needed.
        known: String,
    },
    /// Nobody needs a habilitation for it.
    #[error("{category:?} is no special category, so nobody needs a habilitation for it: name one of {known}")]
    NotSpecial {
        /// The category.
        category: String,
        /// Those for which one is needed.
        known: String,
    },
    /// It names no purpose.
    #[error("the habilitation names no purpose: name at least one")]
    NoPurposes,
    /// There is no such purpose.
    #[error("there is no purpose {purpose:?}: use one of {known}")]
    UnknownPurpose {
        /// The text.
        purpose: String,
        /// Those that special categories may serve.
        known: String,
    },
    /// Special categories never serve it.
    #[error("special categories never serve the purpose {purpose:?}: name one of {known}")]
    PurposeAdmitsNone {
        /// The purpose.
        purpose: String,
        /// Those that they may serve.
        known: String,
    },
    /// It ends before it begins.
    #[error("the habilitation ends before it begins: set valid_until after valid_from")]
    Period,
    /// It names the operator who would give it.
    #[error("an operator cannot habilitate themselves: another one gives it")]
    Oneself,
}

impl HabilitationFault {
    /// The member of a habilitation that is wrong.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::UnknownRecordType { .. } => "type",
            Self::NoCategories | Self::UnknownCategory { .. } | Self::NotSpecial { .. } => "categories",
            Self::NoPurposes | Self::UnknownPurpose { .. } | Self::PurposeAdmitsNone { .. } => "purposes",
            Self::Period => "valid_until",
            Self::Oneself => "operator",
        }
    }
}

impl Policies {
    /// What is wrong with a habilitation that an operator would give; nothing, if it can be given.
    pub fn habilitation_faults(&self, giver: &str, terms: &HabilitationTerms) -> Vec<HabilitationFault> {
        use HabilitationFault as Fault;
        let mut faults = Vec::new();
        // As in acts that take two operators: spellings that differ in case alone are one person.
        if giver.eq_ignore_ascii_case(&terms.operator) {
            faults.push(Fault::Oneself);
        }
        if terms.valid_until.is_some_and(|until| until <= terms.valid_from) {
            faults.push(Fault::Period);
        }
        self.category_faults(terms, &mut faults);
        if terms.purposes.is_empty() {
            faults.push(Fault::NoPurposes);
        }
        let admit = self.purposes().filter(|purpose| !purpose.article9.is_empty()).map(|purpose| purpose.name.as_str());
        let known = admit.collect::<Vec<_>>().join(", ");
        for purpose in &terms.purposes {
            let (purpose, known) = (purpose.clone(), known.clone());
            match self.purpose(&purpose) {
                None => faults.push(Fault::UnknownPurpose { purpose, known }),
                Some(declared) if declared.article9.is_empty() => {
                    faults.push(Fault::PurposeAdmitsNone { purpose, known });
                }
                Some(_) => {}
            }
        }
        faults
    }

    fn category_faults(&self, terms: &HabilitationTerms, faults: &mut Vec<HabilitationFault>) {
        use HabilitationFault as Fault;
        let Some(record_type) = self.record_type(terms.record_type.as_str()) else {
            let known = self.record_types().map(|kind| kind.name().as_str()).collect::<Vec<_>>().join(", ");
            faults.push(Fault::UnknownRecordType { name: terms.record_type.to_string(), known });
            return;
        };
        if terms.categories.is_empty() {
            faults.push(Fault::NoCategories);
        }
        let special = record_type.categories().iter().filter(|category| category.special);
        let known = special.map(|category| category.name.as_str()).collect::<Vec<_>>().join(", ");
        for category in &terms.categories {
            let (name, known) = (category.to_string(), known.clone());
            match record_type.category(category.as_str()) {
                None => {
                    let record_type = terms.record_type.to_string();
                    faults.push(Fault::UnknownCategory { record_type, category: name, known });
                }
                Some(declared) if !declared.special => faults.push(Fault::NotSpecial { category: name, known }),
                Some(_) => {}
            }
        }
    }
}
