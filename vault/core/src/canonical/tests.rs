//! Against RFC 8785's rules, and against the plain way: a tree of the whole value first, its names sorted, then written.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn sorts_names_and_escapes_as_rfc_8785() {
    let value = json!({"b": [1, null, true], "a": "é\u{20ac}\n\u{1f}\"\\", "\u{e000}": 1, "\u{10000}": 2});
    let text = String::from_utf8(to_vec(&value).unwrap()).unwrap();
    assert_eq!(text, "{\"a\":\"é€\\n\\u001f\\\"\\\\\",\"b\":[1,null,true],\"\u{10000}\":2,\"\u{e000}\":1}");
}

#[test]
fn refuses_fractions_and_big_numbers() {
    assert!(matches!(to_vec(&json!(1.5)), Err(CanonicalError::Number)));
    assert!(matches!(to_vec(&json!(1_u64 << 53)), Err(CanonicalError::Number)));
    assert_eq!(to_vec(&-((1_i64 << 53) - 1)).unwrap(), b"-9007199254740991");
}

/// Everything that serde has besides what JSON's own values are.
#[derive(Serialize)]
struct Everything {
    z: Option<u8>,
    a: (u16, char),
    unit: (),
    variants: Vec<Variant>,
    #[serde(flatten)]
    more: BTreeMap<String, u32>,
}

#[derive(Serialize)]
enum Variant {
    Plain,
    New(Option<bool>),
    Pair(i8, i8),
    Named { y: u8, b: u8 },
}

#[test]
fn every_shape_is_written_as_its_tree_is() {
    let variants = vec![Variant::Plain, Variant::New(None), Variant::Pair(-1, 1), Variant::Named { y: 1, b: 2 }];
    let more = BTreeMap::from([("m".to_owned(), 1), ("\u{10000}".to_owned(), 2), ("\u{e000}".to_owned(), 3)]);
    let value = Everything { z: None, a: (7, '"'), unit: (), variants, more };
    assert_eq!(to_vec(&value).unwrap(), plainly(&serde_json::to_value(&value).unwrap()));
}

#[test]
fn a_name_given_twice_is_refused() {
    let value = Everything {
        z: None,
        a: (0, 'a'),
        unit: (),
        variants: Vec::new(),
        more: BTreeMap::from([("z".to_owned(), 1)]),
    };
    assert!(matches!(to_vec(&value), Err(CanonicalError::Twice)));
    assert!(matches!(to_vec(&BTreeMap::from([((1, 2), 3)])), Err(CanonicalError::Serialize(_))));
}

fn plainly(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(items) => {
            [b"[".as_slice(), &items.iter().map(plainly).collect::<Vec<_>>().join(&b','), b"]"].concat()
        }
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let member = |name: &&String| [plainly(&json!(name)), plainly(&map[*name])].join(&b':');
            [b"{".as_slice(), &names.iter().map(member).collect::<Vec<_>>().join(&b','), b"}"].concat()
        }
        other => serde_json::to_vec(other).unwrap(),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[!\"\\\\a-c\u{e000}\u{10000}\n]{0,3}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_in_one_pass_is_what_the_tree_gives(value in values()) {
        prop_assert_eq!(to_vec(&value).unwrap(), plainly(&value));
    }
}
