//! The report as it is answered and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Burst, ReportScope};
use crate::ids::{GrantId, SubjectId};
use crate::role::Role;
use crate::time::Timestamp;

/// What the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which entries it is about.
    pub scope: ReportScope,
    /// How many entries the log had when it was made.
    pub log_size: u64,
    /// So many of them, the first ones, were pruned: what they said is in none of the figures.
    #[serde(default)]
    pub minimum_index: u64,
    /// The first and the last moment of those in scope.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
    /// Entries in scope, each counted as often as it says that it stands for.
    pub entries: u64,
    /// Accesses that showed content.
    pub disclosures: u64,
    /// Versions of documents that were shown.
    pub documents: u64,
    /// The persons whose content was shown.
    pub persons: Concerned,
    /// What was shown: record type and category.
    pub categories: BTreeMap<String, Counted>,
    /// For what: purpose.
    pub purposes: BTreeMap<String, Counted>,
    /// On which legal basis: that of the grant, otherwise that of the purpose; `none` without either.
    pub bases: BTreeMap<String, Counted>,
    /// By whom: operator.
    pub operators: BTreeMap<String, Counted>,
    /// Through which application.
    pub applications: BTreeMap<String, Counted>,
    /// All that was done in scope, allowed: action.
    pub actions: BTreeMap<String, u64>,
    /// What was refused.
    pub refusals: Refusals,
    /// Rights that nobody used in the period, whatever else the scope names.
    pub unused: Unused,
}

/// Persons, counted and named by their pseudonymous identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerned {
    /// How many.
    pub count: u64,
    /// The first of them, in order of identifier.
    pub ids: Vec<SubjectId>,
    /// Whether there are more than are listed.
    pub more: bool,
}

/// Accesses that showed content, and to how many persons they belonged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Accesses.
    pub disclosures: u64,
    /// Persons.
    pub persons: u64,
}

/// What was refused in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// How often.
    pub count: u64,
    /// Why: code.
    pub causes: BTreeMap<String, u64>,
    /// Many in a short time by one operator of one application, the largest first.
    pub bursts: Vec<Burst>,
    /// How many bursts are not listed.
    pub more_bursts: u64,
}

/// Rights that nobody used in the period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unused {
    /// Applications in force that did nothing.
    pub applications: Vec<String>,
    /// Roles that no application used.
    pub roles: Vec<Role>,
    /// How many grants in force nothing rested on.
    pub grant_count: u64,
    /// The first of them.
    pub grants: Vec<UnusedGrant>,
}

/// A grant that nothing rested on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedGrant {
    /// The grant.
    pub id: GrantId,
    /// To whom it opens.
    pub role: Role,
    /// For what.
    pub purpose: String,
}
