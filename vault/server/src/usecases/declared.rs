//! Names in a request against what the policy folder declares: what is not declared is refused
//! before anything is decided or logged. The messages list what is.

use std::collections::BTreeSet;

use coffre_core::record::{Category, FieldPath};
use coffre_core::search::SearchIndex;
use coffre_policies::RecordType;

use super::failure::Failure;
use super::keeper::Keeper;

/// So many of the fields that do not exist are named: an import keeps what it tells of each line.
const NAMED: usize = 20;

impl Keeper {
    /// Looks whether a record type and a purpose are declared.
    pub(crate) fn check_declared(&self, kind: &str, purpose: &str) -> Result<(), Failure> {
        self.record_type(kind)?;
        self.purpose(purpose).map(drop)
    }

    /// A declared record type.
    pub(super) fn record_type(&self, name: &str) -> Result<&RecordType, Failure> {
        let known = || listed(self.policies.record_types().map(|kind| kind.name().as_str()));
        self.policies.record_type(name).ok_or_else(|| Failure::UnknownRecordType { known: known() })
    }

    /// A declared purpose.
    pub(super) fn purpose(&self, name: &str) -> Result<String, Failure> {
        let known = || listed(self.policies.purposes().map(|purpose| purpose.name.as_str()));
        match self.policies.purpose(name) {
            Some(_) => Ok(name.to_owned()),
            None => Err(Failure::UnknownPurpose { known: known() }),
        }
    }
}

/// Checks that a record type has all these fields.
pub(super) fn has_fields<'f>(
    kind: &RecordType,
    fields: impl IntoIterator<Item = &'f FieldPath>,
) -> Result<(), Failure> {
    let unknown: BTreeSet<&str> =
        fields.into_iter().filter(|field| kind.field(field).is_none()).map(FieldPath::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known = listed(kind.fields().iter().map(|field| field.path.as_str()));
    let fields = listed(unknown.into_iter().take(NAMED));
    Err(Failure::UnknownFields { kind: kind.name().clone(), fields, known })
}

/// Checks that a record type has this category.
pub(super) fn has_category(kind: &RecordType, category: &Category) -> Result<(), Failure> {
    if kind.category(category.as_str()).is_some() {
        return Ok(());
    }
    let known = listed(kind.fields().iter().map(|field| field.path.as_str()));
    Err(Failure::UnknownFields { kind: kind.name().clone(), fields: category.to_string(), known })
}

/// The index of a record type with this name.
pub(super) fn index(kind: &RecordType, name: &str) -> Result<SearchIndex, Failure> {
    let indexes = kind.indexes();
    let known = || listed(indexes.iter().map(|index| index.field.as_str()));
    match indexes.iter().find(|index| index.field.as_str() == name) {
        Some(index) => Ok(index.clone()),
        None => Err(Failure::UnknownIndex { kind: kind.name().clone(), known: known() }),
    }
}

/// Every field of a record type.
pub(super) fn all_fields(kind: &RecordType) -> BTreeSet<FieldPath> {
    kind.fields().iter().map(|field| field.path.clone()).collect()
}

/// The fields by which the documents of a record type are opened. A document does not tell to which
/// of them it belongs, so all of them must be open.
pub(super) fn document_fields(kind: &RecordType) -> BTreeSet<FieldPath> {
    kind.document_fields().cloned().collect()
}

fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_policies::Policies;

    use super::*;

    #[test]
    fn of_many_fields_that_do_not_exist_some_are_named() {
        let policies = Policies::embedded().unwrap();
        let kind = policies.record_type("policyholder").unwrap();
        let unknown: Vec<FieldPath> = (0..10_000).map(|number| format!("contact.x{number}").parse().unwrap()).collect();
        let told = has_fields(kind, &unknown).unwrap_err().to_string();
        assert!(told.contains("no field contact.x0, ") && told.len() < 4_000, "{told}");
    }
}
