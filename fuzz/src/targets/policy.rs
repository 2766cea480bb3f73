//! The files that the company writes: record types and import mappings.

use std::sync::LazyLock;

use coffre_import::Mapping;
use coffre_policies::{Policies, RecordType};

use super::text;

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().expect("the shipped policies"));

/// A record type is understood or refused with its place; what is understood says of each field whether it is special.
pub fn record_type(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match coffre_policies::record_type::fuzzed(text) {
        Ok(record_type) => exercise(&record_type),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn exercise(record_type: &RecordType) {
    for field in record_type.fields() {
        assert!(record_type.field(&field.path).is_some());
        let _ = record_type.is_special(&field.path);
    }
    let _ = record_type.indexes();
}

/// A mapping is understood or refused with its place.
pub fn mapping(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let _ = Mapping::record_type_named("fuzzed.toml", text);
    let record_type = POLICIES.record_type("policyholder").expect("a shipped record type");
    match Mapping::parse("fuzzed.toml", text, record_type) {
        Ok(mapping) => assert!(!mapping.name().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
