//! The whole way of a backup from the command line: taken from a vault that is served, copied, verified, lost, restored.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{RequestId, SubjectId};
use coffre_core::record::Fields;
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::transactions::{CreateRecord, EraseSubject};
use coffre_store::{Depends, Identity, Layout, OpenOptions, Store};
use serde_json::{Value, json};

use crate::site::{Site, strs};

/// Some base backup of `vault.db` below a folder.
fn base_of_the_vault(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().find(|_| folder.ends_with("vault"));
    here.or_else(|| folders.iter().find_map(|folder| base_of_the_vault(folder)))
}

/// What `verify` says of a place.
fn words(place: &Value) -> Value {
    json!(["consistent", "complete", "restorable_to", "keyring"].map(|word| &place[word]))
}

#[test]
fn a_vault_is_backed_up_lost_and_restored_from_either_place() {
    let site = Site::new();
    site.json(11, &["backup", "status", "--json"]);
    // A place that holds nothing is in order, and no backup.
    let empty = site.json(11, &["backup", "verify", "building-b", "--json"]);
    assert_eq!(words(&empty["places"][0]), json!([true, true, null, "here"]), "{empty:#}");
    let server = site.serve();
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    let first = site.json(0, &["backup", "run", "--init", "--json"]);
    assert_eq!((&first["base"], &first["served"]), (&Value::from(1), &Value::Bool(true)), "{first:#}");
    site.json(0, &["backup", "status", "--json"]);
    let verified = site.json(0, &["backup", "verify", "--json"]);
    let sound: Vec<_> = verified["places"].as_array().expect("a list").iter().map(|place| &place["sound"]).collect();
    assert_eq!(sound, [true, true, true], "{verified:#}");
    for (place, keyring) in verified["places"].as_array().expect("a list").iter().zip(["here", "here", "elsewhere"]) {
        let moment = &place["restorable_to"];
        assert_eq!(words(place), json!([true, true, moment, keyring]), "{place:#}");
        assert!(moment.is_string(), "{place:#}");
    }
    let told = site.succeeds(&["backup", "verify", "--quick"]);
    assert_eq!(told.matches("        consistent, complete, restorable to ").count(), 3, "{told}");
    assert_eq!(told.matches(" with a destination's keyring").count(), 1, "{told}");
    server.stop();
    let log = site.json(0, &["audit", "verify", "--json"]);
    fs::remove_dir_all(site.path().join("vault")).expect("it is lost");

    let keyring = ["--keyring", "building-b", "--json"];
    let runs = [
        (site.restore("building-b", "again", &["--json"]), "again"),
        (site.restore("repository", "once-more", &keyring), "once-more"),
        (site.restore("restic", "by-its-name", &keyring), "by-its-name"),
    ];
    for (arguments, vault) in runs {
        let restored = site.json(0, &strs(&arguments));
        assert_eq!(restored["entries"], log["entries"], "{restored:#}");
        let applications = site.json(0, &["application", "list", "--vault", vault, "--json"]);
        assert_eq!(applications["applications"][0]["name"], "desk");
        let verified = site.json(0, &["audit", "verify", "--vault", vault, "--json"]);
        assert_eq!(verified["sound"], true);
        assert!(site.path().join(vault).join("coffre.toml").exists(), "what was restored is pinned again");
    }
    let left: Vec<_> = fs::read_dir(site.path()).expect("readable").map(|e| e.expect("readable").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "fetched files are left over: {left:?}");
}

#[test]
fn a_directory_that_is_not_empty_is_told_before_anybody_types_a_share() {
    let site = Site::new();
    for folder in ["building-b/main", "full/of-something"] {
        fs::create_dir_all(site.path().join(folder)).expect("a folder");
    }
    let key = site.key();
    let restore = |to: &str| site.fails(&["restore", "--from", "building-b", "--to", to, "--vault-key", &key]);
    let (code, error) = restore("full");
    assert!(code == 2 && error.contains("full is not empty"), "{code}: {error}");
    for to in ["new", "full/of-something"] {
        let (_, error) = restore(to);
        assert!(error.contains("there is no terminal to type shares at"), "{to}: {error}");
    }
}

#[test]
fn whoever_does_not_go_to_the_repository_needs_no_credential_of_it() {
    let site = Site::new();
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("readable");
    let text = text.replace("password_file = \"password\"", "password_credential = \"restic\"");
    fs::write(&file, text).expect("written");
    let status = site.json(11, &["backup", "status", "--json"]);
    let targets: Vec<_> = status["targets"].as_array().expect("a list").iter().map(|target| &target["name"]).collect();
    assert_eq!(targets, ["building-b", "restic"], "{status:#}");
    site.json(0, &["backup", "report", "--json"]);
    site.json(11, &["backup", "verify", "building-b", "--json"]);
    for verb in [&["backup", "run"][..], &["backup", "verify", "restic"]] {
        let (code, error) = site.fails(verb);
        assert!(code == 2 && error.contains("there is no credential \"restic\""), "{verb:?}: {code}: {error}");
    }
}

#[test]
fn a_repository_that_cannot_be_opened_keeps_nobody_from_the_destinations() {
    let site = Site::new();
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("readable");
    let text = text.replace("password_file = ", "credentials_file = \"gone\"\npassword_file = ");
    fs::write(&file, text).expect("written");
    let server = site.serve();
    let told = site.json(2, &["backup", "run", "--json"]);
    server.stop();
    let targets = told["targets"].as_array().expect("a list").iter();
    let targets: Vec<_> = targets.map(|target| json!([target["name"], target["done"]])).collect();
    assert_eq!(targets, [json!(["building-b", true]), json!(["restic", false])], "{told:#}");
    assert_eq!(told["exit_code"], 2);
    site.json(0, &["backup", "verify", "building-b", "--json"]);
}

#[test]
fn a_bucket_whose_access_key_is_not_there_keeps_nobody_from_the_other_places() {
    let site = Site::new();
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("readable");
    let bucket = "[[backup.destination]]\nname = \"bucket\"\n[backup.destination.s3]\nendpoint = \"http://127.0.0.1:9\"\n\
                  bucket = \"b\"\ncredentials_file = \"gone\"\n[backup.restic]\n";
    fs::write(&file, text.replace("[backup.restic]\n", bucket)).expect("written");
    let server = site.serve();
    let (code, out, error) = site.run(&["backup", "run", "--init"]);
    server.stop();
    assert_eq!(code, Some(15), "{out}{error}");
    for told in
        ["ok      building-b: ", "FAILED  bucket: http://127.0.0.1:9 b/ does not let us in (", "ok      restic: "]
    {
        assert!(out.contains(told), "{told}: {out}{error}");
    }
    site.json(0, &["backup", "verify", "building-b", "--json"]);
    let (code, error) = site.fails(&["backup", "verify", "bucket"]);
    assert!(code == 15 && error.contains("gone cannot be read, "), "{code}: {error}");
    // Whoever restores from there is told before a share is typed.
    let (code, _, error) = site.run(&["restore", "--from", "bucket", "--to", "restored"]);
    assert!(code == Some(2) && error.contains("gone cannot be read ("), "{code:?}: {error}");
}

#[test]
fn a_page_that_cannot_be_written_keeps_no_report_from_being_sent() {
    let site = Site::new();
    let (file, told) = (site.path().join("coffre.toml"), site.path().join("told"));
    let notify = format!("[notify]\ncommand = [\"sh\", \"-c\", \"cat > {}\"]\n", told.display());
    fs::write(&file, fs::read_to_string(&file).expect("readable") + &notify).expect("written");
    let (code, error) = site.fails(&["backup", "report", "--send", "--html", "nowhere/page.html"]);
    assert!(code == 2 && error.contains("nowhere/page.html cannot be written"), "{code}: {error}");
    assert!(fs::read_to_string(told).expect("it was sent").contains("[Coffre recette]"));
}

/// A person, created as the application would; with the vault not served.
fn create_somebody(vault: &Path) -> SubjectId {
    let store = open_vault(vault);
    let fields = Fields([("contact.email".parse().expect("a field"), "anne@example.fr".into())].into());
    let record_type = "policyholder".parse().expect("a name");
    let create = CreateRecord { record_type, subject: store.new_subject(), fields };
    let pending = store.transact(create, entry(Action::Create), None, Depends::default());
    pending.wait().expect("created").0
}

fn erase(vault: &Path, subject: SubjectId) {
    let record_type = "policyholder".parse().expect("a name");
    let erase = EraseSubject { record_type, subject, remember: Vec::new() };
    open_vault(vault).transact(erase, entry(Action::Erase), None, Depends::default()).wait().expect("erased");
}

fn entry(action: Action) -> Draft {
    Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
}

fn open_vault(vault: &Path) -> Store {
    let identity = Identity::read(&Layout::new(vault).server_identity()).expect("it is there");
    let options = OpenOptions { indexes: Vec::new(), clock: Arc::new(SystemClock), readers: 1 };
    Store::open(vault, &identity, &options).expect("it opens")
}

#[test]
fn a_restore_of_an_older_point_brings_back_nobody_who_was_erased() {
    let site = Site::new();
    let vault = site.path().join("vault");
    let (kept, gone) = (create_somebody(&vault), create_somebody(&vault));
    let backup = || {
        let server = site.serve();
        site.succeeds(&["backup", "run", "--init"]);
        server.stop();
    };
    backup();
    erase(&vault, gone);
    backup();
    let listed = site.json(0, &["backup", "list", "building-b", "--json"]);
    let generation = listed["places"][0]["points"][0]["generation"].as_str().expect("a generation");
    let point = format!("{generation}/1");
    let planned = site.succeeds(&strs(&site.restore("building-b", "again", &["--point", &point, "--plan"])));
    for told in ["records      as of ", "; the next that was captured is ", "the rest     as of ", " at 100 MB/s"] {
        assert!(planned.contains(told), "{told} is not in {planned}");
    }
    assert!(!site.path().join("again").exists(), "a plan writes nothing");
    let restored = site.json(0, &strs(&site.restore("building-b", "again", &["--point", &point, "--json"])));
    assert_eq!((&restored["records"], &restored["erased"]), (&Value::from(1), &Value::from(1)), "{restored:#}");
    assert_eq!(restored["set_back"]["left_out"], 0, "{restored:#}");
    let store = open_vault(&site.path().join("again"));
    let kind = "policyholder".parse().expect("a name");
    assert_eq!(store.snapshot().expect("a view").records(&kind, None, 9).expect("a list"), [kept]);
    drop(store);
    let told = site.succeeds(&strs(&site.restore("building-b", "once-more", &["--point", &point])));
    assert!(told.contains("erased       1 since this point, and they stay erased"), "{told}");
}

#[test]
fn a_damaged_key_file_is_put_into_no_backup_and_the_doctor_names_it() {
    let site = Site::new();
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    for file in ["keys.json", "root.recovery.age"] {
        let path = site.path().join("vault").join(file);
        let sound = fs::read(&path).expect("readable");
        fs::write(&path, &sound[..sound.len() - 2]).expect("written");
        let report = site.run(&["backup", "run", "--base"]);
        assert_ne!(report.0, Some(0), "{report:?}");
        let told = format!("{file} was damaged or replaced");
        assert!(report.1.contains(&told) || report.2.contains(&told), "{report:?}");
        let (code, out, _) = site.run(&["doctor", "--vault", "vault"]);
        assert_ne!(code, Some(0), "{out}");
        assert!(out.contains(&told), "the server knows: {out}");
        assert!(
            out.contains(&format!("{file}: is not the one in the newest backup")),
            "so does the vault's folder: {out}"
        );
        fs::write(&path, &sound).expect("written");
        site.succeeds(&["backup", "run"]);
    }
    server.stop();
    let (_, out, _) = site.run(&["doctor", "--vault", "vault"]);
    assert!(out.contains("root.recovery.age: is the one in the newest backup"), "{out}");
}

#[test]
fn without_a_server_what_is_captured_is_copied_and_its_age_is_told() {
    let site = Site::new();
    let (code, _) = site.fails(&["backup", "run"]);
    assert_eq!(code, 1, "nothing was ever captured");
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    let report = site.json(0, &["backup", "run", "--json"]);
    assert_eq!((&report["base"], &report["served"]), (&Value::Null, &Value::Bool(false)));
}

#[test]
fn one_changed_byte_on_a_destination_is_named_and_never_restored() {
    let site = Site::new();
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    let object = base_of_the_vault(&site.path().join("building-b")).expect("there is one");
    let mut bytes = fs::read(&object).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&object, fs::Permissions::from_mode(0o640)).expect("ours");
    fs::write(&object, bytes).expect("written");

    let report = site.json(12, &["backup", "verify", "building-b", "--json"]);
    let fault = report["places"][0]["faults"][0].as_str().expect("a fault").to_owned();
    let name = object.file_name().expect("a name").to_str().expect("text");
    assert!(fault.contains(name), "{fault} does not name {name}");
    assert_eq!(words(&report["places"][0]), json!([false, true, null, "here"]), "it was the only base");
    site.json(0, &["backup", "verify", "spool", "restic", "--json"]);
    let (code, cause) = site.fails(&strs(&site.restore("building-b", "again", &[])));
    assert_eq!(code, 12, "{cause}");
    assert!(!site.path().join("again/server.identity").exists(), "what is damaged does not open");
}

#[test]
fn a_target_that_fails_keeps_no_other_from_its_backup() {
    let site = Site::new();
    let server = site.serve();
    let targets = |report: &Value| -> Vec<bool> {
        report["targets"].as_array().expect("a list").iter().map(|target| target["done"] == true).collect()
    };
    let missing = site.json(14, &["backup", "run", "--restic", "/nowhere/restic", "--json"]);
    assert_eq!(targets(&missing), [true, false], "{missing:#}");
    let absent = site.json(75, &["backup", "run", "--json"]);
    assert_eq!(targets(&absent), [true, false], "{absent:#}");
    site.succeeds(&["backup", "run", "--init"]);
    fs::write(site.path().join("password"), "wrong").expect("written");
    let wrong = site.json(15, &["backup", "run", "--json"]);
    assert_eq!(targets(&wrong), [true, false], "{wrong:#}");
    server.stop();
}

#[test]
fn a_restore_needs_the_right_identity_the_right_key_and_an_empty_directory() {
    let site = Site::new();
    let server = site.serve();
    site.run(&["backup", "run"]);
    server.stop();
    let other = Site::new();
    let restore = |identity: &Path, key: &str, to: &str| {
        let identity = identity.to_str().expect("text");
        site.fails(&["restore", "--from", "building-b", "--to", to, "--identity", identity, "--vault-key", key])
    };
    let (ours, theirs) = (site.path().join("vault.recovery-identity"), other.path().join("vault.recovery-identity"));
    let found = [
        restore(&theirs, &site.key(), "a"),
        restore(&ours, &other.key(), "b"),
        restore(&ours, &site.key(), "spool"),
        restore(&ours, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "c"),
        restore(&site.path().join("nowhere"), &site.key(), "d"),
        site.fails(&strs(&site.restore("vault", "e", &[]))),
        site.fails(&strs(&site.restore("sftp:host:/x", "e", &[]))),
    ];
    let codes = found.clone().map(|(code, _)| code);
    assert_eq!(codes, [15, 1, 2, 2, 2, 2, 2], "{found:#?}");
}

#[test]
fn the_vault_is_told_which_copies_of_its_keyring_stand_where() {
    let site = Site::new();
    let (_, cause) = site.fails(&["backup", "copies"]);
    assert!(cause.contains("no server answers"), "{cause}");
    let server = site.serve();
    let known = || {
        let mut socket = UnixStream::connect(site.path().join("vault/run/control.sock")).expect("it is served");
        socket.write_all(b"GET /v1/copies HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("text");
        answer
    };
    assert!(known().contains("{\"places\":[]}"), "nobody has looked yet");
    site.succeeds(&["backup", "run", "--init"]);
    let told = known();
    assert!(told.contains("\"building-b\"") && told.contains("\"spool\""), "a run tells it: {told}");

    let found = site.json(0, &["backup", "copies", "--json"]);
    let places = found["places"].as_array().expect("a list");
    assert_eq!((&places[0]["place"], &places[1]["place"]), (&Value::from("spool"), &Value::from("building-b")));
    for place in places {
        assert!(place["oldest"].is_string() && place["unaccounted"] == 0, "{place}");
    }
    fs::rename(site.path().join("building-b"), site.path().join("unplugged")).expect("it is unplugged");
    let missed = site.json(75, &["backup", "copies", "--json"]);
    assert_eq!(missed["missed"][0]["name"], "building-b", "{missed:#}");
    assert!(known().contains("building-b"), "what was seen of it before stays");
    server.stop();
}
