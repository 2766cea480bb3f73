//! One batch: what the vault knows of it is asked once, what is new or changed is admitted in one
//! transaction, and everything that is in the vault then goes to the proof.

use std::collections::BTreeSet;

use coffre_core::search::{SearchIndex, SearchKind, Term};
use serde_json::Value;

use crate::candidate::RecordCandidate;
use crate::past::Judge;
use crate::plan::{Against, Change, Comparable, compare, keeps_consent};
use crate::reject::{Reason, Reject};
use crate::run::proof::{Expected, Proof, failed};
use crate::run::{ImportError, Run};
use crate::target::{Admission, Admitting, Known, StoredRecord};

/// What a vault finds the records of a batch by: the search terms of each key.
pub(super) type Terms = BTreeSet<Vec<Term>>;

/// What a batch failed at.
pub(super) const NOT_TAKEN: &str = "the vault cannot take the next records";

pub(super) struct Batch<'b, 'r> {
    pub(super) run: &'b mut Run<'r>,
    pub(super) candidates: Vec<RecordCandidate>,
}

impl Batch<'_, '_> {
    /// Without a proof it is a dry run.
    pub(super) fn settle(mut self, proof: Option<&mut Proof<'_>>) -> Result<(), ImportError> {
        let terms = self.tell_apart()?;
        let Some(proof) = proof else {
            self.run.report.imported += self.candidates.len() as u64;
            let source = &mut self.run.report.source;
            let add = |candidate: &RecordCandidate| source.add(&candidate.key, &Comparable::from(candidate));
            return Ok(self.candidates.iter().try_for_each(add)?);
        };
        // What is on its way would not be found yet.
        proof.settle_before(&terms)?;
        let mut admissions = Vec::new();
        // What the vault must give back: everything but what it has differently and keeps.
        let mut expected = Vec::with_capacity(self.candidates.len());
        for (candidate, known) in self.known()? {
            match known {
                Known::Erased => self.run.report.erased += 1,
                Known::Several => self.confused(&candidate)?,
                Known::Absent => {
                    let grants = self.run.grants.granted(&candidate).given;
                    admissions.push(Admission::New { candidate: candidate.clone(), grants });
                    expected.push(Expected { candidate, version: 1 });
                }
                Known::Present(stored) => {
                    let before = admissions.len();
                    if let Some(candidate) = self.present(candidate, &stored, &mut admissions)? {
                        let version = stored.version + u32::from(admissions.len() > before);
                        expected.push(Expected { candidate, version });
                    }
                }
            }
        }
        let admitting = self.admit(&admissions)?;
        proof.hand(admitting, expected, terms)
    }

    /// Rejects what the vault could not tell from another of this batch: it finds records by their key
    /// without regard to case and blanks. Gives what it finds those of this batch by.
    fn tell_apart(&mut self) -> Result<Terms, ImportError> {
        let mapping = self.run.legacy.mapping();
        let (record_type, field) = (mapping.record_type().clone(), mapping.key_field().clone());
        let index = SearchIndex { record_type, field, kind: SearchKind::Exact };
        let mut seen = BTreeSet::new();
        let (apart, alike): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.candidates).into_iter().partition(|c| seen.insert(index.terms(&c.key)));
        self.candidates = apart;
        alike.iter().try_for_each(|candidate| self.confused(candidate))?;
        Ok(seen)
    }

    fn confused(&mut self, candidate: &RecordCandidate) -> Result<(), ImportError> {
        self.run.report.rejected += 1;
        self.differs(candidate, &Change::default(), Reason::DuplicateKey)
    }

    fn known(&mut self) -> Result<Vec<(RecordCandidate, Known)>, ImportError> {
        let keys: Vec<&str> = self.candidates.iter().map(|c| c.key.as_str()).collect();
        let known = match self.run.target {
            Some(target) => target.find(&keys).map_err(failed("the vault cannot be asked what it holds"))?,
            None => Vec::new(),
        };
        Ok(std::mem::take(&mut self.candidates).into_iter().zip(known).collect())
    }

    /// A record that is there already. Gives the candidate back if the vault will have it as it is.
    fn present(
        &mut self,
        mut candidate: RecordCandidate,
        stored: &StoredRecord,
        admissions: &mut Vec<Admission>,
    ) -> Result<Option<RecordCandidate>, ImportError> {
        let mapping = self.run.legacy.mapping();
        if stored.fields.0.get(mapping.key_field()).and_then(Value::as_str) != Some(candidate.key.as_str()) {
            self.confused(&candidate)?;
            return Ok(None);
        }
        let options = self.run.options;
        let judge = Judge { policies: options.policies, now: options.now, mapping };
        let brought_back = judge.brought_back(&candidate, stored);
        self.run.report.past_time += judge.leave_out(&mut candidate, stored).len() as u64;
        let granted = self.run.grants.granted(&candidate);
        let mut change = compare(mapping, &candidate, &granted, stored);
        if change.touches_content() {
            change.brought_back = brought_back;
        }
        let against = Against::change(mapping, &change, stored);
        if keeps_consent(&granted, stored, options.now) {
            self.run.report.consents_kept += 1;
            self.differs(&candidate, &Change::default(), Reason::ConsentInVault)?;
        }
        if change.is_empty() {
            self.run.report.unchanged += 1;
            return Ok(Some(candidate));
        }
        let content_differs = change.touches_content();
        if let Some(against) = against {
            self.held_back(&candidate, &change, against)?;
            let change = change.despite(against);
            if options.apply_changes && !change.is_empty() {
                admissions.push(Admission::Change { candidate: candidate.clone(), version: stored.version, change });
            }
            return Ok((!content_differs).then_some(candidate));
        }
        if !options.apply_changes {
            self.differs(&candidate, &change, Reason::Changed)?;
            self.run.report.changes_pending += 1;
            return Ok((!content_differs).then_some(candidate));
        }
        self.count_fields(&change);
        self.run.report.changed += 1;
        admissions.push(Admission::Change { candidate: candidate.clone(), version: stored.version, change });
        Ok(Some(candidate))
    }

    fn held_back(&mut self, candidate: &RecordCandidate, change: &Change, by: Against) -> Result<(), ImportError> {
        let report = &mut self.run.report;
        match by {
            Against::Restricted => report.restricted += 1,
            Against::Archived => report.archived += 1,
            Against::ChangedInVault => report.changed_in_vault += 1,
        }
        self.differs(candidate, change, by.reason())
    }

    fn differs(&mut self, candidate: &RecordCandidate, change: &Change, reason: Reason) -> Result<(), ImportError> {
        self.count_fields(change);
        let subject = self.run.legacy.mapping().subject();
        let table = subject.map(|t| t.name.clone()).unwrap_or_default();
        let key = candidate.key.clone();
        self.run.reject(&Reject { table, row: candidate.row, key, column: None, reason })
    }

    fn count_fields(&mut self, change: &Change) {
        for field in change.fields.keys().chain(change.document_fields.keys()) {
            *self.run.report.changed_fields.entry(field.to_string()).or_default() += 1;
        }
    }

    fn admit(&mut self, admissions: &[Admission]) -> Result<Option<Admitting>, ImportError> {
        let Some(target) = self.run.target.filter(|_| !admissions.is_empty()) else { return Ok(None) };
        let admitting = target.admit(admissions, self.run.legacy).map_err(failed(NOT_TAKEN))?;
        let report = &mut self.run.report;
        for admission in admissions {
            match admission {
                Admission::New { candidate, grants } => {
                    report.imported += 1;
                    report.documents_imported += candidate.documents.len() as u64;
                    report.grants_given += grants.len() as u64;
                }
                Admission::Change { change, .. } => {
                    report.documents_imported += change.documents.len() as u64;
                    report.grants_given += change.give.len() as u64;
                    report.grants_withdrawn += change.withdraw.len() as u64;
                }
            }
        }
        Ok(Some(admitting))
    }
}
