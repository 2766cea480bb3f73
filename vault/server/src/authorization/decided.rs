//! What was decided, summed up over the grants that were asked about.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::audit::GrantRef;
use coffre_core::grant::Grant;
use coffre_core::ids::HabilitationId;
use coffre_core::record::FieldPath;
use coffre_core::time::Timestamp;
use coffre_policies::{Decision, Reason};

/// What a refusal may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It would be refused whatever the record, so it says nothing about one.
    Outright,
    /// The role has a grant in force on the record, or needs none: that it exists is no secret.
    OfReadable,
    /// The record must look as if it did not exist.
    Hidden,
}

/// What was decided.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    /// None when it is allowed.
    pub(crate) refusal: Option<Refusal>,
    /// Why it is refused.
    pub(crate) cause: Option<Reason>,
    /// Empty when it is refused.
    pub(crate) opened: BTreeSet<FieldPath>,
    /// The fields asked for and not opened.
    pub(crate) withheld: BTreeMap<FieldPath, Reason>,
    /// The policies that determined it.
    pub(crate) policies: BTreeSet<String>,
    /// The grants it rests on.
    pub(crate) grants: Vec<GrantRef>,
    /// The habilitations it rests on.
    pub(crate) habilitations: Vec<HabilitationId>,
    /// When the first of all these ends.
    pub(crate) valid_until: Option<Timestamp>,
}

impl Decided {
    /// Allowed, and nothing said of it yet.
    pub(crate) const fn nothing() -> Self {
        Self {
            refusal: None,
            cause: None,
            opened: BTreeSet::new(),
            withheld: BTreeMap::new(),
            policies: BTreeSet::new(),
            grants: Vec::new(),
            habilitations: Vec::new(),
            valid_until: None,
        }
    }
}

/// The answers so far.
pub(super) struct Sum {
    /// Whether fields are asked for, or a record as a whole.
    of_fields: bool,
    entire: bool,
    left: BTreeSet<FieldPath>,
    whole: Option<bool>,
    denied: Option<Reason>,
    opened: BTreeSet<FieldPath>,
    reasons: BTreeMap<FieldPath, Reason>,
    policies: BTreeSet<String>,
    grants: Vec<GrantRef>,
    valid_until: Option<Timestamp>,
}

impl Sum {
    pub(super) fn new(fields: &BTreeSet<FieldPath>, entire: bool) -> Self {
        Self {
            of_fields: !fields.is_empty(),
            entire,
            left: fields.clone(),
            whole: None,
            denied: None,
            opened: BTreeSet::new(),
            reasons: BTreeMap::new(),
            policies: BTreeSet::new(),
            grants: Vec::new(),
            valid_until: None,
        }
    }

    /// The fields that nothing has opened yet.
    pub(super) fn left(&self) -> &BTreeSet<FieldPath> {
        &self.left
    }

    /// Whether another answer could still change something.
    pub(super) fn is_undecided(&self) -> bool {
        if self.of_fields { !self.left.is_empty() } else { self.whole.is_none() }
    }

    pub(super) fn is_allowed(&self) -> bool {
        match (self.of_fields, self.entire) {
            (false, _) => self.whole == Some(true),
            (true, true) => self.left.is_empty(),
            (true, false) => !self.opened.is_empty(),
        }
    }

    /// Adds the answer for a grant, or for none.
    pub(super) fn add(&mut self, decision: &Decision, grant: Option<&Grant>) {
        self.whole = Some(decision.allowed);
        self.denied = self.denied.or(decision.denied);
        for (field, reason) in &decision.withheld {
            self.reasons.entry(field.clone()).or_insert(*reason);
        }
        for field in &decision.opened {
            self.left.remove(field);
            self.reasons.remove(field);
            self.opened.insert(field.clone());
        }
        self.policies.extend(decision.policies.iter().cloned());
        if let Some(grant) = grant.filter(|_| !decision.opened.is_empty()) {
            self.rely_on(grant);
            self.valid_until = [self.valid_until, grant.terms.valid_until].into_iter().flatten().min();
        }
    }

    /// Replaces «no grant» by what is wrong with the one there is.
    pub(super) fn explain(&mut self, decision: &Decision, grant: &Grant) {
        let mut explained = false;
        for (field, reason) in &mut self.reasons {
            if let (Reason::NoGrant, Some(better)) = (*reason, decision.withheld.get(field)) {
                *reason = *better;
                explained = true;
            }
        }
        if explained {
            self.rely_on(grant);
        }
    }

    fn rely_on(&mut self, grant: &Grant) {
        self.grants.push(GrantRef { id: grant.id, version: grant.version, basis: grant.terms.basis });
    }

    pub(super) fn decided(self, refusal: Option<Refusal>) -> Decided {
        let cause = refusal.and_then(|_| self.reasons.values().copied().min().or(self.denied));
        let opened = if refusal.is_some() { BTreeSet::new() } else { self.opened };
        Decided {
            refusal,
            cause,
            opened,
            withheld: self.reasons,
            policies: self.policies,
            grants: self.grants,
            habilitations: Vec::new(),
            valid_until: self.valid_until,
        }
    }
}
