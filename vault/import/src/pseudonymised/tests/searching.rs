//! Searching what was made for what it was made from, and comparing what links the two.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;

use coffre_core::record::Fields;
use coffre_core::search;
use coffre_policies::RecordType;
use coffre_policies::record_type::Kind;
use serde_json::Value;

use super::{Person, text};
use crate::pseudonymised::originals::{PART, one_form};
use crate::pseudonymised::set::Line;

/// Every text in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// What is a person's own among the values: not dates, nor the names of choices, which many share.
fn own(kind: &RecordType, fields: &Fields) -> Vec<String> {
    let mut found = Vec::new();
    for (path, value) in &fields.0 {
        if !matches!(kind.field(path).unwrap().kind, Kind::Date | Kind::Choice(_) | Kind::Flag) {
            texts(value, &mut found);
        }
    }
    found
}

fn forms(text: &str) -> [String; 3] {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    // A few digits are in many numbers by chance.
    let digits = if digits.len() < PART { String::new() } else { digits };
    [search::letters(text), text.trim().to_lowercase(), digits]
}

/// The original values that stand in what was made.
pub(super) fn leaks(kind: &RecordType, people: &[Person], lines: &[Line]) -> Vec<(String, String)> {
    let outputs: Vec<[String; 3]> = lines
        .iter()
        .flat_map(|line| own(kind, &line.fields).into_iter().chain(line.documents.iter().map(|d| d.file_name.clone())))
        .map(|text| forms(&text))
        .collect();
    let mut found = Vec::new();
    for original in people.iter().flat_map(|(fields, _)| own(kind, fields)) {
        for (at, form) in forms(&original).iter().enumerate().filter(|(_, form)| !form.is_empty()) {
            let held = |made: &&[String; 3]| {
                let made = &made[at];
                made == form || (form.chars().count() >= PART && made.contains(form.as_str()))
            };
            found.extend(outputs.iter().find(held).map(|made| (original.clone(), made[at].clone())));
        }
    }
    found
}

/// How large the groups are that a record belongs to, by what it shares: the same for all records in whatever order.
pub(super) fn links(all: &[(Fields, usize)]) -> Vec<Vec<usize>> {
    let one = |path: &str, fields: &Fields| text(fields, path).map(|text| one_form(&text));
    let keys = |fields: &Fields| {
        vec![
            one("contact.family_name", fields),
            one("contact.given_name", fields),
            one("contact.family_name", fields).zip(one("contact.given_name", fields)).map(|(a, b)| format!("{a} {b}")),
            text(fields, "contact.email").map(|text| search::compact(&text)),
            text(fields, "contact.phone").map(|text| search::phone(&text)),
            text(fields, "contract.number").map(|text| search::compact(&text)),
        ]
    };
    let mut counts: HashMap<(usize, String), usize> = HashMap::new();
    for (fields, _) in all {
        for (at, key) in keys(fields).into_iter().enumerate() {
            *counts.entry((at, key.unwrap_or_default())).or_default() += 1;
        }
    }
    let mut shapes: Vec<Vec<usize>> = all
        .iter()
        .map(|(fields, documents)| {
            let others = fields.0.get(&"contract.other_numbers".parse().unwrap());
            let others = others.and_then(Value::as_array).map_or(0, Vec::len);
            let sizes = keys(fields).into_iter().enumerate().map(|(at, key)| match key {
                Some(key) => counts[&(at, key)],
                None => 0,
            });
            sizes.chain([others, *documents]).collect()
        })
        .collect();
    shapes.sort();
    shapes
}
