//! What is brought into a vault beside a database: grants, documents, sets of test data.

use std::sync::LazyLock;

use coffre_core::time::Timestamp;
use coffre_import::pseudonymised::{Begin, End, Line};
use coffre_import::{GrantsFile, Mapping, document_examined};

use super::policy::POLICIES;
use super::text;

static MAPPING: LazyLock<Mapping> = LazyLock::new(|| {
    let record_type = POLICIES.record_type("policyholder").expect("a shipped record type");
    let mapping = include_str!("../../../policies/mappings/legal-cobol.toml");
    Mapping::parse("legal-cobol.toml", mapping, record_type).expect("a shipped mapping")
});

/// A grants file gives what the policies allow to be given, or is refused with its place.
pub fn grants(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    match GrantsFile::parse("fuzzed.toml", text, &MAPPING, &POLICIES, now) {
        Ok(file) => {
            let faults = |terms| POLICIES.grant_faults(MAPPING.record_type(), terms);
            assert!(file.rules().iter().all(|rule| faults(&rule.terms).is_empty()), "a grant that nobody may give");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A line of a set of test data that is read is written as what reads the same.
pub fn test_data(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let _ = (Begin::parse(text), serde_json::from_str::<End>(text));
    if let Ok(line) = serde_json::from_str::<Line>(text) {
        let written = serde_json::to_string(&line).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Line>(&written).expect("what was written can be read"), line);
    }
}

/// Bytes are a document of one format and of their length, or none.
pub fn scanned(data: &[u8]) {
    if let Some((_, length, sha256)) = document_examined(data) {
        assert_eq!((length, sha256.len()), (data.len() as u64, 64));
    }
}
