//! Counting: one entry after the other goes in, the report comes out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ReportScope;
use super::bursts::Bursts;
use super::view::{Concerned, Counted, Refusals, Report, Unused, UnusedGrant};
use crate::audit::{Action, Decision, Entry};
use crate::grant::{Basis, Grant, GrantState};
use crate::ids::{GrantId, SubjectId};
use crate::record::FieldPath;
use crate::role::Role;
use crate::time::Timestamp;

/// Accesses and the persons they were about.
#[derive(Debug, Default)]
struct Line {
    disclosures: u64,
    persons: HashSet<SubjectId>,
}

impl Line {
    fn add(&mut self, subjects: &[SubjectId], count: u64) {
        self.disclosures += count;
        self.persons.extend(subjects);
    }

    fn counted(&self) -> Counted {
        Counted { disclosures: self.disclosures, persons: self.persons.len() as u64 }
    }
}

type Lines = BTreeMap<String, Line>;

/// A report being made.
#[derive(Debug)]
pub struct Tally {
    scope: ReportScope,
    /// The usual legal basis of each purpose.
    bases_of_purposes: BTreeMap<String, Basis>,
    /// How many identifiers and grants are listed.
    listed: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    entries: u64,
    documents: u64,
    all: Line,
    categories: Lines,
    purposes: Lines,
    bases: Lines,
    operators: Lines,
    applications: Lines,
    actions: BTreeMap<String, u64>,
    refused: u64,
    causes: BTreeMap<String, u64>,
    bursts: Bursts,
    acting: BTreeSet<String>,
    roles: BTreeSet<Role>,
    grants: HashSet<GrantId>,
    unused: Unused,
}

impl Tally {
    /// Begins a report. `listed` is how many identifiers, and how many unused grants, it lists.
    pub fn new(scope: ReportScope, bases_of_purposes: BTreeMap<String, Basis>, listed: usize) -> Self {
        Self {
            scope,
            bases_of_purposes,
            listed,
            first: None,
            last: None,
            entries: 0,
            documents: 0,
            all: Line::default(),
            categories: Lines::new(),
            purposes: Lines::new(),
            bases: Lines::new(),
            operators: Lines::new(),
            applications: Lines::new(),
            actions: BTreeMap::new(),
            refused: 0,
            causes: BTreeMap::new(),
            bursts: Bursts::default(),
            acting: BTreeSet::new(),
            roles: BTreeSet::new(),
            grants: HashSet::new(),
            unused: Unused::default(),
        }
    }

    /// Which entries it is about.
    pub const fn scope(&self) -> &ReportScope {
        &self.scope
    }

    /// Takes the next entry.
    pub fn add(&mut self, entry: &Entry) {
        if !self.scope.is_in_period(entry.time) {
            return;
        }
        self.note_rights(entry);
        if !self.scope.names(entry) {
            return;
        }
        let what = &entry.what;
        let count = what.count.unwrap_or(1);
        self.first.get_or_insert(entry.time);
        self.last = Some(entry.time);
        self.entries += count;
        match what.decision {
            Decision::Deny => {
                self.refused += count;
                *self.causes.entry(what.cause.clone().unwrap_or_else(|| "none".to_owned())).or_default() += count;
                self.bursts.add(entry, count);
            }
            Decision::Allow => {
                *self.actions.entry(what.action.name()).or_default() += count;
                if what.action.discloses() {
                    self.disclosed(entry, count);
                }
            }
        }
    }

    /// Who did anything, and which grants were relied on.
    fn note_rights(&mut self, entry: &Entry) {
        self.acting.extend(entry.what.application_name.clone());
        self.roles.extend(entry.what.role);
        // Whom somebody may contact is no content, and yet what a consent is for.
        let uses = entry.what.action.discloses() || entry.what.action == Action::CheckContactable;
        if entry.what.decision == Decision::Allow && uses {
            self.grants.extend(entry.what.grants.iter().map(|grant| grant.id));
        }
    }

    fn disclosed(&mut self, entry: &Entry, count: u64) {
        let what = &entry.what;
        let subject = self.scope.subject.map(|subject| [subject]);
        let subjects = subject.as_ref().map_or(what.subjects.as_slice(), <[_; 1]>::as_slice);
        let line = |lines: &mut Lines, name: String| lines.entry(name).or_default().add(subjects, count);
        let kind = what.record_type.as_ref().map_or("", |kind| kind.as_str());
        let categories: BTreeSet<&str> = what.fields.iter().map(FieldPath::category_str).collect();
        for category in categories {
            line(&mut self.categories, format!("{kind}/{category}"));
        }
        let mut bases: BTreeSet<Basis> = what.grants.iter().map(|grant| grant.basis).collect();
        if bases.is_empty() {
            bases.extend(what.purpose.as_ref().and_then(|purpose| self.bases_of_purposes.get(purpose)));
        }
        if bases.is_empty() {
            line(&mut self.bases, "none".to_owned());
        }
        for basis in bases {
            line(&mut self.bases, basis.to_string());
        }
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
        line(&mut self.purposes, named(&what.purpose));
        line(&mut self.operators, named(&what.operator));
        line(&mut self.applications, named(&what.application_name));
        self.documents += if what.document.is_some() { count } else { 0 };
        self.all.add(subjects, count);
    }

    /// After the last entry: an application in force.
    pub fn consider_application(&mut self, name: &str, added_at: Timestamp) {
        if !self.scope.is_past(added_at) && !self.acting.contains(name) {
            self.unused.applications.push(name.to_owned());
        }
    }

    /// After the last entry: a grant. One that could not be used in the period does not count.
    pub fn consider_grant(&mut self, grant: &Grant, now: Timestamp) {
        let began = !self.scope.is_past(grant.terms.valid_from);
        if grant.state(now) == GrantState::Valid && began && !self.grants.contains(&grant.id) {
            self.unused.grant_count += 1;
            if self.unused.grants.len() < self.listed {
                let (role, purpose) = (grant.terms.role, grant.terms.purpose.clone());
                self.unused.grants.push(UnusedGrant { id: grant.id, role, purpose });
            }
        }
    }

    /// The report over a log of this size, whose entries before an index were pruned.
    pub fn finish(mut self, log_size: u64, minimum_index: u64) -> Report {
        let counted = |lines: Lines| lines.into_iter().map(|(name, line)| (name, line.counted())).collect();
        let (bursts, more_bursts) = self.bursts.finish();
        self.unused.roles = Role::ALL.into_iter().filter(|role| !self.roles.contains(role)).collect();
        self.unused.applications.sort_unstable();
        let count = self.all.persons.len() as u64;
        let mut ids: Vec<SubjectId> = self.all.persons.into_iter().collect();
        ids.sort_unstable();
        ids.truncate(self.listed);
        Report {
            scope: self.scope,
            log_size,
            minimum_index,
            first: self.first,
            last: self.last,
            entries: self.entries,
            disclosures: self.all.disclosures,
            documents: self.documents,
            persons: Concerned { count, more: count > ids.len() as u64, ids },
            categories: counted(self.categories),
            purposes: counted(self.purposes),
            bases: counted(self.bases),
            operators: counted(self.operators),
            applications: counted(self.applications),
            actions: self.actions,
            refusals: Refusals { count: self.refused, causes: self.causes, bursts, more_bursts },
            unused: self.unused,
        }
    }
}
