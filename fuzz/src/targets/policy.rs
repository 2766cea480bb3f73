//! The files that the company writes: the policy folder, its record types, import mappings.

use std::sync::LazyLock;

use coffre_import::Mapping;
use coffre_policies::{Policies, RecordType, Sources};

use super::text;

pub(super) static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().expect("the shipped policies"));

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

/// A policy folder of which one file is another one is understood or refused with its place, and no two have one hash.
///
/// The first line is the path of that file, the rest its text.
pub fn policies(data: &[u8]) {
    let Some((file, text)) = text(data).and_then(|data| data.split_once('\n')) else { return };
    let shipped = Sources::embedded();
    let sources = shipped.clone().with(file, text);
    match Policies::from_sources(&sources) {
        Ok(policies) => {
            let hashes = |policies: &Policies| (policies.hash(), policies.environments_hash());
            assert_eq!(hashes(&policies) == hashes(&POLICIES), sources == shipped, "other policies have another hash");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
