//! Nothing in a vault's folder can be read without its keys: every file is searched for what was stored, in
//! the shapes it could stand there.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use coffre_core::audit::Action;
use coffre_core::record::Fields;
use coffre_core::search::SearchKind;
use coffre_store::transactions::{AddDocument, AmendRecord, CreateRecord, EraseSubject, GiveGrant, NoteOnly};
use coffre_store::{Depends, Disclosure, Store};
use serde_json::json;

use crate::grants::consent;
use crate::support::{draft, index, kind, make, open, path, read};

/// What was stored or said, each found nowhere else.
const SECRETS: [&str; 9] = [
    "Quenneville-Aubertin",
    "QUENNEVILLE AUBERTIN",
    "hortense.quenneville@example.fr",
    "insuffisance surrénalienne",
    "LEG-77120-9931",
    "contrat-quenneville.pdf",
    "le souscripteur déclare fumer",
    "réclamation téléphonique du 3 mars",
    "nouvelle.adresse@example.fr",
];

/// The shapes of a text: UTF-8, UTF-16 both ways, hexadecimal both ways, base64 at each of its three offsets.
fn shapes(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let hex = coffre_core::crypto::hex(bytes);
    let mut shapes = vec![
        ("UTF-8", bytes.to_vec()),
        ("UTF-16LE", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", secret.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("hex", hex.clone().into_bytes()),
        ("HEX", hex.to_uppercase().into_bytes()),
    ];
    for before in 0..3 {
        for (name, engine) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
            let text = engine.encode([&vec![0; before], bytes].concat());
            // The characters that no neighbour has a part in.
            let (from, to) = (before.div_ceil(3) * 4, (before + bytes.len()) / 3 * 4);
            shapes.push((name, text.as_bytes()[from..to].to_vec()));
        }
    }
    shapes
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let (first, rest) = wanted.split_first().unwrap();
    bytes.iter().enumerate().any(|(at, byte)| byte == first && bytes[at + 1..].starts_with(rest))
}

/// Which secrets stand in a file, and how.
fn found_in(bytes: &[u8]) -> Vec<String> {
    let all = SECRETS.iter().flat_map(|secret| shapes(secret).into_iter().map(move |shape| (secret, shape)));
    let found = all.filter(|(_, (_, wanted))| contains(bytes, wanted));
    found.map(|(secret, (name, _))| format!("{secret} in {name}")).collect()
}

/// One of everything: records, documents, reasons, grants, a search, an erasure, uploads under way.
fn live(store: &Store) {
    let fields = Fields(
        [
            (path("contact.family_name"), json!(SECRETS[0])),
            (path("contact.email"), json!(SECRETS[2])),
            (path("health.illnesses"), json!([SECRETS[3]])),
            (path("legacy.client_number"), json!(SECRETS[4])),
        ]
        .into(),
    );
    let mut people = Vec::new();
    for _ in 0..3 {
        let create = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: fields.clone() };
        let reason = Some(SECRETS[7].to_owned());
        people.push(store.transact(create, draft(Action::Create), reason, Depends::default()).wait().unwrap().0);
    }
    for subject in &people {
        let mut writer = store.stage_document(&kind(), *subject, None, SECRETS[5], "application/pdf").unwrap();
        std::io::Write::write_all(&mut writer, SECRETS[6].repeat(400).as_bytes()).unwrap();
        let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
        store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap();
        let give = GiveGrant { record_type: kind(), subject: *subject, terms: consent(None) };
        store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
        let changes = [(path("contact.email"), Some(json!(SECRETS[8])))].into();
        let amend = AmendRecord { record_type: kind(), subject: *subject, expected_version: 1, changes };
        store.transact(amend, draft(Action::Amend), None, Depends::default()).wait().unwrap();
        read(store, *subject, &["contact.family_name", "health.illnesses"]);
    }
    let found = store.snapshot().unwrap().find(&index("contact.family_name", SearchKind::Name), SECRETS[1], 9).unwrap();
    assert!(found.len() >= 3, "the search finds who was stored");
    let mut search = draft(Action::Search);
    (search.record_type, search.subjects) = (Some(kind()), vec![people[0]]);
    let reason = Some(SECRETS[7].to_owned());
    let disclosure = Disclosure { draft: search, reason, claims: Vec::new(), depends: Depends::default() };
    store.disclose(disclosure).wait().unwrap();
    store.transact(NoteOnly, draft(Action::ExportAudit), None, Depends::default()).wait().unwrap();
    let erase = EraseSubject { record_type: kind(), subject: people[2], remember: vec![path("legacy.client_number")] };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
}

#[test]
fn no_file_of_a_vault_holds_what_was_stored_in_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let vault = dir.path().join("vault");
    let store = open(dir.path());
    live(&store);
    store.capture(&vault.join("spool"), std::num::NonZeroU64::MIN, "coffre test").unwrap();
    live(&store);
    // One upload stays under way.
    let someone = store.snapshot().unwrap().records(&kind(), None, 1).unwrap()[0];
    let mut upload = store.stage_document(&kind(), someone, None, SECRETS[5], "application/pdf").unwrap();
    std::io::Write::write_all(&mut upload, SECRETS[6].repeat(9_000).as_bytes()).unwrap();

    let searched = files(&vault);
    let named: Vec<String> =
        searched.iter().map(|file| file.strip_prefix(&vault).unwrap().to_str().unwrap().to_owned()).collect();
    for expected in [
        "vault.db",
        "vault.db-wal",
        "vault.db-shm",
        "keyring.db-wal",
        "audit.db-wal",
        "index.db-wal",
        "keys.json",
        "chain/main.note",
    ] {
        assert!(named.iter().any(|name| name == expected), "{expected} was not searched: {named:?}");
    }
    assert!(named.iter().filter(|name| name.starts_with("documents/")).count() > 4, "{named:?}");
    assert!(named.iter().any(|name| name.starts_with("documents/staging/")), "{named:?}");
    for (file, name) in searched.iter().zip(&named) {
        let bytes = fs::read(file).unwrap();
        assert_eq!(found_in(&bytes), Vec::<String>::new(), "in {name}");
        assert_eq!(found_in(name.as_bytes()), Vec::<String>::new(), "in the name {name}");
    }

    // The same search does find what stands in a file of that size.
    let largest = searched.iter().map(|file| fs::metadata(file).unwrap().len()).max().unwrap();
    let mut bytes = crate::papers::content(1, usize::try_from(largest).unwrap().max(1 << 20));
    let mut expected = Vec::new();
    for (place, (secret, (shape, wanted))) in
        SECRETS.iter().flat_map(|secret| shapes(secret).into_iter().map(move |shape| (secret, shape))).enumerate()
    {
        bytes[1_000 * place + 7..][..wanted.len()].copy_from_slice(&wanted);
        expected.push(format!("{secret} in {shape}"));
    }
    let mut found = found_in(&bytes);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
