//! Whether nothing of anybody comes out of test data, and whether they are linked as what they are made from.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod loadable;
mod searching;

use std::collections::BTreeMap;
use std::io::Read as _;

use coffre_core::crypto::{Entropy, sha256};
use coffre_core::grant::{Basis, Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::{FieldPath, Fields};
use coffre_core::role::Role;
use coffre_core::search;
use coffre_core::time::Timestamp;
use coffre_policies::{Policies, RecordType};
use proptest::prelude::*;
use serde_json::{Value, json};

use self::searching::{leaks, links};
use super::draw::Draw;
use super::originals::Originals;
use super::paper::{Paper, SizeClass, content};
use super::pseudonyms::Pseudonyms;
use super::set::Line;
use super::{Gathering, MakeError, Making, Source};
use crate::document::{DocumentFormat, examine};

/// Random bytes that are the same every time.
struct Dice(u64, u64);

impl Entropy for Dice {
    fn fill(&mut self, buffer: &mut [u8]) {
        for bytes in buffer.chunks_mut(32) {
            self.1 += 1;
            let block = sha256(format!("{} {}", self.0, self.1).as_bytes());
            bytes.copy_from_slice(block.split_at(bytes.len()).0);
        }
    }
}

/// A record of the tests: its values, and how many documents it has.
type Person = (Fields, usize);

fn kind(name: &str) -> RecordType {
    Policies::embedded().unwrap().record_type(name).unwrap().clone()
}

fn now() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

fn fields(values: &Value) -> Fields {
    let values = values.as_object().unwrap();
    Fields(values.iter().map(|(path, value)| (path.parse().unwrap(), value.clone())).collect())
}

fn made(kind: &RecordType, people: &[Person], grants: &[Grant], seed: u64) -> Vec<Line> {
    let mut gathering = Gathering::new(kind.clone(), &mut Dice(seed, 0));
    for (fields, documents) in people {
        let documents = (0..*documents).map(|at| ("contrat-DURAND.pdf", "application/pdf", 20_000, at.to_string()));
        gathering.take(&Source { fields, documents: documents.collect(), grants }, |_| false, now());
    }
    let today = coffre_core::day::Day::of(now());
    let making = Making::of(gathering, 0, today, Box::new(Dice(seed + 1, 0)));
    let lines: Vec<Line> = making.collect::<Result<_, MakeError>>().unwrap();
    for line in &lines {
        kind.validate(&line.fields).unwrap();
    }
    lines
}

fn text(fields: &Fields, path: &str) -> Option<String> {
    Some(fields.0.get(&path.parse::<FieldPath>().unwrap())?.as_str()?.to_owned())
}

fn people_of(lines: &[Line]) -> Vec<Person> {
    lines.iter().map(|line| (line.fields.clone(), line.documents.len())).collect()
}

/// A hundred people with homonyms, families with one phone and one address, and people with several contracts.
fn town() -> Vec<Person> {
    const FAMILIES: [&str; 7] = ["Durand", "DURAND", "Lefèvre", "de la Tour", "Nguyễn", "O'Brien", "Ba"];
    const GIVEN: [&str; 5] = ["Marie", "Jean-Pierre", "Zoé", "Ali", "Léa"];
    const PRODUCTS: [&str; 3] = ["Automobile", "Habitation", "Complémentaire santé"];
    let person = |at: usize| {
        let (family, given) = (FAMILIES[at % 7], GIVEN[at % 5]);
        let mut values = json!({
            "contact.family_name": family, "contact.given_name": given,
            "contact.birth_date": format!("19{:02}-03-{:02}", 50 + at % 40, 1 + at % 28),
            "contact.email": format!("{}.{}@orange.fr", search::letters(given), at / 2),
            // Numbers kept for fiction themselves, as demonstrations have them, one for every third person.
            "contact.phone": format!("06 39 98 {:02} {:02}", at / 3, at / 3),
            "contact.availability": "le soir après 18 heures",
            "lifestyle.tobacco": at.is_multiple_of(3),
            "contract.number": format!("AUT-2019-{:07}", 1_000 + at),
            "contract.product": PRODUCTS[at % 3],
            "contract.start_date": format!("201{}-06-01", at % 8),
            "contract.status": if at == 50 { "suspended" } else { "active" },
            "legacy.client_number": format!("{:08}", 4_200 + at),
        });
        if at.is_multiple_of(4) {
            values["contract.other_numbers"] = json!([format!("HAB-{:05}", at), format!("AUT-2019-{:07}", 1_001 + at)]);
            values["contract.others"] =
                json!([format!("HAB-{at:05} · Habitation · 2011-01-01 – 2015-01-01 · expired"), "?"]);
        }
        if at == 7 {
            values["contact.birth_date"] = json!("1911-02-03");
            values["contact.availability"] = json!("demander à sa fille Clotilde Vasseur");
        }
        (fields(&values), at % 3)
    };
    (0..100).map(person).collect()
}

#[test]
fn no_value_comes_out_and_every_link_does() {
    let (kind, people) = (kind("policyholder"), town());
    let lines = made(&kind, &people, &[], 7);
    assert_eq!(lines.len(), people.len());
    assert_eq!(leaks(&kind, &people, &lines), []);
    assert_eq!(links(&people_of(&lines)), links(&people));
    // The search finds what it is for.
    assert!(leaks(&kind, &people, &made_of_originals(&people)).len() > people.len());
    let whole = serde_json::to_string(&lines).unwrap();
    for name in ["Clotilde", "Vasseur", "DURAND.pdf", "Automobile"] {
        assert!(!whole.contains(name), "{name}");
    }
}

fn made_of_originals(people: &[Person]) -> Vec<Line> {
    let line = |(fields, _): &Person| Line { fields: fields.clone(), documents: Vec::new(), grants: Vec::new() };
    people.iter().map(line).collect()
}

#[test]
fn nothing_of_one_run_leads_to_another() {
    let (kind, people) = (kind("policyholder"), town());
    let names = |seed| {
        let lines = made(&kind, &people, &[], seed);
        let of = |line: &Line| text(&line.fields, "contact.family_name").unwrap();
        lines.iter().map(of).collect::<std::collections::BTreeSet<_>>()
    };
    let (first, second) = (names(1), names(100));
    assert_eq!((first.len(), second.len()), (6, 6), "six surnames, one of them in two spellings");
    assert_eq!(first.intersection(&second).count(), 0);
}

#[test]
fn what_one_person_alone_has_is_not_dealt() {
    let (kind, people) = (kind("policyholder"), town());
    for seed in 0..20 {
        let lines = made(&kind, &people, &[], seed);
        let all = |path: &str| lines.iter().filter_map(|line| text(&line.fields, path)).collect::<Vec<_>>();
        assert!(!all("contract.status").contains(&"suspended".to_owned()));
        // Born in 1911, shifted by half a year at most.
        assert!(all("contact.birth_date").iter().all(|day| day.as_str() > "1949-06-01"), "{seed}");
        // What several share is dealt as it was: three products, each a third.
        let mut products: BTreeMap<String, usize> = BTreeMap::new();
        for product in all("contract.product") {
            *products.entry(product).or_default() += 1;
        }
        assert_eq!(products.len(), 3, "{products:?}");
        // Whose contract began before they were born is nobody.
        let born_later = lines.iter().filter(|line| {
            text(&line.fields, "contract.start_date").unwrap() < text(&line.fields, "contact.birth_date").unwrap()
        });
        assert_eq!(born_later.count(), 0);
    }
}

#[test]
fn special_categories_are_made_up_without_being_read() {
    let kind = kind("policyholder");
    let gathering = Gathering::new(kind.clone(), &mut Dice(1, 0));
    assert!(gathering.reads().all(|field| field.category_str() != "health"));
    let mut people = town();
    for (fields, _) in &mut people {
        fields.0.insert("health.illnesses".parse().unwrap(), json!(["Diabète de type 2"]));
    }
    let lines = made(&kind, &people, &[], 3);
    assert!(!serde_json::to_string(&lines).unwrap().contains("iab"));
    let ill = lines.iter().filter(|line| line.fields.0.contains_key(&"health.illnesses".parse().unwrap())).count();
    assert!((20..80).contains(&ill), "half of them, by lot: {ill}");
}

#[test]
fn a_handful_of_records_lends_nothing_to_each_other() {
    let kind = kind("merchant");
    let merchant = fields(&json!({
        "contact.trade_name": "Boulangerie Vasseur", "contact.company_number": "73282932000074",
        "contact.city": "Guéret", "contact.postal_code": "23000", "contact.street": "12 rue du Prat",
        "membership.scheme": "jcb", "membership.member_number": "7", "membership.start_date": "1999-12-31",
        "terminal.identifiers": ["T-0001", "T-0002"],
    }));
    let people = [(merchant, 0)];
    for seed in 0..50 {
        let lines = made(&kind, &people, &[], seed);
        assert_eq!(leaks(&kind, &people, &lines), []);
        let made = &lines[0].fields;
        assert_eq!(text(made, "contact.company_number").unwrap().len(), 14);
        assert!(text(made, "membership.scheme").is_some(), "what is required is there");
        assert_ne!(text(made, "membership.start_date").as_deref(), Some("1999-12-31"));
        let terminals = made.0[&"terminal.identifiers".parse().unwrap()].as_array().unwrap().len();
        assert_eq!(terminals, 2);
    }
}

#[test]
fn grants_are_those_in_force_that_several_have() {
    let (kind, people) = (kind("policyholder"), town());
    let terms = |purpose: &str, until: Option<&str>| GrantTerms {
        role: Role::Sales,
        purpose: purpose.to_owned(),
        fields: std::iter::once("contact.email".parse().unwrap()).collect(),
        basis: Basis::Consent,
        article9: None,
        valid_from: "2024-02-29T13:37:01Z".parse().unwrap(),
        valid_until: until.map(|until| until.parse().unwrap()),
        evidence: None,
    };
    let grant = |terms: GrantTerms, withdrawn_at| Grant {
        id: GrantId::random(&mut Dice(0, 0)),
        subject: SubjectId::random(&mut Dice(0, 0)),
        terms: terms.into(),
        version: 1,
        withdrawn_at,
    };
    let grants = [
        grant(terms("direct-marketing", Some("2026-12-24T11:22:33Z")), None),
        grant(terms("customer-support", Some("2025-01-01T00:00:00Z")), None),
        grant(terms("billing", None), Some(now())),
    ];
    for line in made(&kind, &people, &grants, 5) {
        let [left] = line.grants.as_slice() else { unreachable!("one is in force: {:?}", line.grants) };
        assert_eq!((left.purpose.as_str(), left.valid_days), ("direct-marketing", Some(30)), "28 days and a bit");
    }
}

#[test]
fn replacements_that_run_out_are_no_originals_instead() {
    let mut pseudonyms =
        Pseudonyms::new(Gathering::new(kind("merchant"), &mut Dice(1, 0)).originals, Draw::from(Box::new(Dice(2, 0))));
    let words: Vec<String> = std::iter::from_fn(|| pseudonyms.word(2)).take(1_000).collect();
    assert!(words.len() < 1_000 && words.len() > 20, "{}", words.len());
    assert_eq!(words.iter().collect::<std::collections::HashSet<_>>().len(), words.len());
}

#[test]
fn numbers_for_fiction_are_shared_only_when_all_are_given() {
    let originals = Gathering::new(kind("merchant"), &mut Dice(1, 0)).originals;
    let mut pseudonyms = Pseudonyms::new(originals, Draw::from(Box::new(Dice(2, 0))));
    let phones: std::collections::HashSet<String> = (0..60_000).map(|_| pseudonyms.new_phone().unwrap()).collect();
    assert_eq!((phones.len(), pseudonyms.phones_shared), (60_000, 0));
    assert!(phones.contains(&pseudonyms.new_phone().unwrap()));
    assert_eq!(pseudonyms.phones_shared, 1);
    coffre_policies::values::phone::check(phones.iter().next().unwrap()).unwrap();
}

#[test]
fn numbers_for_fiction_hold_no_part_that_a_thousand_in_a_row_hold() {
    let mut pseudonyms = Pseudonyms::new(originals_of("36498"), Draw::from(Box::new(Dice(2, 0))));
    for _ in 0..2_000 {
        let phone = search::compact(&pseudonyms.new_phone().unwrap());
        assert!(!phone.contains("36498"), "{phone}");
    }
}

#[test]
fn documents_are_what_they_say() {
    for (media_type, format) in [
        ("application/pdf", DocumentFormat::Pdf),
        ("image/png", DocumentFormat::Png),
        ("image/jpeg", DocumentFormat::Jpeg),
        ("image/tiff", DocumentFormat::Tiff),
    ] {
        for size in [SizeClass::Small, SizeClass::Medium, SizeClass::Large] {
            let mut bytes = Vec::new();
            content(media_type, size.length()).read_to_end(&mut bytes).unwrap();
            let found = examine(&mut std::io::Cursor::new(&bytes), &[format]).unwrap();
            assert_eq!(found.unwrap().0, format);
            assert_eq!(SizeClass::of(bytes.len() as u64), size);
            assert_eq!(bytes.len() as u64, size.length(), "{media_type}");
        }
    }
    let mut said = String::new();
    content("text/plain", 4096).read_to_string(&mut said).unwrap();
    assert!(said.len() == 4096 && said.starts_with("Document fictif"));
    assert_eq!(Paper::of("application/x-odd", 1).extension(), "bin");
}

fn originals_of(text: &str) -> Originals {
    let mut gathering = Gathering::new(kind("merchant"), &mut Dice(1, 0));
    gathering.originals.remember(text);
    gathering.originals
}

#[test]
fn originals_are_known_again_in_any_writing() {
    let originals = originals_of("Mme Éléonore de Brâquemont, +33 6 12 34 56 78");
    for known in ["eleonore", "BRAQUEMONT", "de", "33612345678", "+33612345678"] {
        assert!(originals.are(known), "{known}");
    }
    assert!(originals.are_in("tabraquemontil") && !originals.are("tabraquemontil"));
    assert!(!originals.are_in("bravelin") && !originals.are_in("0139980001"));
}

fn value_of(path: &'static str) -> BoxedStrategy<Option<(String, Value)>> {
    let text = match path {
        "contact.family_name" | "contact.given_name" => "[A-Za-zÀ-ÿ' -]{0,12}[a-zé]|Durand|DURAND",
        "contact.email" => "[a-z]{1,8}@[a-z]{2,6}\\.fr",
        "contact.phone" => "0[1-79]([0-9]{2}){4}|06399800[0-4][0-9]",
        "contract.number" | "legacy.client_number" => "[A-Z]{0,3}-?[0-9]{1,9}|[0-9]",
        "contact.availability" | "contract.product" => "[a-zA-Zéœ0-9]\\PC{0,40}",
        _ => "(19[3-9][0-9]|20[01][0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
    };
    prop::option::weighted(0.8, text.prop_map(move |text| (path.to_owned(), Value::from(text)))).boxed()
}

fn anybody() -> impl Strategy<Value = Person> {
    let paths = [
        "contact.family_name",
        "contact.given_name",
        "contact.email",
        "contact.phone",
        "contact.availability",
        "contact.birth_date",
        "contract.number",
        "contract.product",
        "contract.start_date",
        "legacy.client_number",
    ];
    let values: Vec<_> = paths.into_iter().map(value_of).collect();
    (values, 0_usize..3).prop_map(|(values, documents)| {
        let mut values: serde_json::Map<String, Value> = values.into_iter().flatten().collect();
        values.entry("contact.family_name").or_insert_with(|| json!("Durand"));
        (fields(&Value::Object(values)), documents)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_value_of_any_records_comes_out(people in prop::collection::vec(anybody(), 0..30), seed in any::<u64>()) {
        let kind = kind("policyholder");
        let lines = made(&kind, &people, &[], seed >> 1);
        prop_assert_eq!(leaks(&kind, &people, &lines), []);
        prop_assert_eq!(links(&people_of(&lines)), links(&people));
    }
}
