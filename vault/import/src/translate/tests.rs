//! Values of legacy columns and what becomes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn translation(encoding: Encoding, step: Step) -> Translation {
    Translation { encoding, absent: vec!["NEANT".to_owned()], separator: None, step }
}

fn keep(bytes: &[u8]) -> Result<Option<Value>, Reason> {
    translation(Encoding::Latin1, Step::Keep).apply(&SourceValue::Text(bytes.to_vec()))
}

fn codes() -> Translation {
    let codes = BTreeMap::from([("O".to_owned(), json!(true)), ("N".to_owned(), json!(false))]);
    translation(Encoding::Latin1, Step::Codes(codes))
}

#[test]
fn padding_goes_and_accents_stay() {
    assert_eq!(keep(b"H\xe9lo\xefse   "), Ok(Some(json!("Héloïse"))));
    assert_eq!(keep(b"  L'H\xf4te \0\0\0"), Ok(Some(json!("L'Hôte"))));
    assert_eq!(keep(b"a  b"), Ok(Some(json!("a  b"))), "blanks inside are the application's");
    assert_eq!(keep(b"le soir\r\nou samedi\r\n"), Ok(Some(json!("le soir\nou samedi"))));
    assert_eq!(keep(b"le soir\rou samedi"), Err(Reason::UndecodableText));
}

#[test]
fn nothing_is_nothing_in_every_spelling() {
    for bytes in [&b""[..], b"    ", b"\0\0\0", b" \0 ", b"NEANT ", b"\xa0"] {
        assert_eq!(keep(bytes), Ok(None), "{bytes:?}");
    }
    assert_eq!(translation(Encoding::Utf8, Step::Keep).apply(&SourceValue::Null), Ok(None));
}

#[test]
fn the_encodings_differ_where_they_should() {
    let decode = |encoding: Encoding, bytes: &[u8]| encoding.decode(bytes);
    assert_eq!(decode(Encoding::Windows1252, b"\x80 \x9c\x92").as_deref(), Some("€ œ’"));
    assert_eq!(decode(Encoding::Latin1, b"\x80"), None, "a control character");
    for free in [0x81, 0x8d, 0x8f, 0x90, 0x9d] {
        assert_eq!(decode(Encoding::Windows1252, &[b'a', free]), None, "{free:x}");
    }
    assert_eq!(decode(Encoding::Utf8, "Zoë".as_bytes()).as_deref(), Some("Zoë"));
    assert_eq!(decode(Encoding::Utf8, b"Zo\xeb"), None);
    assert_eq!(decode(Encoding::Latin1, "Zoë".as_bytes()), None, "UTF-8 in a Latin-1 column");
    assert_eq!(decode(Encoding::Latin1, b"a\x07b"), None);
}

#[test]
fn codes_are_translated_or_refused() {
    let apply = |text: &str| codes().apply(&SourceValue::Text(text.into()));
    assert_eq!(apply("O "), Ok(Some(json!(true))));
    assert_eq!(apply("N"), Ok(Some(json!(false))));
    assert_eq!(apply(" "), Ok(None));
    assert_eq!(apply("o"), Err(Reason::UnknownValue));
}

#[test]
fn lists_are_split_and_each_item_is_translated() {
    let list = Translation { separator: Some(";".to_owned()), ..translation(Encoding::Latin1, Step::Keep) };
    let apply = |bytes: &[u8]| list.apply(&SourceValue::Text(bytes.to_vec()));
    assert_eq!(apply(b"asthme; diab\xe8te ;;NEANT"), Ok(Some(json!(["asthme", "diabète"]))));
    assert_eq!(apply(b" ; ;"), Ok(None));
    let flags = Translation { separator: Some("/".to_owned()), ..codes() };
    assert_eq!(flags.apply(&SourceValue::Text(b"O/N/O".to_vec())), Ok(Some(json!([true, false, true]))));
    assert_eq!(flags.apply(&SourceValue::Text(b"O/X".to_vec())), Err(Reason::UnknownValue));
}

#[test]
fn numbers_are_read_as_the_text_they_stand_for() {
    let date =
        |form: &str, value| translation(Encoding::Latin1, Step::Date(DateForm::parse(form).unwrap())).apply(&value);
    assert_eq!(date("AAAAMMJJ", SourceValue::Integer(19_840_229)), Ok(Some(json!("1984-02-29"))));
    assert_eq!(date("JJMMAAAA", SourceValue::Integer(1_021_984)), Ok(Some(json!("1984-02-01"))));
    assert_eq!(date("AAAAMMJJ", SourceValue::Real(19_840_229.0)), Ok(Some(json!("1984-02-29"))));
    assert_eq!(date("JJMMAAAA", SourceValue::Real(1_021_984.0)), Ok(Some(json!("1984-02-01"))));
    assert_eq!(date("JJ/MM/AAAA", SourceValue::Integer(1_021_984)), Err(Reason::ImpossibleDate));
    let number = |value| translation(Encoding::Latin1, Step::Keep).apply(&value);
    assert_eq!(number(SourceValue::Integer(-7)), Ok(Some(json!("-7"))));
    assert_eq!(number(SourceValue::Real(1.5)), Err(Reason::UndecodableText));
    assert_eq!(number(SourceValue::Blob(b"abc ".to_vec())), Ok(Some(json!("abc"))));
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes: Vec<u8>) {
        for encoding in [Encoding::Latin1, Encoding::Windows1252, Encoding::Utf8] {
            if let Ok(Some(value)) = translation(encoding, Step::Keep).apply(&SourceValue::Text(bytes.clone())) {
                let text = value.as_str().unwrap();
                prop_assert!(!text.is_empty() && text.trim() == text);
                prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            }
        }
    }

    #[test]
    fn latin_1_text_comes_out_as_it_went_in(text in "[ -~\u{a1}-\u{ff}]{1,30}", padding in 0_usize..20) {
        let mut bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        bytes.resize(bytes.len() + padding, b' ');
        prop_assume!(bytes.is_ascii() || std::str::from_utf8(&bytes).is_err());
        prop_assume!(!text.trim().is_empty() && text.trim() != "NEANT");
        prop_assert_eq!(keep(&bytes), Ok(Some(json!(text.trim()))));
    }
}
