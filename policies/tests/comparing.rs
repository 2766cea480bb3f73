//! What changes between two policy folders: nothing when nothing does, and everything that can be asked otherwise.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;

use coffre_policies::{Comparison, Declared, Kind, Policies, Sources};

fn with(file: &str, change: impl Fn(&str) -> String) -> Policies {
    let sources = Sources::embedded();
    let text = sources.iter().find(|(name, _)| *name == file).unwrap().1.to_owned();
    let changed = change(&text);
    assert_ne!(changed, text);
    Policies::from_sources(&sources.with(file, &changed)).unwrap()
}

fn told(comparison: &Comparison) -> String {
    let mut text = String::new();
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
    for change in &comparison.access {
        let kind = change.record_type.as_ref().map_or("log", |kind| kind.as_str());
        let actions = list(&mut change.actions.iter().map(ToString::to_string));
        let (before, after) = (&change.before, &change.after);
        let before = list(&mut before.iter().map(ToString::to_string));
        let after = list(&mut after.iter().map(ToString::to_string));
        writeln!(
            text,
            "{} {actions} {kind} {}: {:?} ({before} -> {after})",
            change.role,
            change.targets.join(","),
            change.kind
        )
        .unwrap();
        for case in &change.cases {
            writeln!(
                text,
                "    {}: {} circumstances",
                case.purpose.as_deref().unwrap_or("none"),
                case.circumstances.len()
            )
            .unwrap();
        }
    }
    for change in &comparison.declared {
        writeln!(text, "{:?} {}: {:?} -> {:?}", change.what, change.name, change.before, change.after).unwrap();
    }
    text
}

#[test]
fn what_changes_no_decision_is_the_same() {
    let embedded = Policies::embedded().unwrap();
    let commented = with("cedar/legal.cedar", |text| {
        let laid_out = text.replace("    action in", "    // Another one.\n    action  in");
        format!("// A remark.\n{laid_out}")
    });
    assert_ne!(embedded.hash(), commented.hash());
    assert!(Comparison::between(&embedded, &embedded).is_same());
    assert!(Comparison::between(&embedded, &commented).is_same());
}

#[test]
fn changes_are_found_in_both_directions() {
    let embedded = Policies::embedded().unwrap();
    let shown = with("cedar/special-categories.cedar", |text| {
        text.replace("principal in Role::\"sales\"", "principal in Role::\"customer-service\"")
    });
    let narrower = Comparison::between(&embedded, &shown);
    let kinds = |comparison: &Comparison| comparison.access.iter().map(|change| change.kind).collect::<Vec<_>>();
    assert!(kinds(&narrower).contains(&Kind::Closed) && !kinds(&narrower).contains(&Kind::Opened));
    let back = Comparison::between(&shown, &embedded);
    assert!(kinds(&back).contains(&Kind::Opened) && !kinds(&back).contains(&Kind::Closed));
    insta::assert_snapshot!(told(&narrower));
}

/// No list of questions is complete: a grant for another purpose is not asked about.
#[test]
fn a_rule_that_no_question_finds_is_told_all_the_same() {
    let embedded = Policies::embedded().unwrap();
    let same_purpose = "context.grant.purpose == context.purpose";
    let wider = with("cedar/granted-reads.cedar", |text| text.replace(&format!("    {same_purpose} &&\n"), ""));
    let comparison = Comparison::between(&embedded, &wider);
    assert!(comparison.access.is_empty() && !comparison.is_same());
    let [change] = comparison.declared.as_slice() else { panic!("{:?}", comparison.declared) };
    assert_eq!((change.what, change.name.as_str()), (Declared::Policy, "grant-opens-its-fields"));
    assert!(change.before.as_deref().unwrap().contains(same_purpose));
    assert!(!change.after.as_deref().unwrap().contains(same_purpose));
}

#[test]
fn a_field_that_a_policy_names_is_asked_about_by_itself() {
    let embedded = Policies::embedded().unwrap();
    let closed = with("cedar/restriction.cedar", |text| {
        format!(
            "{text}\n@id(\"no-phones\")\n@reason(\"never-for-role\")\n@description_en(\"en\")\n@description_fr(\"fr\")\n\
             forbid (principal in Role::\"billing\", action == Action::\"read\", resource == Field::\"policyholder/contact.phone\");"
        )
    });
    insta::assert_snapshot!(told(&Comparison::between(&embedded, &closed)));
}

#[test]
fn what_is_declared_anew_or_no_longer_is_told() {
    let embedded = Policies::embedded().unwrap();
    let special = with("record-types/policyholder.toml", |text| {
        text.replace("en = \"lifestyle\" }\n", "en = \"lifestyle\" }\nspecial = true\n")
            .replace("[[field]]\npath = \"contact.availability\"", "[[field]]\npath = \"contact.hours\"")
    });
    insta::assert_snapshot!(told(&Comparison::between(&embedded, &special)));
}

/// How the second rule for longer archives goes on after its words.
const LONGER: &str = "archive = \"P10Y\"\nsource.fr = \"Code des assurances, article L114-1 (dix ans";

#[test]
fn every_rule_of_retention_is_compared() {
    let embedded = Policies::embedded().unwrap();
    for (from, to, name) in [
        ("active = \"P3Y\"", "active = \"P2Y\"", "policyholder without a contract"),
        (LONGER, &LONGER.replace("P10Y", "P9Y"), "policyholder longer where contract.product says "),
        ("keep = \"P12M\"", "keep = \"P6M\"", "audit log"),
        ("\nopposes-erasure = \"legal-claims\"", "", "policyholder "),
    ] {
        let changed = with("retention.toml", |text| text.replacen(from, to, 1));
        let comparison = Comparison::between(&embedded, &changed);
        let [change] = comparison.declared.as_slice() else { panic!("{to}: {:?}", comparison.declared) };
        assert!(change.name.starts_with(name), "{}", change.name);
        assert_ne!(change.before, change.after);
    }
}

#[test]
fn rules_that_look_for_the_same_words_are_all_told() {
    let second = "[[longer]]\nrecord-type = \"policyholder\"\ncategories = [\"lifestyle\"]\nfield = \"contract.product\"\n\
                  words = [\"vie\", \"life\", \"décès\", \"death\"]\narchive = \"P7Y\"\nsource = { fr = \"fr\", en = \"en\" }\n";
    let both = |archive| with("retention.toml", |text| format!("{}\n{second}", text.replace("P30Y", archive)));
    let comparison = Comparison::between(&both("P30Y"), &both("P20Y"));
    let [change] = comparison.declared.as_slice() else { panic!("{:?}", comparison.declared) };
    for (told, archive) in [(&change.before, "P30Y"), (&change.after, "P20Y")] {
        assert!(told.as_deref().unwrap().contains(archive) && told.as_deref().unwrap().contains("P7Y"), "{told:?}");
    }
}
