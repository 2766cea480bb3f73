//! An upload that ends half way, because its client or the server does: nothing of it is left, and the next one works.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::caller::Caller;
use crate::server::{Server, until};
use crate::site::files;
use crate::transcript;

const LENGTH: usize = 3_000_000;

struct Desk {
    folder: tempfile::TempDir,
    token: String,
    dpo: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
        let add = |name: &str, role: &str| {
            let arguments = ["application", "add", name, "--role", role, "--vault", "vault", "--json"];
            let output = transcript::run(folder.path(), &[], &arguments);
            let added: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
            added["token"].as_str().expect("a token").to_owned()
        };
        let (token, dpo) = (add("desk", "legal"), add("dpo", "dpo"));
        Self { folder, token, dpo }
    }

    fn documents(&self) -> Vec<std::path::PathBuf> {
        files(&self.folder.path().join("vault/documents"))
    }

    /// Sends half of a document and waits until the server has written some of it.
    fn half(&self, desk: &Caller, record: &str) -> std::net::TcpStream {
        let (path, headers) = Caller::document(record);
        let mut stream = desk.begin("POST", &path, headers, LENGTH).expect("it listens");
        stream.write_all(&vec![7; LENGTH / 2]).expect("it reads");
        until("half of it is staged", || self.staged() > 1_000_000);
        stream
    }

    fn staged(&self) -> u64 {
        let staging = files(&self.folder.path().join("vault/documents/staging"));
        staging.iter().map(|file| length(file)).sum()
    }

    /// The actions in the log that name a document.
    fn uploads(&self, server: &Server) -> usize {
        let page = server.caller(&self.dpo).get("/v1/audit/entries?limit=1000").json();
        let entries = page["entries"].as_array().expect("a list").clone();
        entries.iter().filter(|logged| !logged["entry"]["document"].is_null()).count()
    }
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

fn listed(desk: &Caller, record: &str) -> Vec<Value> {
    let answer = desk.get(&format!("{record}/documents?purpose=contract-administration"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["documents"].as_array().expect("a list").clone()
}

#[test]
fn a_client_that_leaves_half_way_leaves_nothing() {
    let office = Desk::new();
    let server = Server::start(office.folder.path());
    let desk = server.caller(&office.token);
    let record = desk.create_one("Lefèvre");
    assert_eq!(desk.upload(&record, b"the first").expect("it answers").status, 201);
    let (before, there, logged) = (listed(&desk, &record), office.documents(), office.uploads(&server));

    drop(office.half(&desk, &record));
    until("what was staged is removed", || office.documents() == there);
    assert_eq!(listed(&desk, &record), before);
    assert_eq!(office.uploads(&server), logged, "an entry claims what did not happen");

    assert_eq!(desk.upload(&record, &vec![7; LENGTH]).expect("it answers").status, 201);
    assert_eq!(listed(&desk, &record).len(), before.len() + 1);
    server.stop();
}

#[test]
fn a_server_that_is_killed_half_way_leaves_nothing() {
    let office = Desk::new();
    let server = Server::start(office.folder.path());
    let desk = server.caller(&office.token);
    let record = desk.create_one("Lefèvre");
    assert_eq!(desk.upload(&record, b"the first").expect("it answers").status, 201);
    let (before, there, logged) = (listed(&desk, &record), office.documents(), office.uploads(&server));

    let _open = office.half(&desk, &record);
    server.kill();
    assert!(office.documents().len() > there.len(), "it was not killed half way");

    let server = Server::start(office.folder.path());
    let desk = server.caller(&office.token);
    assert_eq!(office.documents(), there, "what was staged is swept at the start");
    assert_eq!(listed(&desk, &record), before);
    assert_eq!(office.uploads(&server), logged, "an entry claims what did not happen");
    assert_eq!(desk.upload(&record, &vec![7; LENGTH]).expect("it answers").status, 201);
    assert_eq!(listed(&desk, &record).len(), before.len() + 1);
    server.stop();
}
