//! One data subject, from its rows to its record, exactly.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use coffre_import::StoredRecord;
use coffre_store::plain::SourceValue;
use serde_json::{Value, json};

use crate::support::{MemoryVault, Source, contract, padded, pdf, run};

fn imported(source: &Source) -> (StoredRecord, MemoryVault) {
    let mut vault = MemoryVault::new();
    let ran = run(source, Some(&mut vault), false, false).unwrap();
    assert_eq!(ran.rejects.iter().map(|l| &l.reason).collect::<Vec<_>>(), Vec::<&String>::new());
    (vault.records.values().next().unwrap().clone(), vault)
}

/// The record as JSON, with its document field naming the file instead of the identifier.
fn shown(record: &StoredRecord) -> Value {
    let mut fields = serde_json::to_value(&record.fields).unwrap();
    if let Some(id) = fields.get("contract.document").and_then(Value::as_str).map(str::to_owned) {
        let document = record.documents.iter().find(|d| d.id.to_string() == id).unwrap();
        fields["contract.document"] = document.file_name.as_str().into();
    }
    fields
}

#[test]
fn a_client_with_one_contract() {
    let (record, vault) = imported(&Source::of(1));
    assert_eq!(
        shown(&record),
        json!({
            "contact.family_name": "Lefèvre",
            "contact.given_name": "Hélène",
            "contact.birth_date": "1984-02-29",
            "contact.email": "helene@example.fr",
            "contact.phone": "06 39 98 12 34",
            "contact.availability": "le soir",
            "lifestyle.tobacco": true,
            "lifestyle.alcohol": false,
            "health.illnesses": ["asthme", "diabète"],
            "contract.number": "C00000",
            "contract.product": "Automobile",
            "contract.start_date": "2020-01-01",
            "contract.status": "active",
            "contract.document": "contrat-C00000.pdf",
            "legacy.client_number": "00000000"
        })
    );
    assert_eq!(vault.contents.values().collect::<Vec<_>>(), [&pdf("C00000")]);
}

#[test]
fn of_several_contracts_the_one_in_force_is_current_and_none_is_lost() {
    let mut source = Source::of(1);
    source.contracts.clear();
    for (id, start, end, status) in [
        ("C1", "20100101", "20141231", "R"),
        ("C2", "20150101", "00000000", "V"),
        ("C3", "20180101", "99999999", "V"),
        ("C4", "20240101", "00000000", "P"),
        ("C5", "00000000", "00000000", "X"),
    ] {
        let mut row = contract(id, "00000000");
        row[3..6].clone_from_slice(&[padded(start, 0), padded(end, 0), padded(status, 0)]);
        source.contracts.push(row);
    }
    source.contracts[4][6] = SourceValue::Null;
    let (record, _) = imported(&source);
    let fields = shown(&record);
    assert_eq!(fields["contract.number"], "C3", "of two in force, the newer");
    assert_eq!(fields["contract.document"], "contrat-C3.pdf");
    assert_eq!(fields["contract.other_numbers"], json!(["C2", "C4", "C5", "C1"]));
    assert_eq!(
        fields["contract.others"],
        json!([
            "C2 · Automobile · 2015-01-01 – – · active",
            "C4 · Automobile · 2024-01-01 – – · draft",
            "C5 · Automobile · – – – · expired",
            "C1 · Automobile · 2010-01-01 – 2014-12-31 · terminated",
        ])
    );
    let mut names: Vec<&str> = record.documents.iter().map(|d| d.file_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["contrat-C1.pdf", "contrat-C2.pdf", "contrat-C3.pdf", "contrat-C4.pdf"]);
}

/// Retention counts from the end that the record says.
#[test]
fn the_contract_that_goes_on_or_ends_last_is_current() {
    let current = |contracts: &[[&str; 5]]| {
        let mut source = Source::of(1);
        source.contracts.clear();
        for [id, product, start, end, status] in contracts {
            let mut row = contract(id, "00000000");
            row[2..6].clone_from_slice(&[product, start, end, status].map(|text| padded(text, 0)));
            source.contracts.push(row);
        }
        let fields = shown(&imported(&source).0);
        ["contract.number", "contract.end_date", "contract.other_numbers"].map(|field| fields[field].clone())
    };
    let ended = current(&[
        ["7", "HAB", "20050101", "20241231", "R"],
        ["9", "VIE", "20150101", "20161231", "R"],
        ["10", "AUT", "20150101", "20161231", "R"],
    ]);
    assert_eq!(ended, [json!("7"), json!("2024-12-31"), json!(["10", "9"])]);
    let one_goes_on = current(&[["1", "HAB", "20200101", "20201231", "V"], ["2", "AUT", "20150101", "00000000", "S"]]);
    assert_eq!(one_goes_on, [json!("2"), Value::Null, json!(["1"])]);
}

#[test]
fn a_client_with_nothing_but_a_name() {
    let mut source = Source::of(1);
    (source.behaviours, source.contracts) = (vec![], vec![]);
    for column in 2..8 {
        source.clients[0][column] = if column % 2 == 0 { padded("", 25) } else { SourceValue::Null };
    }
    let (record, _) = imported(&source);
    assert_eq!(shown(&record), json!({"contact.family_name": "Lefèvre", "legacy.client_number": "00000000"}));
}

#[test]
fn documents_in_files_are_found_below_the_folder_of_the_database() {
    let mut source = Source::of(1);
    let folder = source.dir.path().join("contrats/2019");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("C00000.PDF"), pdf("on disk")).unwrap();
    source.contracts[0][6] = SourceValue::Null;
    for path in ["2019/C00000.PDF", r"2019\C00000.PDF  ", "./2019/C00000.PDF"] {
        source.contracts[0][7] = padded(path, 40);
        let (record, vault) = imported(&source);
        assert_eq!(record.documents[0].file_name, "contrat-C00000.pdf");
        assert_eq!(vault.contents.values().collect::<Vec<_>>(), [&pdf("on disk")]);
    }
}

#[test]
fn keys_match_whatever_their_padding_and_type() {
    let mut source = Source::of(1);
    source.clients[0][0] = padded("12", 10);
    source.behaviours[0][0] = SourceValue::Text(b"  12\0\0".to_vec());
    source.contracts[0][1] = SourceValue::Text(b"12".to_vec());
    let (record, _) = imported(&source);
    assert_eq!(record.fields.0[&"legacy.client_number".parse().unwrap()], json!("12"));
    assert_eq!(record.fields.0[&"lifestyle.tobacco".parse().unwrap()], json!(true));
    assert_eq!(record.documents.len(), 1);
}
