//! What changes between two policy folders: every question that can be put is put to both, and what they declare is
//! compared. Pure; how a change reads is for the command line to say.

mod access;
mod circumstance;
mod declared;

use std::collections::BTreeSet;

use coffre_core::record::RecordTypeName;
use coffre_core::role::Role;
use serde::Serialize;

pub use self::circumstance::{Circumstance, GrantCase};
pub use self::declared::{Declared, DeclaredChange};
use crate::action::Action;
use crate::policies::Policies;
use crate::reason::Reason;

/// What changes from one policy folder to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Who may do what that could not, or no longer may.
    pub access: Vec<AccessChange>,
    /// What is declared anew, differently or no longer.
    pub declared: Vec<DeclaredChange>,
}

/// A change of what a role may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessChange {
    /// The role.
    pub role: Role,
    /// What it wants to do.
    pub actions: Vec<Action>,
    /// With which type of record; none for the log.
    pub record_type: Option<RecordTypeName>,
    /// With what of it: categories, or single fields; empty for a record as a whole and for the log.
    pub targets: Vec<String>,
    /// How it changes.
    pub kind: Kind,
    /// Why it was refused, where it was.
    pub before: BTreeSet<Reason>,
    /// Why it is refused now, where it is.
    pub after: BTreeSet<Reason>,
    /// When.
    pub cases: Vec<Case>,
}

/// The cases of one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The purpose stated; none where none is.
    pub purpose: Option<String>,
    /// Under which circumstances.
    pub circumstances: Vec<Circumstance>,
}

/// How an answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was refused and is not.
    Opened,
    /// It is refused and was not.
    Closed,
    /// It is refused as before, for another reason.
    OtherReason,
}

impl Comparison {
    /// From the old policies to the new ones.
    pub fn between(old: &Policies, new: &Policies) -> Self {
        if old.hash() == new.hash() {
            return Self { access: Vec::new(), declared: Vec::new() };
        }
        Self { access: access::changes(old, new), declared: declared::changes(old, new) }
    }

    /// Whether both decide and declare alike.
    pub fn is_same(&self) -> bool {
        self.access.is_empty() && self.declared.is_empty()
    }
}
