//! The seed corpora: what the product itself writes, one input for each thing a reader distinguishes. The program `seeds`
//! writes them to `fuzz/corpus/`, where they are kept. The leaves in `corpus/entry/` are from the demonstration.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use coffre_core::crypto::SecretKey;
use coffre_core::ids::SubjectId;
use coffre_core::keyset::RootKey;
use coffre_core::merkle::{leaf_hash, root_of};
use coffre_core::note::SignedNote;
use coffre_core::tlog::{Export, TreeHead};
use coffre_core::tombstone::Tombstone;
use coffre_policies::Sources;
use coffre_store::plain::{PlainWriter, SourceValue};

use crate::fixture::{scope, signing_key};

const MANIFEST: &str = include_str!("../../vault/core/src/spool/tests/golden/manifest.note");
const KEYRING_MANIFEST: &str = include_str!("../../vault/core/src/spool/tests/golden/keyring-manifest.note");
const INVENTORY: &str = include_str!("../../vault/core/src/spool/tests/golden/inventory.txt");
const SEGMENT: &[u8] = include_bytes!("../../vault/core/src/spool/tests/golden/segment-header");
const LOG_SEGMENT: &[u8] = include_bytes!("../../vault/core/src/spool/tests/golden/log-segment-header");
const APPROVALS: [(&str, &str); 3] = [
    ("policies", include_str!("../../vault/core/src/approval/golden/policies.note")),
    ("application", include_str!("../../vault/core/src/approval/golden/application.note")),
    ("officers", include_str!("../../vault/core/src/approval/golden/officers.note")),
];
const SHARE: &str = include_str!("../../vault/core/src/key_share/golden/share-2-of-3.txt");
const MAPPING: &str = include_str!("../../policies/mappings/legal-cobol.toml");

/// Writes every seed below this folder, under the name of its target.
pub fn write(corpus: &Path) -> std::io::Result<usize> {
    let seeds: Vec<(&str, String, Vec<u8>)> =
        [log(), spool(), vault(), policies(), requests(), other_programs()].concat();
    for (target, name, bytes) in &seeds {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(name), bytes)?;
    }
    Ok(seeds.len())
}

type Seeds = Vec<(&'static str, String, Vec<u8>)>;

fn seed(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> (&'static str, String, Vec<u8>) {
    (target, name.into(), bytes.into())
}

fn text_of(note: &[u8]) -> String {
    SignedNote::parse(note).expect("a golden note").unverified_text().to_owned()
}

fn log() -> Seeds {
    let entries: Vec<Vec<u8>> = (0..300).map(|n| format!("{{\"entry\":{n}}}").into_bytes()).collect();
    let root = root_of(entries.iter().map(|entry| leaf_hash(entry)));
    let head = TreeHead { origin: "coffre.example/production/1".into(), size: 300, root, extensions: Vec::new() };
    let note = head.sign(&signing_key()).expect("a head");
    let sources = entries.iter().map(Ok::<_, Infallible>);
    let export = Export::new(sources, note.clone(), &signing_key().verification_key(), None).expect("an export");
    let mut copy = Vec::new();
    for file in export {
        let file = file.expect("a file of the copy");
        let bytes = if file.path == "checkpoint" { text_of(&file.bytes).into_bytes() } else { file.bytes };
        copy.extend(format!("{} {}\n", file.path, bytes.len()).into_bytes());
        copy.extend(bytes);
    }
    let hash = "Egt+ioAUtpjsqvtjTItSUB+Vtq5GrYNEnaO61wDeb6A=";
    vec![
        seed("note", "manifest", MANIFEST),
        seed("note", "head", note.to_string()),
        seed("head", "text", text_of(note.to_string().as_bytes())),
        seed("log_copy", "whole", copy),
        seed("tile_path", "full", "tile/0/x001/234"),
        seed("tile_path", "entries", "tile/entries/000.p/44"),
        seed("proof", "plain", format!("c2sp.org/tlog-proof@v1\nindex 1\n{hash}\n\n{note}")),
        seed("proof", "extra", format!("c2sp.org/tlog-proof@v1\nextra AA==\nindex 1\n{hash}\n{hash}\n\n{note}")),
    ]
}

fn spool() -> Seeds {
    let note = |segment: &[u8]| text_of(&segment[segment.iter().position(|b| *b == b'\n').expect("a prefix") + 1..]);
    let frame = |page: u8| [&[0, 0, 0, page, 0, 0, 0, page][..], &[1; 16], &[page; 512]].concat();
    vec![
        seed("manifest", "main", text_of(MANIFEST.as_bytes())),
        seed("manifest", "keyring", text_of(KEYRING_MANIFEST.as_bytes())),
        seed("segment", "vault", note(SEGMENT)),
        seed("segment", "audit", [note(LOG_SEGMENT).as_bytes(), &frame(1)].concat()),
        seed("wal", "two-frames", [&[0; 32][..], &frame(1), &frame(2)].concat()),
        seed("inventory", "golden", INVENTORY),
        seed("object_name", "segment", "61010203-0405-4607-8809-0a0b0c0d0e0f/vault/0000000000000003.segment"),
        seed("object_name", "manifest", "61010203-0405-4607-8809-0a0b0c0d0e0f/manifests/0000000000000001.note"),
        seed("object_name", "document", "documents/4f/4f010203-0405-4607-8809-0a0b0c0d0e0f-11"),
        seed("object_name", "keys", format!("keys/{}.json", "ab".repeat(32))),
    ]
}

fn vault() -> Seeds {
    let subject = SubjectId::from_bytes([7; 16]);
    let erased_at = "2026-11-22T12:00:00.000001Z".parse().expect("a time");
    let record_type = "policyholder".parse().expect("a record type");
    let tombstone = Tombstone { record_type, subject, erased_at, terms: vec![[1; 16], [2; 16]] };
    let tombstone = tombstone.sign(&signing_key()).expect("a tombstone");
    let root = RootKey { scope: scope(), key: SecretKey::from_bytes(&[3; 32]) };
    let keys = format!(
        "{{\"format\":1,\"environment\":\"production\",\"vault\":\"{}\",\"wrapped\":\"AAAA\"}}",
        scope().vault
    );
    let approvals = APPROVALS.map(|(name, note)| seed("approval", name, text_of(note.as_bytes())));
    let mut seeds = vec![
        seed("document", "empty", [0, 0]),
        seed("document", "two-chunks-changed", [4, 1, 9, 0, 0, 1, 0, 1, 1, 7]),
        seed("key_files", "root", root.to_bytes().to_vec()),
        seed("key_files", "keys", keys),
        seed("tombstone", "terms", text_of(tombstone.as_bytes())),
        seed("key_share", "page", SHARE),
        seed("key_share", "line", SHARE.lines().find_map(|line| line.strip_prefix("1  ")).unwrap_or_default()),
    ];
    seeds.extend(approvals);
    seeds
}

fn policies() -> Seeds {
    let sources = Sources::embedded();
    let record_types = sources.iter().filter(|(path, _)| path.starts_with("record-types/"));
    let mut seeds: Seeds =
        record_types.map(|(path, text)| seed("record_type", path.replace('/', "-"), text)).collect();
    seeds.push(seed("mapping", "legal-cobol", MAPPING));
    seeds
}

fn requests() -> Seeds {
    vec![
        seed("body", "flat", r#"{"contact.email":"a@b.fr","lifestyle.tobacco":null}"#),
        seed("body", "nested", r#"{"contact":{"email":"a@b.fr","aliases":["x"]},"health":null}"#),
        seed("query", "read", "fields=contact.email,contact.phone&purpose=claims-handling&reason=a%20call&limit=5"),
        seed("headers", "extended", "attachment; filename=\"contrat.pdf\"; filename*=UTF-8''contrat%20%C3%A9t%C3%A9.pdf"),
        seed("headers", "quoted", "attachment; filename=\"a \\\"b\\\" c.pdf\""),
        seed("headers", "tags", "\"3\", W/\"4\", *"),
        seed("headers", "digest", "sha-512=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ]
}

fn other_programs() -> Seeds {
    vec![
        seed("restic", "version", "restic 0.18.0 compiled with go1.24.1 on linux/amd64"),
        seed("restic", "summary", r#"{"message_type":"summary","snapshot_id":"0123abcd","data_added":5,"num_errors":0}"#),
        seed("restic", "node", r#"{"name":"a","type":"file","path":"/main/a","size":12,"struct_type":"node"}"#),
        seed("restic", "stats", "[0:00] 100.00%  1 / 1 snapshots\n{\"total_size\":1234,\"total_file_count\":5}"),
        seed("legacy", "clients", database()),
    ]
}

fn database() -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("coffre-fuzz-seed-{}.db", std::process::id()));
    let schema = "PRAGMA page_size=512; CREATE TABLE clients(num_client TEXT PRIMARY KEY, nom TEXT)";
    let writer = PlainWriter::create(&path, schema).expect("a new file");
    for (key, name) in [("0001", "Martin"), ("0002", "Lefèvre")] {
        let values = [SourceValue::Text(key.as_bytes().to_vec()), SourceValue::Text(name.as_bytes().to_vec())];
        writer.insert("clients", &values).expect("a row");
    }
    writer.finish().expect("a database");
    let bytes = fs::read(&path).expect("what was just written");
    let _ = fs::remove_file(&path);
    bytes
}
