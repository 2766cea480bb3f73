//! What of a data subject is past its time by the rules of retention and gone from the vault: the source still has it,
//! and it is not brought again. Pure.
//!
//! Only what the vault holds nothing of is left out; the rest is compared like anything else until retention removes
//! it. Whoever is not in the vault yet is brought whole: what is past its time goes with the next run of retention,
//! which writes down what it removes.

use std::collections::BTreeSet;

use coffre_core::record::Category;
use coffre_core::time::Timestamp;
use coffre_policies::{Belongs, Keeping, Policies, RecordFacts};
use serde_json::Value;

use crate::candidate::RecordCandidate;
use crate::mapping::Mapping;
use crate::target::StoredRecord;

/// Leaves such categories out of a candidate, with the documents that retention removes with them; gives these
/// categories.
pub(crate) fn leave_out(
    policies: &Policies,
    now: Timestamp,
    mapping: &Mapping,
    candidate: &mut RecordCandidate,
    stored: &StoredRecord,
) -> BTreeSet<Category> {
    let past = past(policies, now, mapping, candidate, stored);
    candidate.fields.0.retain(|field, _| !past.contains(&field.category()));
    candidate.document_fields.retain(|field, _| !past.contains(&field.category()));
    let mut of_documents = mapping.document_categories();
    if !of_documents.is_disjoint(&past) {
        of_documents.retain(|category| holds(candidate, category));
        if of_documents.is_empty() {
            candidate.documents.clear();
        }
    }
    past
}

fn holds(candidate: &RecordCandidate, category: &Category) -> bool {
    let mut fields = candidate.fields.0.keys().chain(candidate.document_fields.keys());
    fields.any(|field| field.category_str() == category.as_str())
}

/// Judged as the record would be once the source's values were in it.
fn past(
    policies: &Policies,
    now: Timestamp,
    mapping: &Mapping,
    candidate: &RecordCandidate,
    stored: &StoredRecord,
) -> BTreeSet<Category> {
    let mut values = candidate.fields.clone();
    // That there is a document counts, not which.
    let named = candidate.document_fields.iter().map(|(field, name)| (field.clone(), Value::from(name.as_str())));
    values.0.extend(named);
    let facts = RecordFacts { created: stored.created_at, changed: stored.changed_at, answered: None, fields: &values };
    let held = stored.fields.categories();
    // Nothing of a person without a contract goes before the rest does.
    let gone = |keeping: &&Keeping<'_>| {
        keeping.belongs() == Belongs::Nowhere && keeping.prospect.is_none() && !held.contains(&keeping.rule.category)
    };
    let keeping = policies.keeping(&mapping.record_type, facts, now);
    keeping.iter().filter(gone).map(|keeping| keeping.rule.category.clone()).collect()
}
