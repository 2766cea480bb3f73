//! The circumstances under which two policy folders are asked: each state of a grant, with and without a habilitation,
//! restricted, and in the archive.

use std::collections::BTreeSet;

use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use serde::Serialize;

use crate::purpose::Purpose;
use crate::question::GrantFacts;

/// Under which circumstances a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked about by itself")]
pub struct Circumstance {
    /// The grant relied on.
    pub grant: GrantCase,
    /// Whether the operator is habilitated for the category.
    pub habilitated: bool,
    /// Whether the operator is verified.
    pub verified: bool,
    /// Whether processing of the record is restricted.
    pub restricted: bool,
    /// Whether the category is set apart in the intermediate archive.
    pub archived: bool,
}

/// The grant relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantCase {
    /// None.
    None,
    /// A valid consent, with a condition of article 9 where the purpose admits one.
    Consent,
    /// A valid consent without such a condition.
    ConsentWithoutArticle9,
    /// A valid grant on the basis of a contract.
    Contract,
    /// A consent that begins later.
    NotYetValid,
    /// A consent that has expired.
    Expired,
    /// A consent that was withdrawn.
    Withdrawn,
    /// A valid consent that is for other fields.
    OtherFields,
    /// A valid consent of another role's.
    OtherRole,
}

impl GrantCase {
    /// Every case.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Consent,
        Self::ConsentWithoutArticle9,
        Self::Contract,
        Self::NotYetValid,
        Self::Expired,
        Self::Withdrawn,
        Self::OtherFields,
        Self::OtherRole,
    ];

    pub(super) fn facts(self, role: Role, purpose: &Purpose, field: &FieldPath) -> Option<GrantFacts> {
        let consent = GrantFacts {
            role,
            purpose: purpose.name.clone(),
            fields: BTreeSet::from([field.clone()]),
            basis: Basis::Consent,
            article9: purpose.article9.first().copied(),
            state: GrantState::Valid,
        };
        Some(match self {
            Self::None => return None,
            Self::Consent => consent,
            Self::ConsentWithoutArticle9 => GrantFacts { article9: None, ..consent },
            Self::Contract => GrantFacts { basis: Basis::Contract, ..consent },
            Self::NotYetValid => GrantFacts { state: GrantState::NotYetValid, ..consent },
            Self::Expired => GrantFacts { state: GrantState::Expired, ..consent },
            Self::Withdrawn => GrantFacts { state: GrantState::Withdrawn, ..consent },
            Self::OtherFields => GrantFacts { fields: BTreeSet::new(), ..consent },
            Self::OtherRole => GrantFacts { role: another(role), ..consent },
        })
    }
}

fn another(role: Role) -> Role {
    if role == Role::Sales { Role::Billing } else { Role::Sales }
}

/// Every circumstance that is asked about (without a purpose there is no grant to rely on): each grant for an operator who is habilitated; without a grant and with a
/// consent also for one who is not, for one who is verified, under restriction, and in the archive.
pub(super) fn all(for_a_purpose: bool) -> Vec<Circumstance> {
    let plain = |grant| Circumstance { grant, habilitated: true, verified: false, restricted: false, archived: false };
    let mut all: Vec<Circumstance> = GrantCase::ALL.map(plain).into();
    for grant in [GrantCase::None, GrantCase::Consent] {
        all.push(Circumstance { habilitated: false, ..plain(grant) });
        all.push(Circumstance { verified: true, ..plain(grant) });
        all.push(Circumstance { restricted: true, ..plain(grant) });
        all.push(Circumstance { archived: true, ..plain(grant) });
    }
    all.retain(|circumstance| for_a_purpose || circumstance.grant == GrantCase::None);
    all
}
