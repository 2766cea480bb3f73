//! Every reason for which a row is not brought, with its row and column; and that the rest of the
//! data subject waits with it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Write;
use std::fs;

use coffre_import::{DocumentFault, Reason};
use coffre_store::plain::SourceValue;

use crate::support::{MemoryVault, Source, behaviour, client, contract, padded, pdf, run};

/// The rejects of a source of three clients, as `TABLE row column reason`, and how many came through.
fn rejects(change: impl FnOnce(&mut Source)) -> (Vec<String>, u64) {
    let mut source = Source::of(3);
    change(&mut source);
    let mut vault = MemoryVault::new();
    let ran = run(&source, Some(&mut vault), false, false).unwrap();
    assert_eq!(ran.report.rejects, ran.rejects.len() as u64);
    assert_eq!(ran.report.vault, Some(ran.report.source));
    assert_eq!(vault.records.len() as u64, ran.report.imported);
    let line = |l: &coffre_import::RejectLine| {
        assert!(!l.fr.is_empty() && !l.en.is_empty());
        format!("{} {} {} {}", l.table, l.row, l.column.as_deref().unwrap_or("*"), l.reason)
    };
    (ran.rejects.iter().map(line).collect(), ran.report.imported)
}

/// One value changed: one reject, in that row and column, and the other two clients come through.
#[test]
fn one_bad_value_holds_its_client_back() {
    let pdf_cut = pdf("x")[..60].to_vec();
    let cases: Vec<(&str, usize, SourceValue, &str)> = vec![
        ("CLIENT", 1, padded("", 30), "NOM missing-required"),
        ("CLIENT", 1, padded(&"N".repeat(101), 0), "NOM too-long"),
        ("CLIENT", 2, SourceValue::Text(b"H\x81l\x8dne".to_vec()), "PRENOM undecodable-text"),
        ("CLIENT", 2, SourceValue::Text("Hélène".into()), "PRENOM undecodable-text"),
        ("CLIENT", 3, padded("31/02/1990", 10), "DNAISS impossible-date"),
        ("CLIENT", 3, padded("1990-02-01", 10), "DNAISS impossible-date"),
        ("CLIENT", 4, padded("helene.example.fr", 60), "EMAIL bad-email"),
        ("CLIENT", 5, padded("06 39 98", 20), "TEL bad-phone"),
        ("CLIENT", 7, padded("X", 1), "OPTMKT unknown-value"),
        ("COMPORT", 1, padded("?", 1), "TABAC unknown-value"),
        ("COMPORT", 3, padded(&"a;".repeat(51), 0), "MALADIES too-many"),
        ("CONTRAT", 0, padded("", 12), "NUMCTR missing-key"),
        ("CONTRAT", 2, padded("ZZZ", 3), "PRODUIT unknown-value"),
        ("CONTRAT", 3, padded("20200230", 8), "DTEFFET impossible-date"),
        ("CONTRAT", 5, padded("?", 1), "STATUT unknown-value"),
        ("CONTRAT", 6, SourceValue::Integer(7), "PDF unreadable-document"),
        ("CONTRAT", 6, SourceValue::Blob(vec![]), "PDF unreadable-document"),
        ("CONTRAT", 6, SourceValue::Blob(b"<html>".to_vec()), "PDF unreadable-document"),
        ("CONTRAT", 6, SourceValue::Blob(pdf_cut), "PDF unreadable-document"),
    ];
    for (table, column, value, expected) in cases {
        let class = format!("{value:?}");
        let (found, imported) = rejects(|source| {
            let rows = match table {
                "CLIENT" => &mut source.clients,
                "COMPORT" => &mut source.behaviours,
                _ => &mut source.contracts,
            };
            rows[1][column] = value;
        });
        assert_eq!(found, [format!("{table} 2 {expected}")], "{class}");
        assert_eq!(imported, 2);
    }
}

#[test]
fn every_fault_of_a_client_is_told_at_once() {
    let (found, imported) = rejects(|source| {
        source.clients[0][1] = padded("", 30);
        source.clients[0][4] = padded("@", 60);
        source.behaviours[0][1] = padded("?", 1);
    });
    assert_eq!(found, ["CLIENT 1 EMAIL bad-email", "COMPORT 1 TABAC unknown-value", "CLIENT 1 NOM missing-required"]);
    assert_eq!(imported, 2);
}

#[test]
fn of_two_rows_with_one_number_neither_is_guessed() {
    let first = |source: &Source| source.clients[0][0].bytes().unwrap()[..8].to_vec();
    let (found, imported) = rejects(|source| {
        let number = String::from_utf8(first(source)).unwrap();
        source.clients.push(client(&number, "Autre"));
    });
    assert_eq!(found, ["CLIENT 1 NUMCLI duplicate-key", "CLIENT 4 NUMCLI duplicate-key"]);
    assert_eq!(imported, 2);
    let (found, _) = rejects(|source| {
        let number = String::from_utf8(first(source)).unwrap();
        source.behaviours.push(behaviour(&number));
    });
    assert_eq!(found, ["COMPORT 1 NUMCLI duplicate-key", "COMPORT 4 NUMCLI duplicate-key"]);
    let (found, _) = rejects(|source| {
        let number = String::from_utf8(first(source)).unwrap();
        source.contracts.push(contract("C00000", &number));
    });
    assert_eq!(found, ["CONTRAT 1 NUMCTR duplicate-key", "CONTRAT 4 NUMCTR duplicate-key"]);
}

#[test]
fn a_number_that_white_space_tells_from_another_is_never_taken_for_it() {
    for blank in ["\t", "\n", "\u{a0}"] {
        let (found, imported) = rejects(|source| {
            let number = String::from_utf8(source.clients[0][0].bytes().unwrap()[..8].to_vec()).unwrap();
            source.clients.push(client(&format!("{number}{blank}"), "Autre"));
        });
        assert_eq!(found, ["CLIENT 4 NUMCLI key-spacing"], "{blank:?}");
        assert_eq!(imported, 3);
    }
}

#[test]
fn rows_that_belong_to_nobody_are_told_and_hold_nobody_back() {
    let (found, imported) = rejects(|source| {
        source.contracts.push(contract("C9", "99999999"));
        source.contracts.push(contract("C8", "        "));
        source.behaviours.push(behaviour("00000001x"));
        source.clients.push(client("", "Sans numéro"));
    });
    let expected = [
        "CLIENT 4 NUMCLI missing-key",
        "CONTRAT 5 NUMCLI missing-key",
        "COMPORT 4 NUMCLI orphan",
        "CONTRAT 4 NUMCLI orphan",
    ];
    assert_eq!(found, expected);
    assert_eq!(imported, 3);
}

#[test]
fn a_path_never_leads_out_of_the_documents_folder() {
    let outside = |path: &str| {
        let path = path.to_owned();
        rejects(move |source| {
            let folder = source.dir.path().join("contrats");
            fs::create_dir(&folder).unwrap();
            fs::write(source.dir.path().join("secret.pdf"), pdf("secret")).unwrap();
            std::os::unix::fs::symlink("../secret.pdf", folder.join("link.pdf")).unwrap();
            source.contracts[0][6] = SourceValue::Null;
            source.contracts[0][7] = padded(&path, 60);
        })
    };
    let absolute = std::env::temp_dir().join("x.pdf").display().to_string();
    let hostile = [
        "../secret.pdf",
        "a/../../secret.pdf",
        r"..\secret.pdf",
        "link.pdf",
        r"C:\secret.pdf",
        "/etc/passwd",
        &absolute,
    ];
    for path in hostile {
        let (found, imported) = outside(path);
        assert_eq!(found, ["CONTRAT 1 FICHIER unreadable-document"], "{path}");
        assert_eq!(imported, 2);
    }
    assert_eq!(outside("absent.pdf").0, ["CONTRAT 1 FICHIER unreadable-document"]);
    assert_eq!(outside(".").0, ["CONTRAT 1 FICHIER unreadable-document"]);
}

#[test]
fn the_words_of_every_reason() {
    let mut words = String::new();
    let documents = [
        DocumentFault::NotBytes,
        DocumentFault::Empty,
        DocumentFault::Outside,
        DocumentFault::NoFile,
        DocumentFault::Path,
        DocumentFault::Format,
        DocumentFault::Damaged,
    ];
    let mut reasons = vec![
        Reason::MissingKey,
        Reason::DuplicateKey,
        Reason::KeySpacing,
        Reason::Orphan,
        Reason::MissingRequired,
        Reason::UndecodableText,
        Reason::ImpossibleDate,
        Reason::BadEmail,
        Reason::BadPhone,
        Reason::UnknownValue,
        Reason::TooLong,
        Reason::TooMany,
        Reason::DocumentNames,
        Reason::Changed,
        Reason::ChangedInVault,
        Reason::Restricted,
        Reason::Archived,
        Reason::ConsentInVault,
    ];
    reasons.extend(documents.map(Reason::UnreadableDocument));
    for reason in reasons {
        writeln!(words, "{}\n  {}\n  {}", reason.code(), reason.french(), reason.english()).unwrap();
    }
    insta::assert_snapshot!(words);
}

#[test]
fn the_reject_file_says_no_value() {
    let mut source = Source::of(1);
    source.clients[0][4] = padded("secret-address", 60);
    let ran = run(&source, None, false, false).unwrap();
    let line = serde_json::to_string(&ran.rejects[0]).unwrap();
    insta::assert_snapshot!(line);
}
