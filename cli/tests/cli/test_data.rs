//! `coffre export --pseudonymised`: from a legacy database through production into a recette vault. What comes out holds
//! nothing of what came in, and is linked as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use coffre_core::search::{compact, letters, phone};
use serde_json::Value;

use crate::caller::Caller;
use crate::server::Server;
use crate::site::LEGAL;
use crate::transcript;

const GRANTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/mappings/grants-sample.toml");
const OTHERS: &str = "/v1/records/policyholder/export";

/// A folder with a vault of an environment.
fn vault(environment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    coffre(folder.path(), &["init", "vault", "--environment", environment]);
    folder
}

fn coffre(folder: &Path, arguments: &[&str]) -> String {
    let output = transcript::run(folder, &[], arguments);
    assert_eq!(output.status.code(), Some(0), "{}", transcript::of(folder, arguments));
    String::from_utf8(output.stdout).expect("output is text")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&coffre(folder, &[arguments, &["--vault", "vault", "--json"]].concat())).expect("one object")
}

/// An application of Legal of the vault that a server has open.
fn legal(folder: &Path, server: &Server) -> Caller {
    let added = json(folder, &["application", "add", "desk", "--role", "legal"]);
    server.caller(added["token"].as_str().expect("a token"))
}

/// What two operators agree to.
fn agreed(legal: &Caller, path: &str) -> String {
    let proposed = legal.ask("POST", path, "", b"").expect("it answers");
    assert_eq!(proposed.status, 202, "{proposed:?}");
    let confirm = format!("/v1/exports/{}/confirm", proposed.json()["id"].as_str().expect("an identifier"));
    let confirmed = legal.for_operator("m.penny").ask("POST", &confirm, "", b"").expect("it answers");
    assert!(confirmed.status < 300, "{confirmed:?}");
    confirmed.text().to_owned()
}

/// Every record that Legal may see of a vault, without special categories.
fn records(legal: &Caller) -> Vec<Value> {
    let fields = "contact.given_name,contact.family_name,contact.birth_date,contact.email,contact.phone,\
                  contact.availability,lifestyle.tobacco,lifestyle.alcohol,contract.number,contract.product,\
                  contract.start_date,contract.end_date,contract.status,contract.document,contract.others,\
                  contract.other_numbers,legacy.client_number";
    let text = agreed(legal, &format!("{OTHERS}?fields={fields}&purpose=contract-administration&reason=comparison"));
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["id"].is_string()).map(|line| line["fields"].clone()).collect()
}

/// How large the groups are that a record belongs to, by what it shares.
fn links(records: &[Value]) -> Vec<Vec<usize>> {
    let keys = |record: &Value| {
        let of = |field: &str| record[field].as_str().map(letters);
        let name = of("contact.family_name").zip(of("contact.given_name")).map(|(a, b)| format!("{a} {b}"));
        let phone = record["contact.phone"].as_str().map(phone);
        let exact = |field: &str| record[field].as_str().map(compact);
        [of("contact.family_name"), name, exact("contact.email"), phone, exact("contract.number")]
    };
    let mut counts: BTreeMap<(usize, Option<String>), usize> = BTreeMap::new();
    for record in records {
        for (at, key) in keys(record).into_iter().enumerate() {
            *counts.entry((at, key)).or_default() += 1;
        }
    }
    let size = |(at, key): (usize, Option<String>)| if key.is_some() { counts[&(at, key)] } else { 0 };
    let mut shapes: Vec<Vec<usize>> = records
        .iter()
        .map(|record| {
            let others = record["contract.other_numbers"].as_array().map_or(0, Vec::len);
            let document = usize::from(record["contract.document"].is_string());
            keys(record).into_iter().enumerate().map(size).chain([others, document]).collect()
        })
        .collect();
    shapes.sort();
    shapes
}

/// The texts of a record that are a person's own: all but days and the names of choices.
fn own(record: &Value) -> Vec<String> {
    let shared = |field: &str| field.ends_with("_date") || field == "contract.status";
    let fields = record.as_object().expect("an object").iter().filter(|(field, _)| !shared(field));
    let texts = fields.flat_map(|(_, value)| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    });
    texts.collect()
}

/// Original values that stand in the text of a set: as they were written, and without case, accents, signs and spaces.
fn leaks(originals: &[Value], set: &str) -> Vec<String> {
    let written = set.to_lowercase();
    let values: Vec<Value> = set.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let made: Vec<String> =
        values.iter().filter(|line| line["fields"].is_object()).flat_map(|line| own(&line["fields"])).collect();
    let plain: Vec<String> = made.iter().map(|text| letters(text)).collect();
    let held = |text: &String| {
        let plain_text = letters(text);
        let long = plain_text.len() >= 5;
        plain.iter().any(|made| *made == plain_text || (long && made.contains(&plain_text)))
            || (long && written.contains(&text.to_lowercase()))
    };
    originals.iter().flat_map(own).filter(held).collect()
}

#[test]
fn a_recette_vault_has_the_links_of_production_and_nobody_in_it() {
    let production = vault("production");
    let path = production.path();
    coffre(path, &["demo", "legacy", "--clients", "300", "--out", "legacy.sqlite"]);
    let import = ["import", "--from", "legacy.sqlite", "--mapping", LEGAL, "--grants", GRANTS, "--allow-rejects"];
    let imported = json(path, &import);
    let server = Server::start(path);
    let desk = legal(path, &server);
    let originals = records(&desk);
    assert_eq!(originals.len() as u64, imported["imported"].as_u64().expect("a number"));

    agreed(&desk, &format!("{OTHERS}/pseudonymised?purpose=test-data&reason=acceptance"));
    let end = json(path, &["export", "--pseudonymised", "--to", "set.ndjson"]);
    assert_eq!((&end["records"], &end["left_out"]), (&imported["imported"], &Value::from(0)), "{end}");
    assert_eq!(end["phones_shared"], 0);
    let again = transcript::of(path, &["export", "--pseudonymised", "--to", "more.ndjson", "--vault", "vault"]);
    assert!(again.contains("no test data of this name wait") && again.ends_with("exit 1\n"), "{again}");
    server.stop();
    let set = fs::read_to_string(path.join("set.ndjson")).expect("it was written");
    assert_eq!(leaks(&originals, &set), Vec::<String>::new());
    let itself: Vec<String> = originals.iter().map(|record| format!("{{\"fields\":{record}}}")).collect();
    assert!(leaks(&originals, &itself.join("\n")).len() > originals.len(), "the search finds what there is to find");
    assert!(!path.join("set.ndjson.partial").exists() && !path.join("more.ndjson").exists());

    let recette = vault("recette");
    fs::copy(path.join("set.ndjson"), recette.path().join("set.ndjson")).expect("copied");
    let loaded = json(recette.path(), &["import", "--pseudonymised", "set.ndjson"]);
    assert_eq!(loaded["records"], imported["imported"]);
    assert_eq!(loaded["documents"], imported["documents_imported"]);
    let server = Server::start(recette.path());
    let made = records(&legal(recette.path(), &server));
    server.stop();
    assert_eq!(links(&made), links(&originals));
    let drilled = json(recette.path(), &["audit", "verify"]);
    assert_eq!(drilled["sound"], true);

    // What is real, or of a test, does not go into production.
    let refused = transcript::of(path, &["import", "--pseudonymised", "set.ndjson", "--vault", "vault"]);
    assert!(
        refused.contains("this vault is of the environment production") && refused.ends_with("exit 2\n"),
        "{refused}"
    );
}

#[test]
fn what_cannot_be_made_or_loaded_is_told_with_its_remedy() {
    let folder = vault("recette");
    let path = folder.path();
    let of = |arguments: &[&str]| transcript::of(path, &[arguments, &["--vault", "vault"]].concat());
    fs::write(path.join("taken.ndjson"), "mine\n").expect("written");
    insta::assert_snapshot!(
        [
            of(&["export", "--to", "set.ndjson"]),
            of(&["export", "--pseudonymised", "--to", "taken.ndjson"]),
            of(&["export", "--pseudonymised", "--to", "set.ndjson"]),
            of(&["export", "--pseudonymised", "--to", "none/set.ndjson"]),
            of(&["import", "--pseudonymised", "taken.ndjson"]),
            of(&["import", "--pseudonymised", "none.ndjson"]),
            of(&["import", "--pseudonymised", "taken.ndjson", "--dry-run"]),
            of(&["import", "--from", "legacy.sqlite"]),
        ]
        .join("\n")
        .replace(path.to_str().expect("text"), "FOLDER")
    );
    assert_eq!(fs::read_to_string(path.join("taken.ndjson")).expect("it is there"), "mine\n");
}
