//! The first session of the README, typed as it stands there.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::listening::free_port;

const README: &str = include_str!("../../../README.md");

/// The commands, after those that build the binary and choose a folder.
fn typed() -> &'static str {
    let section = README.split("\n## A first session\n").nth(1).expect("there is one");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it has commands");
    let (building, session) = block.split_once("\n\n").expect("building comes first");
    assert!(building.starts_with("cargo build") && building.lines().count() == 2, "{building}");
    session
}

/// A person reads the answer, waits until the server is there, and ends it at last; this script does it for them.
fn script(port: u16) -> String {
    let ready = format!("http://127.0.0.1:{port}/readyz");
    let serve = format!(
        "coffre serve --vault vault --listen 127.0.0.1:{port} 2>serve.log & server=$!\n\
         trap 'kill $server; wait $server' EXIT\n\
         until curl -s -o answer {ready}; do kill -0 $server; sleep 0.05; done\n"
    );
    let mut text = String::from("set -eu\n");
    for line in typed().lines() {
        if line.starts_with("coffre serve --vault vault &") {
            text.push_str(&serve);
        } else if line.starts_with("api -X POST") {
            writeln!(text, "id=$({line} | sed 's/.*\"id\":\"\\([^\"]*\\).*/\\1/')").expect("text grows");
        } else {
            text.push_str(&line.replace("7117", &port.to_string()).replace("/ID?", "/$id?"));
            text.push('\n');
        }
    }
    text
}

#[test]
fn every_command_of_it_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let binary = Path::new(env!("CARGO_BIN_EXE_coffre")).parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let session = Command::new("bash")
        .args(["-c", &script(port)])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", format!("{binary}:{path}"))
        .env("LANG", "C.UTF-8")
        .output()
        .expect("bash runs");
    let (out, error) = (String::from_utf8_lossy(&session.stdout), String::from_utf8_lossy(&session.stderr));
    assert!(session.status.success(), "{out}\n{error}");
    for says in
        ["verification key", "\"contact.family_name\":\"Lefèvre\"", "ok      usb-disk", "records      1", "sound"]
    {
        assert!(out.contains(says), "{says} is missing in {out}\n{error}");
    }
}
