//! Whether what is made can be loaded, and whether it is somebody else's.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::day::Day;
use coffre_core::grant::{Basis, Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::role::Role;
use coffre_policies::{Policies, Sources};
use serde_json::{Value, json};

use super::{Dice, Person, fields, kind, made, now, text, town};
use crate::pseudonymised::draw::Draw;
use crate::pseudonymised::paper::Paper;
use crate::pseudonymised::pseudonyms::Pseudonyms;
use crate::pseudonymised::set::Line;
use crate::pseudonymised::units::shifted;
use crate::pseudonymised::{Gathering, MakeError, Making, Source};

/// Six people, each born in a year of their own and told apart by how many contracts they have.
#[test]
fn nobody_gets_back_what_is_their_own() {
    let person = |at: usize| {
        let others: Vec<String> = (0..at).map(|other| format!("HAB-{at}{other:04}")).collect();
        let born = format!("196{at}-07-01");
        let values = json!({
            "contact.family_name": "Durand", "contact.birth_date": born, "contract.other_numbers": others,
        });
        (fields(&values), 0)
    };
    let people: Vec<Person> = (0..6).map(person).collect();
    for seed in 0..50 {
        for line in made(&kind("policyholder"), &people, &[], seed) {
            let others = line.fields.0[&"contract.other_numbers".parse().unwrap()].as_array().map_or(0, Vec::len);
            let born = text(&line.fields, "contact.birth_date").unwrap();
            // Half a year from July at most.
            assert!(!born.starts_with(&format!("196{others}-")), "{seed}: {born}");
        }
    }
}

#[test]
fn a_media_type_carries_no_name() {
    for (written, told, ending) in [
        ("application/pdf; name=\"DURAND Clotilde.pdf\"", "application/pdf", "pdf"),
        ("Image/PNG", "image/png", "png"),
        ("text/plain;charset=utf-8", "text/plain", "txt"),
        ("application/x-durand-clotilde", "application/octet-stream", "bin"),
    ] {
        let paper = Paper::of(written, 1);
        assert_eq!((paper.media_type, paper.extension()), (told, ending), "{written}");
    }
}

#[test]
fn dates_stay_within_the_years_of_records() {
    for (date, days, moved) in [
        ("2000-01-01", 31, "2000-02-01"),
        ("1850-01-05", -10, "1850-01-15"),
        ("9999-12-31", -100, "9999-12-31"),
        ("9999-12-31", 100, "9999-12-31"),
    ] {
        assert_eq!(shifted(date.parse().unwrap(), days).to_string(), moved, "{date}");
    }
}

#[test]
fn what_stands_for_a_value_fits_the_shorter_field_too() {
    let originals = Gathering::new(kind("merchant"), &mut Dice(1, 0)).originals;
    let tag = originals.tag("name", "durand");
    let mut pseudonyms = Pseudonyms::new(originals, Draw::from(Box::new(Dice(2, 0))));
    let long = pseudonyms.name(tag, 100).unwrap();
    let short = pseudonyms.name(tag, 3).unwrap();
    assert!(long.len() > 3 && short.len() <= 3, "{long} {short}");
    assert_eq!(pseudonyms.name(tag, 100), Some(short));
}

#[test]
fn a_grant_that_the_policies_take_no_more_is_left_out() {
    let grant = |purpose: &str| {
        let terms = GrantTerms {
            role: Role::Sales,
            purpose: purpose.to_owned(),
            fields: std::iter::once("contact.email".parse().unwrap()).collect(),
            basis: Basis::Consent,
            article9: None,
            valid_from: "2024-02-29T13:37:01Z".parse().unwrap(),
            valid_until: None,
            evidence: None,
        };
        let (id, subject) = (GrantId::random(&mut Dice(0, 0)), SubjectId::random(&mut Dice(0, 0)));
        Grant { id, subject, terms: terms.into(), version: 1, withdrawn_at: None }
    };
    let grants = [grant("direct-marketing"), grant("a-former-purpose")];
    let mut gathering = Gathering::new(kind("policyholder"), &mut Dice(1, 0));
    for (fields, _) in &town() {
        gathering.take(&Source { fields, documents: Vec::new(), grants: &grants }, |_| false, now());
    }
    gathering.keep_grants(&Policies::embedded().unwrap(), now());
    let making = Making::of(gathering, 0, Day::of(now()), Box::new(Dice(2, 0)));
    for line in making {
        let purposes: Vec<String> = line.unwrap().grants.into_iter().map(|grant| grant.purpose).collect();
        assert_eq!(purposes, ["direct-marketing"]);
    }
}

#[test]
fn a_record_without_a_document_that_it_must_have_is_left_out() {
    let sources = Sources::embedded();
    let file = "record-types/policyholder.toml";
    let declared = sources.iter().find(|(name, _)| *name == file).unwrap().1.to_owned();
    let path = "path = \"contract.document\"\n";
    let required = declared.replace(path, &format!("{path}required = true\n"));
    let policies = Policies::from_sources(&sources.with(file, &required)).unwrap();
    let mut gathering = Gathering::new(policies.record_type("policyholder").unwrap().clone(), &mut Dice(1, 0));
    let values = |document: Option<&str>| {
        let mut values = json!({ "contact.family_name": "Durand" });
        if let Some(document) = document {
            values["contract.document"] = Value::from(document);
        }
        fields(&values)
    };
    for fields in [values(Some("0")), values(None), values(Some("gone"))] {
        let documents = vec![("contrat.pdf", "application/pdf", 20_000, "0".to_owned())];
        gathering.take(&Source { fields: &fields, documents, grants: &[] }, |_| false, now());
    }
    let mut making = Making::of(gathering, 0, Day::of(now()), Box::new(Dice(2, 0)));
    let lines: Vec<Line> = making.by_ref().collect::<Result<_, MakeError>>().unwrap();
    assert_eq!((lines.len(), making.end().records, making.end().left_out), (1, 1, 2));
}
