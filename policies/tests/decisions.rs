//! Every decision folder is asked, and every policy is exercised by one.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use coffre_policies::{Policies, check};

#[test]
fn every_case_is_decided_as_expected_and_every_policy_decides_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let report = check(&Policies::embedded().unwrap(), &folder).unwrap();
    let failed = report.cases.iter().filter(|case| !case.differences.is_empty());
    let failed: Vec<String> = failed
        .map(|case| {
            format!(
                "{}: {}",
                case.name,
                case.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            )
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.unexercised.is_empty(), "no case exercises {}", report.unexercised.join(", "));
    assert!(report.passed());
}
