//! Whether a grant can open what it says, before it is given: the policies are asked as if it were
//! valid. Reads no clock; whether a data subject may give it is not judged here.

use coffre_core::grant::{GrantState, GrantTerms};
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::role::Role;
use thiserror::Error;

use crate::action::Action;
use crate::policies::Policies;
use crate::purpose::{Condition, Purpose};
use crate::question::{GrantFacts, OperatorFacts, Question};
use crate::reason::Reason;

/// Why a grant would be of no use, or must not be given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrantFault {
    /// There is no such record type.
    #[error("there is no record type {name:?}")]
    UnknownRecordType {
        /// The text.
        name: String,
    },
    /// There is no such purpose.
    #[error("there is no purpose {purpose:?}: use one of {known}")]
    UnknownPurpose {
        /// The text.
        purpose: String,
        /// The declared ones.
        known: String,
    },
    /// The role may not state the purpose.
    #[error("role {role} may not state the purpose {purpose:?}: use one of {known}")]
    PurposeNotForRole {
        /// The role.
        role: Role,
        /// The purpose.
        purpose: String,
        /// Those it may state.
        known: String,
    },
    /// It opens nothing.
    #[error("the grant names no field: name at least one")]
    NoFields,
    /// The record type has no such field.
    #[error("record type {record_type:?} has no field {field}: remove it from the grant")]
    UnknownField {
        /// The record type.
        record_type: String,
        /// The field.
        field: FieldPath,
    },
    /// Not a condition of article 9(2).
    #[error("not a condition of GDPR article 9(2): use its letter, a to j")]
    UnknownCondition,
    /// A special category without a condition that the purpose admits.
    #[error("{field} is of a special category: name in article9 a condition that the purpose admits ({admitted})")]
    Article9 {
        /// The field.
        field: FieldPath,
        /// The letters that the purpose admits.
        admitted: String,
    },
    /// No grant opens this field to this role.
    #[error("{field} cannot be opened to role {role} ({reason}): remove it from the grant")]
    NeverOpens {
        /// The field.
        field: FieldPath,
        /// The role.
        role: Role,
        /// Why.
        reason: Reason,
    },
    /// The role reads without a grant.
    #[error("role {role} needs no grant to read {field}: give none")]
    NotNeeded {
        /// The field.
        field: FieldPath,
        /// The role.
        role: Role,
    },
    /// The person objected to what it is for (GDPR article 21).
    #[error(
        "the person has objected to this purpose: only a consent given since, valid from then on, opens anything for it again"
    )]
    Objected,
    /// It ends before it begins.
    #[error("the grant ends before it begins: set valid_until after valid_from")]
    Period,
}

impl GrantFault {
    /// The member of a grant that is wrong.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::UnknownRecordType { .. } => "type",
            Self::UnknownPurpose { .. } | Self::PurposeNotForRole { .. } => "purpose",
            Self::NoFields | Self::UnknownField { .. } | Self::NeverOpens { .. } => "fields",
            Self::UnknownCondition | Self::Article9 { .. } => "article9",
            Self::NotNeeded { .. } => "role",
            Self::Objected => "basis",
            Self::Period => "valid_until",
        }
    }
}

impl Policies {
    /// What is wrong with a grant on a record of this type; nothing, if it can be given.
    pub fn grant_faults(&self, record_type: &RecordTypeName, terms: &GrantTerms) -> Vec<GrantFault> {
        let Some(declared) = self.record_type(record_type.as_str()) else {
            return vec![GrantFault::UnknownRecordType { name: record_type.to_string() }];
        };
        let mut faults = Vec::new();
        if terms.fields.is_empty() {
            faults.push(GrantFault::NoFields);
        }
        if terms.valid_until.is_some_and(|until| until <= terms.valid_from) {
            faults.push(GrantFault::Period);
        }
        for field in terms.fields.iter().filter(|field| declared.field(field).is_none()) {
            faults.push(GrantFault::UnknownField { record_type: record_type.to_string(), field: field.clone() });
        }
        let article9 = terms.article9.as_deref().map(str::parse::<Condition>).transpose();
        let purpose = self.stated(terms);
        match (purpose, article9) {
            (Ok(purpose), Ok(article9)) => {
                faults.extend(self.field_faults(record_type, terms, purpose, article9));
            }
            (purpose, article9) => {
                faults.extend(purpose.err());
                faults.extend(article9.err().map(|_| GrantFault::UnknownCondition));
            }
        }
        faults
    }

    /// The purpose of a grant, if its role may state it.
    fn stated(&self, terms: &GrantTerms) -> Result<&Purpose, GrantFault> {
        let names = |of: &dyn Fn(&&Purpose) -> bool| {
            self.purposes().filter(of).map(|purpose| purpose.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let purpose = terms.purpose.clone();
        match self.purpose(&terms.purpose) {
            None => Err(GrantFault::UnknownPurpose { purpose, known: names(&|_| true) }),
            Some(declared) if declared.roles.contains(&terms.role) => Ok(declared),
            Some(_) => {
                let known = names(&|purpose| purpose.roles.contains(&terms.role));
                Err(GrantFault::PurposeNotForRole { role: terms.role, purpose, known })
            }
        }
    }

    fn field_faults(
        &self,
        record_type: &RecordTypeName,
        terms: &GrantTerms,
        purpose: &Purpose,
        article9: Option<Condition>,
    ) -> Vec<GrantFault> {
        let (role, basis, state) = (terms.role, terms.basis, GrantState::Valid);
        let (purpose_name, fields) = (terms.purpose.clone(), terms.fields.clone());
        let facts = GrantFacts { role, purpose: purpose_name.clone(), fields: fields.clone(), basis, article9, state };
        // Who acts for the role is judged when it reads, not when the grant is given.
        let operator = OperatorFacts { habilitated: fields.iter().map(FieldPath::category).collect(), verified: true };
        let with = Question {
            role,
            action: Action::Read,
            record_type: Some(record_type.clone()),
            fields,
            purpose: Some(purpose_name),
            grant: Some(facts),
            restricted: false,
            archived: std::collections::BTreeSet::new(),
            operator,
        };
        let anybody = OperatorFacts { verified: false, ..with.operator.clone() };
        let without = Question { grant: None, operator: anybody, ..with.clone() };
        let decision = self.decide(&with);
        let mut faults: Vec<GrantFault> =
            self.decide(&without).opened.into_iter().map(|field| GrantFault::NotNeeded { field, role }).collect();
        if !faults.is_empty() {
            return faults;
        }
        for (field, reason) in decision.withheld {
            match reason {
                Reason::UnknownField => {}
                Reason::NoArticle9Condition if !purpose.article9.is_empty() => {
                    let letters: Vec<&str> = purpose.article9.iter().map(|condition| condition.as_str()).collect();
                    faults.push(GrantFault::Article9 { field, admitted: letters.join(", ") });
                }
                reason => faults.push(GrantFault::NeverOpens { field, role, reason }),
            }
        }
        faults
    }
}
