//! Nobody alone: officers make keys, read and sign what is to take effect, and a vault goes by nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::officers::Officers;
use crate::policy::changed;
use crate::pty::Terminal;
use crate::server::{Server, until};
use crate::transcript;

#[test]
fn a_vault_with_officers_serves_what_two_of_them_have_signed() {
    let officers = Officers::with_vault("production");
    let (code, log) = Server::refused(officers.path());
    assert_eq!(code, Some(18), "{log}");
    let says = "the vault is not served with the policies built into coffre: no policies are approved in this vault";
    assert!(log.contains(says) && log.contains("have two of them sign these, see `coffre approve policies`"), "{log}");

    let approved = officers.approve(&["policies"], "policies.note");
    assert!(approved.starts_with("approved: policies, by legal/a.martin+") && approved.contains(" and dpo/b.durand+"));
    let server = Server::start(officers.path());
    let added = officers.says(&["application", "add", "desk", "--role", "legal", "--vault", "vault", "--json"]);
    let added: Value = serde_json::from_str(&added).expect("one JSON object");
    assert_eq!(added["in_effect"], false);
    let desk = server.caller(added["token"].as_str().expect("a token"));
    assert_eq!(desk.get("/v1/audit/tree-head").problem(403), "application-not-approved");
    assert!(officers.says(&["approve", "list", "--vault", "vault"]).contains("application desk (legal)"));
    officers.approve(&["application", "desk"], "desk.note");
    assert_eq!(desk.get("/v1/audit/tree-head").status, 200);
    let list = officers.says(&["application", "list", "--vault", "vault"]);
    assert!(list.lines().nth(1).is_some_and(|line| line.ends_with("yes")), "{list}");
    let log = server.stop().log;
    assert!(!log.contains("NOBODY APPROVES"), "{log}");
}

#[test]
fn an_altered_policy_folder_stops_the_start_until_it_is_approved() {
    let officers = Officers::with_vault("recette");
    officers.approve(&["policies"], "first.note");
    Server::start(officers.path()).stop();
    let shorter = changed("retention.toml", "active = \"P3Y\"", "active = \"P2Y\"");
    officers.configure_policies(shorter.path());
    let (code, log) = Server::refused(officers.path());
    assert_eq!(code, Some(18), "{log}");
    let place = format!("the policies in {}", shorter.path().display());
    assert!(log.contains(&place) && log.contains("are not those that officers approved last"), "{log}");
    // Nor does anything else go by them that acts by itself.
    let (code, error) = officers.fails(&["retention", "run", "--vault", "vault"]);
    assert!(code == 18 && error.contains("are not those that officers approved last"), "{code}: {error}");
    officers.says(&["demo", "legacy", "--clients", "3", "--out", "legacy.sqlite"]);
    let mapping = crate::site::LEGAL;
    let import = ["import", "--from", "legacy.sqlite", "--mapping", mapping, "--allow-rejects", "--vault", "vault"];
    let (code, error) = officers.fails(&import);
    assert!(code == 18 && error.contains("are not those that officers approved last"), "{code}: {error}");

    let folder = shorter.path().to_str().expect("text");
    let shown = officers.says(&["approve", "policies", folder, "--vault", "vault", "--out", "shown.txt"]);
    for says in
        ["policies, number 2", "retention policyholder without a contract", "active P2Y", "~ file retention.toml"]
    {
        assert!(shown.contains(says), "{says} is missing in {shown}");
    }
    officers.approve(&["policies", folder], "second.note");
    Server::start(officers.path()).stop();
    officers.says(&import);

    // The former ones do not come back, and neither does their note.
    officers.configure_policies(changed("retention.toml", "active = \"P3Y\"", "active = \"P3Y\"").path());
    assert_eq!(Server::refused(officers.path()).0, Some(2), "the folder is gone");
    let former = changed("purposes.toml", "", "");
    officers.configure_policies(former.path());
    assert_eq!(Server::refused(officers.path()).0, Some(18));
    let (code, error) = officers.fails(&["approve", "submit", "first.note", "--vault", "vault"]);
    assert_eq!(code, 18);
    assert!(error.contains("this approves policies as number 1, and 3 is the next one here"), "{error}");
}

#[test]
fn what_is_signed_is_shown_in_words_in_the_language_of_the_officer() {
    let officers = Officers::with_vault("recette");
    officers.says(&[
        "application",
        "add",
        "crm",
        "--role",
        "sales",
        "--san-uri",
        "coffre:application:crm",
        "--vault",
        "vault",
    ]);
    let shown =
        |locale: &str, arguments: &[&str]| officers.settled(&transcript::speaking(officers.path(), locale, arguments));
    let newcomers = [&officers.lines[0], &officers.lines[1]].map(String::as_str);
    let others = [&["approve", "officers"], &newcomers[..], &["--vault", "vault", "--out", "officers.txt"]].concat();
    insta::assert_snapshot!(
        [
            shown("C", &["approve", "policies", "--vault", "vault", "--out", "policies.txt"]),
            shown("C", &["approve", "application", "crm", "--vault", "vault", "--out", "crm.txt"]),
            shown("fr_FR.UTF-8", &["approve", "sign", "crm.txt", "--key", "a.martin.key", "--yes"]),
            shown("fr_FR.UTF-8", &["approve", "sign", "crm.txt", "--key", "c.petit.key", "--yes"]),
            shown("fr_FR.UTF-8", &others),
            shown("C", &["approve", "submit", "crm.txt", "--vault", "vault"]),
            shown("C", &["approve", "list", "--vault", "vault"]),
            shown("C", &["officer", "list", "--vault", "vault"]),
        ]
        .join("\n")
    );
    let text = officers.settled(&fs::read_to_string(officers.path().join("crm.txt")).expect("it is written"));
    assert!(
        text.starts_with("coffre approval v1\nvault UUID\nenvironment recette\napplication UUID\nname crm\n"),
        "{text}"
    );
    assert_eq!(text.matches("\n— ").count(), 2, "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_stays_as_it_was() {
    let officers = Officers::with_vault("recette");
    let first = ["--vault", "vault", "--out", "policies.note", "--key", "a.martin.key", "--yes"];
    officers.says(&[&["approve", "policies"][..], &first].concat());
    let note = fs::read(officers.path().join("policies.note")).expect("it is written");
    fs::create_dir(officers.path().join("policies.note.new")).expect("a folder in the way");
    let (code, error) = officers.fails(&["approve", "sign", "policies.note", "--key", "b.durand.key", "--yes"]);
    assert!(code == 2 && error.contains("error: policies.note cannot be written"), "{code}: {error}");
    assert_eq!(fs::read(officers.path().join("policies.note")).expect("it is there"), note);
}

#[test]
fn what_cannot_be_signed_or_handed_in_is_told_with_its_remedy() {
    let officers = Officers::with_vault("recette");
    officers.says(&[
        "approve",
        "policies",
        "--vault",
        "vault",
        "--out",
        "policies.note",
        "--key",
        "a.martin.key",
        "--yes",
    ]);
    fs::write(officers.path().join("nonsense"), "hello\n").expect("it is ours");
    fs::write(officers.path().join("short"), "too short\n").expect("it is ours");
    let other = changed("retention.toml", "active = \"P3Y\"", "active = \"P2Y\"");
    let other = other.path().to_str().expect("text");
    let told =
        |arguments: &[&str]| officers.settled(&transcript::of(officers.path(), arguments)).replace(other, "OTHER");
    let keygen = ["officer", "keygen", "--role", "legal", "--name", "d.roux", "--out", "d.key"];
    let one = ["init", "other", "--environment", "recette", "--officer", officers.lines[0].as_str()];
    insta::assert_snapshot!(
        [
            told(&["approve", "sign", "policies.note", "--key", "b.durand.key"]),
            told(&["approve", "sign", "policies.note", "--key", "a.martin.key", "--yes"]),
            told(&["approve", "sign", "policies.note", "--key", "b.durand.key", "--yes", "--policies", other]),
            told(&["approve", "sign", "nonsense", "--key", "b.durand.key", "--yes"]),
            told(&["approve", "sign", "policies.note", "--key", "nonsense", "--yes"]),
            told(&["approve", "submit", "policies.note", "--vault", "vault"]),
            told(&["approve", "submit", "nonsense", "--vault", "vault"]),
            told(&["approve", "application", "nobody", "--vault", "vault", "--out", "x"]),
            told(&["approve", "officers", &officers.lines[0], "--vault", "vault", "--out", "x"]),
            told(&["approve", "policies", "--vault", "vault", "--out", "policies.note"]),
            told(&keygen),
            told(&[&keygen[..], &["--passphrase-file", "short"]].concat()),
            told(&["officer", "keygen", "--role", "sales", "--name", "d.roux", "--out", "d.key"]),
            told(&["officer", "keygen", "--role", "legal", "--name", "d roux", "--out", "d.key", "--no-passphrase"]),
            told(&["officer", "keygen", "--role", "legal", "--name", "x", "--out", "a.martin.key", "--no-passphrase"]),
            told(&["officer", "enrol", &officers.lines[0], &officers.lines[1], "--vault", "vault"]),
            told(&one),
        ]
        .join("\n")
    );
    assert!(
        !officers.path().join("other").exists() && !officers.path().join("d.key").exists(),
        "nothing is left behind"
    );
}

#[test]
fn a_signature_in_the_name_of_whoever_signs_that_is_not_theirs_is_told_to_them() {
    let officers = Officers::with_vault("recette");
    let write = ["approve", "policies", "--vault", "vault", "--out", "policies.note", "--key", "a.martin.key", "--yes"];
    officers.says(&write);
    let file = officers.path().join("policies.note");
    let mut note = fs::read_to_string(&file).expect("it is written");
    let at = note.len() - 20;
    let other = if note[at..].starts_with('A') { "B" } else { "A" };
    note.replace_range(at..=at, other);
    fs::write(&file, note).expect("it is ours");
    let (code, error) = officers.fails(&["approve", "sign", "policies.note", "--key", "a.martin.key", "--yes"]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("a signature in the name of legal/a.martin+"), "{error}");
}

#[test]
fn a_key_under_a_passphrase_signs_with_it_and_others_may_not_read_it() {
    let officers = Officers::with_vault("recette");
    fs::write(officers.path().join("phrase"), "correct horse battery staple\n").expect("it is ours");
    fs::write(officers.path().join("wrong"), "incorrect horse battery\n").expect("it is ours");
    let line = officers.says(&[
        "officer",
        "keygen",
        "--role",
        "dpo",
        "--name",
        "d.roux",
        "--out",
        "d.roux.key",
        "--passphrase-file",
        "phrase",
    ]);
    let key = officers.path().join("d.roux.key");
    assert_eq!(fs::metadata(&key).expect("it is written").permissions().mode() & 0o777, 0o600);
    assert!(fs::read(&key).expect("it is ours").starts_with(b"age-encryption.org/v1\n-> scrypt "));
    let with_newcomer = [officers.lines[0].as_str(), officers.lines[1].as_str(), line.trim()];
    officers.approve(&[&["officers"], &with_newcomer[..]].concat(), "officers.note");
    assert!(officers.says(&["officer", "list", "--vault", "vault"]).contains("d.roux"));

    officers.says(&[
        "approve",
        "policies",
        "--vault",
        "vault",
        "--out",
        "policies.note",
        "--key",
        "a.martin.key",
        "--yes",
    ]);
    let sign = |phrase: &str| {
        let all = ["approve", "sign", "policies.note", "--key", "d.roux.key", "--yes", "--passphrase-file", phrase];
        officers.fails(&all)
    };
    let (code, error) = sign("wrong");
    assert!(code == 1 && error.contains("does not open with this passphrase"), "{code}: {error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let (code, error) = sign("phrase");
    assert!(code == 1 && error.contains("can be read by others"), "{code}: {error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    assert_eq!(sign("phrase").0, 0);
    officers.says(&["approve", "submit", "policies.note", "--vault", "vault"]);
    Server::start(officers.path()).stop();
}

#[test]
fn a_passphrase_is_typed_at_a_terminal_that_shows_nothing() {
    const PHRASE: &str = "clé d'argent, œuf à la coque";
    let officers = Officers::with_vault("recette");
    let keygen = ["officer", "keygen", "--role", "dpo", "--name", "d.roux", "--out", "d.roux.key"];
    let typed = |first: &str, second: Option<&str>| {
        let mut terminal = Terminal::start(officers.path(), &[], &keygen);
        terminal.until("passphrase: ");
        assert!(!terminal.echoes());
        terminal.types(first);
        if let Some(second) = second {
            terminal.until("the same again: ");
            terminal.types(second);
        }
        terminal.ends()
    };
    let (code, shown, _) = typed("short", None);
    assert!(code == Some(2) && shown.contains("the passphrase is too short"), "{shown}");
    let (code, shown, _) = typed(PHRASE, Some("cle d'argent, oeuf a la coque"));
    assert!(code == Some(2) && shown.contains("are not the same"), "{shown}");
    assert!(!officers.path().join("d.roux.key").exists());
    // A character that is taken back goes whole.
    let (code, shown, echoes) = typed(&format!("{PHRASE}é\u{7f}"), Some(PHRASE));
    assert!(code == Some(0) && shown.contains("dpo/d.roux+"), "{shown}");
    assert!(!shown.contains("argent") && echoes, "nothing was shown, and the terminal is as it was");

    let line = shown.lines().find(|line| line.starts_with("dpo/d.roux+")).expect("its line").trim().to_owned();
    officers.approve(&["officers", &officers.lines[0], &officers.lines[1], &line], "officers.note");
    officers.says(&["approve", "policies", "--vault", "vault", "--out", "p.note", "--key", "a.martin.key", "--yes"]);
    let mut terminal =
        Terminal::start(officers.path(), &[], &["approve", "sign", "p.note", "--key", "d.roux.key", "--yes"]);
    terminal.until("passphrase: ");
    terminal.types(PHRASE);
    let (code, shown, echoes) = terminal.ends();
    assert!(code == Some(0) && !shown.contains("argent") && echoes, "{shown}");
    officers.says(&["approve", "submit", "p.note", "--vault", "vault"]);

    let mut terminal =
        Terminal::start(officers.path(), &[], &["approve", "sign", "p.note", "--key", "d.roux.key", "--yes"]);
    terminal.until("passphrase: ");
    terminal.presses(0x03);
    let (code, shown, echoes) = terminal.ends();
    assert!(code == Some(2) && shown.contains("no passphrase was typed") && echoes, "{shown}");
}

#[test]
fn the_doctor_tells_what_waits_for_officers() {
    let officers = Officers::with_vault("recette");
    officers.approve(&["policies"], "policies.note");
    let server = Server::start(officers.path());
    let findings = || {
        let output = transcript::run(officers.path(), &[], &["doctor", "--vault", "vault", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let findings = report["findings"].as_array().expect("a list").clone();
        let waiting =
            |finding: &&Value| finding["detail"].as_str().is_some_and(|detail| detail.contains("two officers to sign"));
        let told = |finding: &Value| format!("{} {}", finding["subject"], finding["state"]);
        (output.status.code(), findings.iter().filter(waiting).map(told).collect::<Vec<_>>())
    };
    assert_eq!(findings().1, Vec::<String>::new());
    officers.says(&["application", "add", "desk", "--role", "legal", "--vault", "vault"]);
    // What is counted for a status is counted every few seconds.
    until("the application is told", || findings().1 == ["\"applications\" \"warning\""]);
    let other = changed("retention.toml", "active = \"P3Y\"", "active = \"P2Y\"");
    officers.configure_policies(other.path());
    let (code, waiting) = findings();
    assert_eq!((code, waiting.last().map(String::as_str)), (Some(16), Some("\"policies\" \"bad\"")), "{waiting:?}");
    server.stop();
    assert_eq!(Server::refused(officers.path()).0, Some(18), "as it said");
}

#[test]
fn a_vault_without_officers_says_so_and_gets_them_later() {
    let officers = Officers::new();
    let made = transcript::of(officers.path(), &["init", "vault", "--environment", "production"]);
    assert!(made.contains("note: nobody approves policies and applications here"), "{made}");
    let finding = || {
        let output = transcript::run(officers.path(), &[], &["doctor", "--vault", "vault", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let findings = report["findings"].as_array().expect("a list").clone();
        let officers = findings.into_iter().find(|finding| finding["subject"] == "officers").expect("it is examined");
        (output.status.code(), officers["state"].as_str().expect("text").to_owned())
    };
    let server = Server::start(officers.path());
    assert_eq!(finding(), (Some(16), "bad".to_owned()), "in production");
    assert!(server.stop().log.contains("NOBODY APPROVES"));

    let lines: Vec<&str> = officers.lines.iter().map(String::as_str).collect();
    officers.says(&[&["officer", "enrol"], &lines[..], &["--vault", "vault"]].concat());
    assert_eq!(Server::refused(officers.path()).0, Some(18));
    officers.approve(&["policies"], "policies.note");
    let server = Server::start(officers.path());
    assert_eq!(finding().1, "good");
    assert!(!server.stop().log.contains("NOBODY APPROVES"));
}
