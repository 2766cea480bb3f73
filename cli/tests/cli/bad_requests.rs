//! Bad requests to the built server: each is refused by its own problem, repeats nothing of what was sent, and changes
//! nothing.

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::server::Server;
use crate::transcript;

const NOBODYS: &str = "/v1/records/policyholder/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11";
const CREATE: &str = "/v1/records/policyholder?purpose=contract-administration";
/// Stands in what is sent, and must stand in no answer.
const CANARY: &str = "Zanzibar";

fn office() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let token = add(folder.path(), "desk");
    (folder, token)
}

fn add(folder: &std::path::Path, name: &str) -> String {
    let arguments = ["application", "add", name, "--role", "legal", "--vault", "vault"];
    let output = transcript::run(folder, &[], &arguments);
    String::from_utf8(output.stdout).expect("a token").trim().to_owned()
}

fn problem(desk: &Caller, method: &str, path: &str, headers: &str, body: &str, status: u16) -> String {
    let answer = desk.ask(method, path, headers, body.as_bytes()).expect("it answers");
    let name = answer.problem(status);
    assert!(!answer.json().to_string().contains(CANARY), "{path}: {answer:?}");
    name
}

#[test]
fn each_is_refused_by_its_own_problem_and_changes_nothing() {
    let (folder, token) = office();
    let server = Server::start(folder.path());
    let desk = server.caller(&token);
    let record = desk.create_one("Lefèvre");
    let typed = "Content-Type: application/json\r\n";
    let read = |query: &str| (String::from("GET"), format!("{record}?{query}"), String::new(), String::new());
    let create = |body: String| (String::from("POST"), CREATE.to_owned(), typed.to_owned(), body);
    let amend = |version: &str, body: String| {
        let path = format!("{record}?purpose=contract-administration");
        (String::from("PATCH"), path, format!("{typed}{version}"), body)
    };
    let value = json!({"contact.family_name": CANARY}).to_string();
    for ((method, path, headers, body), status, name) in [
        (read("fields=contact.Zanzibar&purpose=billing"), 400, "malformed-request"),
        (read("fields=contact.zanzibar&purpose=contract-administration"), 400, "unknown-field"),
        (read("fields=contact.email&purpose=zanzibar"), 400, "unknown-purpose"),
        (read("fields=contact.email"), 400, "malformed-request"),
        (read("fields=contact.email&purpose=contract-administration&Zanzibar=1"), 400, "malformed-request"),
        (create(format!("{{\"contact\": {CANARY}")), 400, "malformed-json"),
        (create(String::from("\u{0}\u{1}")), 400, "malformed-json"),
        (create(json!({"contact.zanzibar": CANARY}).to_string()), 400, "unknown-field"),
        (create(json!({"contact.email": CANARY}).to_string()), 422, "invalid-values"),
        (create(json!({"contact.family_name": CANARY.repeat(500_000)}).to_string()), 413, "too-large"),
        (amend("", value.clone()), 428, "precondition-required"),
        (amend("If-Match: \"7\"\r\n", value.clone()), 412, "stale"),
        (amend("If-Match: *\r\n", value), 428, "precondition-required"),
    ] {
        assert_eq!(problem(&desk, &method, &path, &headers, &body, status), name, "{method} {path} {body:.60}");
    }
    let unknown_type = "/v1/records/zanzibar/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11?fields=a.b&purpose=billing";
    assert_eq!(problem(&desk, "GET", unknown_type, "", "", 404), "unknown-record-type");
    let nobody = format!("{NOBODYS}?fields=contact.email&purpose=contract-administration");
    assert_eq!(problem(&desk, "GET", &nobody, "", "", 404), "not-found");
    let name = desk.family_name(&record).expect("it answers").json();
    assert_eq!((&name["fields"]["contact.family_name"], &name["version"]), (&json!("Lefèvre"), &json!(1)));

    for nobody in ["nonsense", "", "coffre_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(server.caller(nobody).get(&record).problem(401), "unauthenticated");
    }
    let other = server.caller(&add(folder.path(), "other"));
    assert_eq!(other.family_name(&record).expect("it answers").status, 200);
    transcript::run(folder.path(), &[], &["application", "revoke", "other", "--vault", "vault"]);
    assert_eq!(other.family_name(&record).expect("it answers").problem(401), "unauthenticated");
    let ended = server.stop();
    assert!(!ended.log.contains(CANARY), "what was sent is in the log: {}", ended.log);
    let lines: Vec<Value> = ended.log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 15, "each is a line of the log");
}
