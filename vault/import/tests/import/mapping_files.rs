//! Mapping and grants files: those that ship are valid and fit, and whatever is wrong in one is told
//! with its line and what to do.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;

use coffre_core::time::Timestamp;
use coffre_import::{GrantsFile, Legacy, LegacyError, Mapping};
use coffre_store::plain::PlainWriter;

use crate::support::{GRANTS, MAPPING, SCHEMA, mapping, policies};

fn refusals(changes: &[(&str, &str)]) -> String {
    let policies = policies();
    let record_type = policies.record_type("policyholder").unwrap();
    let mut messages = String::new();
    for (find, replace) in changes {
        assert!(MAPPING.contains(find), "{find}");
        let refused = Mapping::parse("m.toml", &MAPPING.replacen(find, replace, 1), record_type);
        let message = refused.err().map_or_else(|| format!("ACCEPTED {replace}"), |error| error.to_string());
        writeln!(messages, "{message}").unwrap();
    }
    messages
}

#[test]
fn what_is_wrong_with_a_mapping_is_told_with_its_line() {
    let messages = refusals(&[
        ("name = \"legal-cobol\"\n", ""),
        ("encoding = \"latin-1\"", "encoding = \"ebcdic\""),
        ("[subject]\n", "[subjects]\n"),
        ("key = \"NUMCLI\"\nkey-field", "kye = \"NUMCLI\"\nkey-field"),
        ("\"policyholder\"", "\"merchant\""),
        ("\"contact.email\"", "\"contact.mail\""),
        ("\"contact.phone\"", "\"contact.email\""),
        ("\"contact.phone\"", "\"legacy.client_number\""),
        ("key-field = \"legacy.client_number\"", "key-field = \"contact.given_name\""),
        ("\"contact.family_name\" = { column = \"NOM\" }\n", ""),
        ("{ column = \"TEL\" }", "{ }"),
        ("{ column = \"TEL\" }", "{ column = \"TEL\", constant = \"01 99 00 12 34\" }"),
        ("{ column = \"TEL\" }", "{ constant = \"12\" }"),
        ("{ column = \"TEL\" }", "{ constant = \"01 99 00 12 34\", encoding = \"utf-8\" }"),
        ("{ column = \"TEL\" }", "{ column = \"TEL\", separator = \";\" }"),
        ("{ column = \"TEL\" }", "{ column = \"TEL\", date = \"AAAAMMJJ\" }"),
        ("{ column = \"TEL\" }", "{ column = \"TEL\", values = { a = \"b\" } }"),
        ("date = \"JJ/MM/AAAA\", ", ""),
        ("date = \"JJ/MM/AAAA\"", "date = \"JJ/MM/AA\""),
        ("{ column = \"TABAC\", values = { O = true, N = false } }", "{ column = \"TABAC\" }"),
        (
            "{ column = \"TABAC\", values = { O = true, N = false } }",
            "{ column = \"TABAC\", values = { O = \"oui\" } }",
        ),
        ("P = \"draft\"", "P = \"prepared\""),
        ("separator = \";\", ", ""),
        ("separator = \";\"", "separator = \"\""),
        ("[[one-to-one]]\ntable = \"COMPORT\"", "[[one-to-one]]\ntable = \"client\""),
        ("field = \"contract.document\"", "field = \"contract.number\""),
        ("\"contact.availability\" =", "\"contract.document\" ="),
        ("blob = \"PDF\"\npath = \"FICHIER\"\n", ""),
        ("folder = \"contrats\"", "folder = \"../contrats\""),
        ("folder = \"contrats\"", "folder = \"/srv\""),
        ("name = \"contrat-{contract.number}\"", "name = \"contrat-{contract.number\""),
        ("name = \"contrat-{contract.number}\"", "name = \"contrat-{contact.email}\""),
        ("formats = [\"pdf\"]", "formats = []"),
        ("formats = [\"pdf\"]", "formats = [\"doc\"]"),
        ("ends = \"contract.end_date\"", "ends = \"contract.number\""),
        ("latest = \"contract.start_date\"", "latest = \"contract.number\""),
        ("latest = \"contract.start_date\"", "latest = \"contact.birth_date\""),
        ("prefer = { field = \"contract.status\"", "prefer = { field = \"contact.email\""),
        ("\"contract.other_numbers\" = \"", "\"contract.other_numbers\" = \"{"),
        ("\"contract.others\" =", "\"contact.availability2\" ="),
        (
            "marketing = { column = \"OPTMKT\", values = { O = true, N = false } }",
            "marketing = { column = \"OPTMKT\" }",
        ),
        ("marketing = { column = \"OPTMKT\", ", "marketing = { "),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn what_would_lose_rows_is_refused() {
    let without = MAPPING.split("[one-to-many.others]").next().unwrap();
    let policies = policies();
    let error = Mapping::parse("m.toml", without, policies.record_type("policyholder").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "m.toml:36: the rows that are not current would be lost: add an `others` section with a list of texts"
    );
}

#[test]
fn what_is_wrong_with_a_grants_file_is_told_with_its_line() {
    let (mapping, policies) = (mapping(), policies());
    let mut messages = String::new();
    for (find, replace) in [
        ("for = \"marketing\"", "for = \"newsletter\""),
        ("for = \"marketing\"", "for = \"all\""),
        ("role = \"sales\"", "role = \"boss\""),
        ("purpose = \"direct-marketing\"", "purpose = \"curiosity\""),
        ("purpose = \"direct-marketing\"", "purpose = \"underwriting\""),
        ("basis = \"consent\"", "basis = \"habit\""),
        ("fields = [\"contact.given_name\"", "fields = [\"health.illnesses\""),
        ("fields = [\"contact.given_name\"", "fields = [\"contact.iban\""),
        ("valid-days = 1095", "valid-days = 0"),
        ("valid-days = 1095", "valid-days = 1\nvalid-until = 2030-01-01T00:00:00Z"),
        ("valid-days = 1095", "valid-until = 2030-01-01"),
        ("valid-days = 1095", "valid-from = 2030-01-01T00:00:00Z\nvalid-until = 2029-01-01T00:00:00Z"),
        ("valid-days = 1095", "valid-for = 3"),
    ] {
        assert!(GRANTS.contains(find), "{find}");
        let text = GRANTS.replacen(find, replace, 1);
        let refused = GrantsFile::parse("g.toml", &text, &mapping, &policies, Timestamp::from_micros(0));
        let message = refused.err().map_or_else(|| format!("ACCEPTED {replace}"), |error| error.to_string());
        writeln!(messages, "{message}").unwrap();
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn the_sample_grants_are_those_it_says() {
    let now = Timestamp::from_micros(1_000_000);
    let grants = GrantsFile::parse("g.toml", GRANTS, &mapping(), &policies(), now).unwrap();
    let [marketing, support, billing] = grants.rules() else { unreachable!() };
    assert_eq!(marketing.terms.valid_from, now);
    assert_eq!(marketing.terms.valid_until, Some(now.plus_seconds(1095 * 86_400)));
    assert_eq!((marketing.terms.fields.len(), support.terms.fields.len(), billing.terms.fields.len()), (5, 13, 9));
    assert!(support.terms.valid_until.is_none() && billing.terms.evidence.is_none());
}

#[test]
fn a_database_that_the_mapping_does_not_fit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = mapping();
    let refusal = |name: &str, schema: &str| {
        let path = dir.path().join(name);
        PlainWriter::create(&path, schema).unwrap().finish().unwrap();
        Legacy::open(&path, &mapping).err().unwrap()
    };
    let error = refusal("a.sqlite", "CREATE TABLE ADHERENT (NUMADH TEXT)");
    assert_eq!(error.to_string(), "the mapping legal-cobol does not fit the database");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "there is no table CLIENT; the database has ADHERENT: correct the mapping");
    let utf16 = refusal("b.sqlite", &format!("PRAGMA encoding = 'UTF-16le'; {SCHEMA}"));
    assert!(matches!(utf16, LegacyError::Utf16 { .. }), "{utf16}");
    assert!(utf16.to_string().contains("encoding = \"utf-8\""));
}
