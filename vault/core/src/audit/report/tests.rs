//! What a report says of a handful of entries.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::audit::{Decision, DocumentRef, Draft, GrantRef};
use crate::grant::{Basis, Grant, GrantTerms};
use crate::ids::{DocumentId, GrantId, RequestId};
use crate::role::Role;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn person(n: u8) -> SubjectId {
    SubjectId::from_bytes([n; 16])
}

fn read(seconds: i64, operator: &str, people: &[u8], fields: &[&str]) -> Entry {
    Draft {
        application_name: Some("crm".to_owned()),
        role: Some(Role::Sales),
        operator: Some(operator.to_owned()),
        record_type: Some("policyholder".parse().unwrap()),
        subjects: people.iter().copied().map(person).collect(),
        fields: fields.iter().map(|field| field.parse().unwrap()).collect(),
        purpose: Some("direct-marketing".to_owned()),
        ..Draft::new(Action::Read, Decision::Allow, RequestId::from_bytes([0; 16]))
    }
    .at(at(seconds))
}

fn denied(seconds: i64, operator: &str, subject: u8, cause: &str) -> Entry {
    let mut entry = read(seconds, operator, &[subject], &[]);
    (entry.what.decision, entry.what.cause) = (Decision::Deny, Some(cause.to_owned()));
    entry
}

fn bases() -> BTreeMap<String, Basis> {
    BTreeMap::from([("direct-marketing".to_owned(), Basis::Consent)])
}

fn report(scope: ReportScope, entries: &[Entry]) -> Report {
    let mut tally = Tally::new(scope, bases(), 2);
    for entry in entries {
        tally.add(entry);
    }
    tally.finish(entries.len() as u64, 0)
}

fn counted(lines: &BTreeMap<String, Counted>) -> Vec<(&str, u64, u64)> {
    lines.iter().map(|(name, line)| (name.as_str(), line.disclosures, line.persons)).collect()
}

#[test]
fn a_breach_is_told_by_persons_categories_purposes_and_bases() {
    let mut with_grant = read(2, "eve", &[2], &["health.illnesses"]);
    with_grant.what.grants = vec![GrantRef { id: GrantId::from_bytes([9; 16]), version: 1, basis: Basis::Contract }];
    let mut document = read(3, "eve", &[3], &["contract.document"]);
    document.what.action = Action::ReadDocument;
    document.what.document = Some(DocumentRef { id: DocumentId::from_bytes([1; 16]), version: 1, sha256: None });
    document.what.purpose = None;
    let mut amended = read(4, "eve", &[7], &["contact.email"]);
    amended.what.action = Action::Amend;
    let entries = [
        read(1, "eve", &[1, 2], &["contact.email", "contact.phone"]),
        with_grant,
        document,
        amended,
        read(5, "bob", &[8], &["contact.email"]),
    ];
    let scope = ReportScope { operator: Some("eve".to_owned()), ..ReportScope::default() };
    let report = report(scope, &entries);
    assert_eq!((report.entries, report.disclosures, report.documents, report.log_size), (4, 3, 1, 5));
    assert_eq!((report.first, report.last), (Some(at(1)), Some(at(4))));
    assert_eq!(report.persons, Concerned { count: 3, ids: vec![person(1), person(2)], more: true });
    assert_eq!(
        counted(&report.categories),
        [("policyholder/contact", 1, 2), ("policyholder/contract", 1, 1), ("policyholder/health", 1, 1)]
    );
    assert_eq!(counted(&report.bases), [("consent", 1, 2), ("contract", 1, 1), ("none", 1, 1)]);
    assert_eq!(counted(&report.purposes), [("direct-marketing", 2, 2), ("none", 1, 1)]);
    assert_eq!(counted(&report.operators), [("eve", 3, 3)]);
    assert_eq!(report.actions, BTreeMap::from([("amend".into(), 1), ("read".into(), 2), ("read-document".into(), 1)]));
}

#[test]
fn a_person_is_told_what_was_seen_of_them_alone() {
    let entries = [read(1, "eve", &[1, 2, 3], &["contact.email"]), read(2, "eve", &[3], &["contact.email"])];
    let report = report(ReportScope { subject: Some(person(2)), ..ReportScope::default() }, &entries);
    assert_eq!(report.persons, Concerned { count: 1, ids: vec![person(2)], more: false });
    assert_eq!(counted(&report.categories), [("policyholder/contact", 1, 1)]);
}

/// Where nobody vouches for operators, an application names them as it likes.
#[test]
fn an_operator_is_told_of_however_written() {
    let entries = ["b.petit", "B.Petit", "b.petite"].map(|operator| read(1, operator, &[1], &["contact.email"]));
    let report = report(ReportScope { operator: Some("B.PETIT".to_owned()), ..ReportScope::default() }, &entries);
    assert_eq!(counted(&report.operators), [("B.Petit", 1, 1), ("b.petit", 1, 1)]);
}

#[test]
fn a_period_begins_with_its_first_moment_and_ends_before_its_last() {
    let entries: Vec<Entry> = (1..=4).map(|n| read(n, "eve", &[1], &["contact.email"])).collect();
    let scope = ReportScope { from: Some(at(2)), to: Some(at(4)), ..ReportScope::default() };
    assert!(scope.is_past(at(4)) && !scope.is_past(at(3)));
    assert_eq!(report(scope, &entries).disclosures, 2);
}

#[test]
fn many_refusals_in_a_short_time_are_a_burst_and_a_pause_ends_it() {
    let burst = |from: i64| (0..10_u8).map(move |n| denied(from + i64::from(n) * 600, "eve", n, "no-grant"));
    let mut entries: Vec<Entry> =
        burst(0).chain((1..10).map(|n| denied(6001 + n, "bob", 1, "no-such-record"))).collect();
    let mut many = denied(20_000, "eve", 1, "never-for-role");
    many.what.count = Some(40);
    entries.push(many);
    let report = report(ReportScope::default(), &entries);
    assert_eq!((report.disclosures, report.refusals.count), (0, 59));
    assert_eq!(
        report.refusals.causes,
        BTreeMap::from([("never-for-role".into(), 40), ("no-grant".into(), 10), ("no-such-record".into(), 9)])
    );
    let told: Vec<_> = report.refusals.bursts.iter().map(|b| (b.count, b.subjects, b.first, b.last)).collect();
    assert_eq!(told, [(40, 1, at(20_000), at(20_000)), (10, 10, at(0), at(5400))], "nine are none");
    assert_eq!(report.refusals.bursts.iter().flat_map(|b| &b.causes).collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn the_largest_bursts_are_told_and_the_others_counted() {
    let entries: Vec<Entry> = (0..60_u32)
        .map(|n| {
            let mut entry = denied(i64::from(n) * 1000, "eve", 1, "no-grant");
            entry.what.count = Some(100 + u64::from(n));
            entry
        })
        .collect();
    let refusals = report(ReportScope::default(), &entries).refusals;
    assert_eq!((refusals.bursts.len(), refusals.more_bursts), (50, 10));
    assert_eq!(refusals.bursts.first().map(|burst| burst.count), Some(159));
    assert_eq!(refusals.bursts.last().map(|burst| burst.count), Some(110));
}

fn grant(n: u8, valid_from: i64, valid_until: Option<i64>, withdrawn_at: Option<i64>) -> Grant {
    Grant {
        id: GrantId::from_bytes([n; 16]),
        subject: person(1),
        terms: Arc::new(GrantTerms {
            role: Role::Sales,
            purpose: "direct-marketing".to_owned(),
            fields: BTreeSet::from(["contact.email".parse().unwrap()]),
            basis: Basis::Consent,
            article9: None,
            valid_from: at(valid_from),
            valid_until: valid_until.map(at),
            evidence: None,
        }),
        version: 1,
        withdrawn_at: withdrawn_at.map(at),
    }
}

#[test]
fn rights_that_nobody_used_are_told_whatever_else_the_scope_names() {
    let mut used = read(10, "eve", &[1], &["contact.email"]);
    used.what.grants = vec![GrantRef { id: GrantId::from_bytes([1; 16]), version: 1, basis: Basis::Consent }];
    let scope = ReportScope { operator: Some("nobody".to_owned()), to: Some(at(100)), ..ReportScope::default() };
    let mut tally = Tally::new(scope, bases(), 2);
    tally.add(&used);
    let mut asked = read(11, "eve", &[1], &["contact.email"]);
    asked.what.action = Action::CheckContactable;
    asked.what.grants = vec![GrantRef { id: GrantId::from_bytes([8; 16]), version: 1, basis: Basis::Consent }];
    tally.add(&asked);
    for (name, added) in [("crm", 0), ("old-tool", 0), ("tomorrow", 100)] {
        tally.consider_application(name, at(added));
    }
    let of_use = [grant(2, 0, None, None), grant(3, 0, Some(1000), None), grant(4, 0, None, None)];
    let of_none =
        [grant(1, 0, None, None), grant(5, 100, None, None), grant(6, 0, Some(50), None), grant(7, 0, None, Some(5))];
    let asked_by = [grant(8, 0, None, None)];
    for grant in of_use.iter().chain(&of_none).chain(&asked_by) {
        tally.consider_grant(grant, at(200));
    }
    let report = tally.finish(1, 0);
    assert_eq!(report.entries, 0, "the scope names another operator");
    assert_eq!(report.unused.applications, ["old-tool"]);
    assert!(!report.unused.roles.contains(&Role::Sales) && report.unused.roles.contains(&Role::Billing));
    assert_eq!((report.unused.grant_count, report.unused.grants.len()), (3, 2), "the rest is counted");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
