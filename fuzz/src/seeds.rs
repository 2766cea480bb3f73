//! The seed corpora: what the product itself writes, one input for each thing a reader distinguishes. The program `seeds`
//! writes them to `fuzz/corpus/`, where they are kept. The leaves in `corpus/entry/` are from the demonstration.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use coffre_core::crypto::{self, Label};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::Keyset;
use coffre_core::merkle::{leaf_hash, root_of};
use coffre_core::note::SignedNote;
use coffre_core::tlog::{Export, TreeHead};
use coffre_core::tombstone::Tombstone;
use coffre_policies::Sources;
use coffre_store::plain::{PlainWriter, SourceValue};

use crate::fixture::{Zeroes, root_key, scope, signing_key};

const MANIFEST: &str = include_str!("../../vault/core/src/spool/tests/golden/manifest.note");
const MANIFEST_V1: &str = include_str!("../../vault/core/src/spool/tests/golden/manifest-v1.note");
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
const GRANTS: &str = include_str!("../../policies/mappings/grants-sample.toml");
const DRILL: &str = include_str!("../../vault/core/src/drill/golden.note");
const STATE: &str = include_str!("../../backup/src/state/golden.json");
const MAINTENANCE: &str = include_str!("../../backup/src/maintenance/golden.json");
/// The name of the extension with a certificate's alternative names, as ASN.1.
const ALTERNATIVE_NAMES: &[u8] = b"\x06\x03\x55\x1d\x11";

/// Writes every seed below this folder, under the name of its target.
pub fn write(corpus: &Path) -> std::io::Result<usize> {
    let seeds: Vec<(&str, String, Vec<u8>)> =
        [log(), spool(), backup(), vault(), policies(), requests(), callers(), other_programs()].concat();
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
        seed("manifest", "main-v1", text_of(MANIFEST_V1.as_bytes())),
        seed("manifest", "keyring", text_of(KEYRING_MANIFEST.as_bytes())),
        seed("segment", "vault", note(SEGMENT)),
        seed("segment", "audit", [note(LOG_SEGMENT).as_bytes(), &frame(1)].concat()),
        seed("wal", "two-frames", [&[0; 32][..], &frame(1), &frame(2)].concat()),
        seed("inventory", "golden", INVENTORY),
        seed("object_name", "segment", "61010203-0405-4607-8809-0a0b0c0d0e0f/vault/0000000000000003.segment"),
        seed("object_name", "manifest", "61010203-0405-4607-8809-0a0b0c0d0e0f/manifests/0000000000000001.note"),
        seed("object_name", "base", "61010203-0405-4607-8809-0a0b0c0d0e0f/vault/0000000000000001.base"),
        seed("object_name", "piece", format!("pieces/{}.pages", "ab".repeat(32))),
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
    let inside = keys_inside();
    let second = inside.replacen("\"epoch\":1", "\"epochs\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]", 1);
    let share = |bytes: fn(u16) -> [u8; 2]| SHARE.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let drilled = "07070707-0707-0707-0707-070707070707";
    let drill = text_of(DRILL.as_bytes()).replace(drilled, &scope().vault.to_string());
    let keys =
        format!("{{\"format\":1,\"environment\":\"production\",\"vault\":\"{}\",\"wrapped\":\"AAAA\"}}", scope().vault);
    let approvals = APPROVALS.map(|(name, note)| seed("approval", name, text_of(note.as_bytes())));
    let mut seeds = vec![
        seed("document", "empty", [0, 0]),
        seed("document", "two-chunks-changed", [4, 1, 9, 0, 0, 1, 0, 1, 1, 7]),
        seed("key_files", "root", root_key().to_bytes().to_vec()),
        seed("key_files", "inside-1", inside),
        seed("key_files", "inside-2", second),
        seed("pages", "tables-and-changes", pages(0, &[page_tables(), page_changes()])),
        seed("pages", "first-version", pages(1, &[page_changes(), page_changes()])),
        seed("drill", "passed", drill),
        seed("key_files", "keys", keys),
        seed("tombstone", "terms", text_of(tombstone.as_bytes())),
        seed("key_share", "page", SHARE),
        seed("key_share", "page-utf16le", [&[0xFF, 0xFE][..], &share(u16::to_le_bytes)].concat()),
        seed("key_share", "page-utf16be", [&[0xFE, 0xFF][..], &share(u16::to_be_bytes)].concat()),
        seed(
            "key_share",
            "page-western",
            SHARE.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect::<Vec<u8>>(),
        ),
        seed("key_share", "line", SHARE.lines().find_map(|line| line.strip_prefix("1  ")).unwrap_or_default()),
    ];
    seeds.extend(approvals);
    seeds
}

/// What the root key wraps.
fn keys_inside() -> String {
    let root = root_key();
    let file = Keyset::random(&mut Zeroes).wrap(&root, &mut Zeroes).expect("keys");
    let sealed = BASE64.decode(file.wrapped).expect("base64");
    let inside = crypto::open(&root.key, &Label::new("coffre/v1/keys.json", &root.scope), &sealed).expect("ours");
    String::from_utf8(inside.to_vec()).expect("JSON")
}

/// Records for the target `pages`: a version, and each behind its length.
fn pages(version: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![version];
    for record in records {
        bytes.extend(u16::try_from(record.len()).expect("a short record").to_be_bytes());
        bytes.extend(record);
    }
    bytes
}

/// Two pages in one block, of each database.
fn page_tables() -> Vec<u8> {
    [&[0, 0, 0, 2, 0, 0, 0, 1, 0][..], &[5; 16]].concat().repeat(3)
}

/// Three pages, of which the first is another one, of each database.
fn page_changes() -> Vec<u8> {
    [&[0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0][..], &[6; 16]].concat().repeat(3)
}

fn backup() -> Seeds {
    let object = "<Contents><Key>main%2Fa</Key><LastModified>2026-11-27T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>\
                  <Size>7</Size></Contents>";
    let folder = "<CommonPrefixes><Prefix>main/b/</Prefix></CommonPrefixes>";
    let listing = |next: &str| {
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><MaxKeys>1000</MaxKeys>{object}{folder}{next}\
             </ListBucketResult>"
        )
    };
    let time = "2026-11-22T12:00:00.000000Z";
    let jobs = format!(
        "{{\"format\":\"coffre/backup-jobs/v1\",\"jobs\":{{\"run\":{{\"considered\":\"{time}\",\"started\":\"{time}\",\
         \"ended\":null,\"code\":11,\"last_success\":null,\"failures\":3}}}}}}"
    );
    let sources = format!(
        "{{\"format\":\"coffre/sources/v1\",\"sources\":{{\"sales\":{{\"last_good\":{{\"time\":\"{time}\",\"snapshot\":\
         \"0123abcd\",\"bytes\":5,\"added\":3,\"seconds\":1}},\"last_failure\":null,\"failures\":0,\
         \"unfinished\":[\"run-1\"]}}}}}}"
    );
    vec![
        seed("listing", "last-page", listing("")),
        seed("listing", "page", listing("<NextContinuationToken>t</NextContinuationToken>")),
        seed("memory", "state", STATE),
        seed("memory", "maintenance", MAINTENANCE),
        seed("memory", "jobs", jobs),
        seed("memory", "sources", sources),
    ]
}

fn policies() -> Seeds {
    let sources = Sources::embedded();
    let record_types = sources.iter().filter(|(path, _)| path.starts_with("record-types/"));
    let mut seeds: Seeds = record_types.map(|(path, text)| seed("record_type", path.replace('/', "-"), text)).collect();
    let folder = sources.iter().map(|(path, text)| seed("policies", path.replace('/', "-"), format!("{path}\n{text}")));
    seeds.extend(folder);
    seeds.push(seed("mapping", "legal-cobol", MAPPING));
    seeds.push(seed("grants", "sample", GRANTS));
    let line = r#"{"fields":{"contact.family_name":"Petit"},"documents":[{"file_name":"contrat.pdf","media_type":"application/pdf","length":900}],"grants":[{"role":"sales","purpose":"direct-marketing","fields":["contact.email"],"basis":"consent","valid_days":30}]}"#;
    seeds.push(seed("test_data", "begin", r#"{"format":"coffre-pseudonymised/1","type":"policyholder"}"#));
    seeds.push(seed("test_data", "line", line));
    seeds.push(seed("test_data", "end", r#"{"complete":true,"records":1,"left_out":0,"phones_shared":0}"#));
    seeds.push(seed("scanned", "pdf", "%PDF-1.4\n1 0 obj\n<<>>\nendobj\nxref\n0 1\nstartxref\n29\n%%EOF\n"));
    seeds.push(seed("scanned", "tiff", *b"II*\0\x08\0\0\0"));
    seeds
}

fn requests() -> Seeds {
    vec![
        seed("body", "flat", r#"{"contact.email":"a@b.fr","lifestyle.tobacco":null}"#),
        seed("body", "nested", r#"{"contact":{"email":"a@b.fr","aliases":["x"]},"health":null}"#),
        seed("query", "cursor-requests", BASE64_URL.encode("requests:2026-12-25/00000000-0000-4000-8000-000000000000")),
        seed("query", "cursor-entries", BASE64_URL.encode("entries:4711")),
        seed("query", "cursor-accesses", BASE64_URL.encode("accesses:4711")),
        seed("query", "read", "fields=contact.email,contact.phone&purpose=claims-handling&reason=a%20call&limit=5"),
        seed(
            "headers",
            "extended",
            "attachment; filename=\"contrat.pdf\"; filename*=UTF-8''contrat%20%C3%A9t%C3%A9.pdf",
        ),
        seed("headers", "quoted", "attachment; filename=\"a \\\"b\\\" c.pdf\""),
        seed("headers", "key", "\"5c7a3f0e-2f6a-4c5e-9a57-3f0f0a6f2b11\""),
        seed(
            "lines",
            "records",
            "{\"contact.email\":\"a@b.fr\"}\n\n{\"contact.email\":\"c@d.fr\"}\r\n{\"contact.family_name\":\"a line that is too long\"}\n{}",
        ),
        seed("headers", "tags", "\"3\", W/\"4\", *"),
        seed("headers", "digest", "sha-512=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ]
}

fn callers() -> Seeds {
    let claims =
        r#"{"iss":"https://login.example","aud":["coffre"],"sub":"a.martin","exp":1800000300,"iat":1799999990}"#;
    let x = "A".repeat(43);
    let ed25519 = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k","use":"sig","alg":"EdDSA","x":"{x}"}}"#);
    let p256 = format!(r#"{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{x}"}}"#);
    let rsa = format!(r#"{{"kty":"RSA","kid":"k","n":"{}","e":"AQAB"}}"#, "A".repeat(342));
    let set = |key: &str| format!(r#"{{"keys":[{key}]}}"#);
    vec![
        seed("operator_token", "id", format!("{{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"JWT\"}}\n{claims}")),
        seed("jwks", "ed25519", set(&ed25519)),
        seed("jwks", "p256", set(&p256)),
        seed("jwks", "rsa", set(&rsa)),
        seed("certificate", "client", certificate()),
        seed("certificate", "revoked", revoked()),
    ]
}

/// A value of ASN.1, by its tag.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short value");
    if length < 128 { [&[tag, length][..], content].concat() } else { [&[tag, 0x81, length][..], content].concat() }
}

fn time_of(year: &str) -> Vec<u8> {
    der(0x17, format!("{year}1122120000Z").as_bytes())
}

/// As much of a certificate as is read: what is signed, with a validity and a name that is a URI.
fn certificate() -> Vec<u8> {
    let names = der(0x30, &der(0x86, b"coffre:application:00000000-0000-4000-8000-000000000000"));
    let extension = der(0x30, &[ALTERNATIVE_NAMES, &der(0x04, &names)].concat());
    let parts = [
        der(0xA0, &der(0x02, &[2])),
        der(0x02, &[1]),
        der(0x30, &[]),
        der(0x30, &[]),
        der(0x30, &[time_of("26"), time_of("27")].concat()),
        der(0xA3, &der(0x30, &extension)),
    ];
    der(0x30, &der(0x30, &parts.concat()))
}

/// As much of a list as is read: when it was made, and when the next one is due.
fn revoked() -> Vec<u8> {
    der(0x30, &der(0x30, &[der(0x02, &[1]), der(0x30, &[]), time_of("26"), time_of("27")].concat()))
}

fn other_programs() -> Seeds {
    vec![
        seed("restic", "version", "restic 0.18.0 compiled with go1.24.1 on linux/amd64"),
        seed(
            "restic",
            "summary",
            r#"{"message_type":"summary","snapshot_id":"0123abcd","data_added":5,"num_errors":0}"#,
        ),
        seed("restic", "node", r#"{"name":"a","type":"file","path":"/main/a","size":12,"struct_type":"node"}"#),
        seed(
            "restic",
            "snapshots",
            r#"[{"time":"2026-11-22T15:50:22Z","id":"0123abcd","short_id":"0123abcd","paths":["/main"],"tags":["coffre"],"hostname":"backup1"}]"#,
        ),
        seed("restic", "forget", r#"[{"keep":[],"remove":null}]"#),
        seed(
            "restic",
            "lock",
            r#"{"time":"2026-11-22T15:50:22Z","exclusive":true,"hostname":"backup1","username":"root","pid":14609}"#,
        ),
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
