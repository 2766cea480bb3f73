//! What the rules of retention make of a data subject as the source has it. What is past its time and gone from the
//! vault is not brought again; what is set apart in the vault and belongs in use again, since the contract goes on, is
//! written all the same. Pure.
//!
//! Only what the vault holds nothing of is left out; the rest is compared like anything else until retention removes
//! it. Whoever is not in the vault yet is brought whole: what is past its time goes with the next run of retention,
//! which writes down what it removes.

use std::collections::BTreeSet;

use coffre_core::record::{Category, FieldPath};
use coffre_core::time::Timestamp;
use coffre_policies::{Belongs, Keeping, Phase, Policies, RecordFacts};
use serde_json::Value;

use crate::candidate::RecordCandidate;
use crate::mapping::Mapping;
use crate::target::StoredRecord;

/// The rules and the moment that records of a source are judged by.
pub(crate) struct Judge<'j> {
    pub(crate) policies: &'j Policies,
    pub(crate) now: Timestamp,
    pub(crate) mapping: &'j Mapping,
}

impl Judge<'_> {
    /// The categories that are set apart and belong in use again. The mark is taken off by the next run of retention, once
    /// the record says so too.
    pub(crate) fn brought_back(&self, candidate: &RecordCandidate, stored: &StoredRecord) -> BTreeSet<Category> {
        if stored.archived.is_empty() {
            return BTreeSet::new();
        }
        // Where the source tells of no contract, none goes on.
        let in_use = |keeping: &Keeping<'_>| {
            let dated = matches!(keeping.phase, Phase::Running | Phase::Active(_));
            dated && keeping.prospect.is_none() && stored.archived.contains(&keeping.rule.category)
        };
        self.categories(candidate, stored, in_use)
    }

    /// Leaves categories that are past their time and gone out of a candidate, with the documents that retention removes
    /// with them; gives these categories.
    pub(crate) fn leave_out(&self, candidate: &mut RecordCandidate, stored: &StoredRecord) -> BTreeSet<Category> {
        let past = self.past(candidate, stored);
        candidate.fields.0.retain(|field, _| !past.contains(&field.category()));
        candidate.document_fields.retain(|field, _| !past.contains(&field.category()));
        let mut of_documents = self.mapping.document_categories();
        if !of_documents.is_disjoint(&past) {
            of_documents.retain(|category| fields(candidate).any(|field| field.category_str() == category.as_str()));
            if of_documents.is_empty() {
                candidate.documents.clear();
            }
        }
        past
    }

    fn past(&self, candidate: &RecordCandidate, stored: &StoredRecord) -> BTreeSet<Category> {
        let held = stored.fields.categories();
        if fields(candidate).all(|field| held.iter().any(|category| category.as_str() == field.category_str())) {
            return BTreeSet::new();
        }
        // Nothing of a person without a contract goes before the rest does.
        let gone = |keeping: &Keeping<'_>| {
            keeping.belongs() == Belongs::Nowhere
                && keeping.prospect.is_none()
                && !held.contains(&keeping.rule.category)
        };
        self.categories(candidate, stored, gone)
    }

    /// The categories of which something holds, judged as the record would be once the source's values were in it.
    fn categories(
        &self,
        candidate: &RecordCandidate,
        stored: &StoredRecord,
        holds: impl Fn(&Keeping<'_>) -> bool,
    ) -> BTreeSet<Category> {
        let mut values = candidate.fields.clone();
        // That there is a document counts, not which.
        let named = candidate.document_fields.iter().map(|(field, name)| (field.clone(), Value::from(name.as_str())));
        values.0.extend(named);
        let (created, changed) = (stored.created_at, stored.changed_at);
        let facts = RecordFacts { created, changed, answered: None, fields: &values };
        let keeping = self.policies.keeping(&self.mapping.record_type, facts, self.now);
        keeping.iter().filter(|keeping| holds(keeping)).map(|keeping| keeping.rule.category.clone()).collect()
    }
}

/// The fields that a candidate brings, those that name documents, too.
fn fields(candidate: &RecordCandidate) -> impl Iterator<Item = &FieldPath> {
    candidate.fields.0.keys().chain(candidate.document_fields.keys())
}
