//! `coffre audit verify` on an exported copy: sound, changed in one byte, cut, of another key, or rolled back.

use std::fs;
use std::path::Path;

use coffre_core::merkle::Frontier;
use coffre_core::note::{KeyName, SignedNote, SigningKey};
use coffre_core::tlog::{Export, TreeHead};

use crate::transcript;

const ORIGIN: &str = "vault.example/test/1";

fn key() -> SigningKey {
    SigningKey::from_seed(KeyName::new("vault.example/test").expect("a name"), &[1; 32])
}

fn leaves(count: u64) -> impl Iterator<Item = Result<Vec<u8>, std::convert::Infallible>> {
    (0..count).map(|number| Ok(format!("{{\"entry\":{number}}}").into_bytes()))
}

fn head(count: u64) -> SignedNote {
    head_of(ORIGIN, count)
}

fn head_of(origin: &str, count: u64) -> SignedNote {
    let mut tree = Frontier::new();
    for leaf in leaves(count) {
        tree.append(coffre_core::merkle::leaf_hash(&leaf.expect("never fails")));
    }
    let head = TreeHead { origin: origin.to_owned(), size: count, root: tree.root(), extensions: Vec::new() };
    head.sign(&key()).expect("a head")
}

/// A copy of a log of so many entries, as `coffre audit export` writes it.
fn export(folder: &Path, count: u64) {
    let export = Export::new(leaves(count), head(count), &key().verification_key(), Some(ORIGIN)).expect("a copy");
    for file in export {
        let file = file.expect("a file");
        let path = folder.join(&file.path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, &file.bytes).expect("written");
    }
}

fn verify(folder: &Path, more: &[&str]) -> String {
    let key = key().verification_key().to_string();
    let all: Vec<&str> =
        ["audit", "verify", "--copy", "log", "--vault-key", &key].iter().chain(more).copied().collect();
    transcript::of(folder, &all)
}

#[test]
fn a_copy_proves_itself_and_a_changed_byte_is_pointed_at() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    export(&log, 300);
    let mut seen = vec![verify(folder.path(), &[]), verify(folder.path(), &["--json"])];

    let bundle = log.join("tile/entries/001.p/44");
    let sound = fs::read(&bundle).expect("a bundle");
    let mut changed = sound.clone();
    changed[12] ^= 1;
    fs::write(&bundle, changed).expect("written");
    seen.extend([verify(folder.path(), &[]), verify(folder.path(), &["--json"])]);

    fs::write(&bundle, &sound[..sound.len() - 15]).expect("written");
    seen.push(verify(folder.path(), &[]));
    fs::remove_file(log.join("checkpoint")).expect("it is there");
    seen.push(verify(folder.path(), &[]));
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn a_copy_that_could_not_be_looked_at_is_not_called_unsound() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = key().verification_key().to_string();
    let arguments = ["audit", "verify", "--copy", "log", "--vault-key", &key, "--json"];
    let verify = || {
        let output = transcript::run(folder.path(), &[], &arguments);
        let told = serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one JSON object");
        assert_eq!(told["exit_code"].as_i64(), output.status.code().map(i64::from), "{told}");
        assert!(told["error"].is_string() && told["help"].is_string(), "{told}");
        (output.status.code(), told["sound"].clone())
    };
    assert_eq!(verify(), (Some(2), serde_json::Value::Null), "there is no such folder");
    export(&folder.path().join("log"), 5);
    fs::remove_file(folder.path().join("log/checkpoint")).expect("it is there");
    assert_eq!(verify(), (Some(1), serde_json::Value::Null), "it is unfinished");
    export(&folder.path().join("log"), 5);
    let bundle = folder.path().join("log/tile/entries/000.p/5");
    let mut changed = fs::read(&bundle).expect("a bundle");
    changed[12] ^= 1;
    fs::write(&bundle, changed).expect("written");
    assert_eq!(verify(), (Some(12), serde_json::Value::Bool(false)));
}

#[test]
fn a_copy_must_go_on_from_a_head_known_from_elsewhere_and_be_of_the_pinned_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    export(&folder.path().join("log"), 5);
    fs::write(folder.path().join("older"), head(3).to_string()).expect("written");
    fs::write(folder.path().join("newer"), head(9).to_string()).expect("written");
    let other = SigningKey::from_seed(KeyName::new("vault.example/other").expect("a name"), &[2; 32]);
    let other = other.verification_key().to_string();
    insta::assert_snapshot!(
        [
            verify(folder.path(), &["--known-head", "older"]),
            verify(folder.path(), &["--known-head", "newer"]),
            transcript::of(folder.path(), &["audit", "verify", "--copy", "log", "--vault-key", &other]),
            transcript::of(folder.path(), &["audit", "verify", "--copy", "log", "--vault-key", "nonsense"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_head_that_was_kept_counts_over_a_restore_and_however_a_mail_program_saved_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    export(&folder.path().join("log"), 5);
    let kept = |text: &str| {
        fs::write(folder.path().join("kept"), text).expect("written");
        verify(folder.path(), &["--known-head", "kept", "--json"])
    };
    let before = head_of("vault.example/test/0", 3).to_string();
    for text in
        [before.clone(), before.replace('\n', "\r\n"), format!("Bonjour,\n----- 8< -----\n{before}----- >8 -----\n")]
    {
        let told = kept(&text);
        assert!(told.ends_with("exit 0\n") && told.contains("\"sound\":true"), "{told}");
    }
    let told = kept(&head_of("vault.example/test/0", 9).to_string());
    assert!(told.ends_with("exit 12\n") && told.contains("does not go on from the known head"), "{told}");
    // What was spoilt on its way says nothing about the log.
    for spoilt in [before.replace('—', "-"), before.replace("test/0\n3\n", "test/0\n4\n"), "Bonjour".to_owned()] {
        let told = kept(&spoilt);
        assert!(told.ends_with("exit 2\n") && !told.contains("sound"), "{told}");
    }
}

#[test]
fn a_copy_that_cannot_be_written_says_what_the_system_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(
        transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]).status.code(),
        Some(0)
    );
    fs::write(folder.path().join("file"), "not a folder").expect("written");
    let output = transcript::run(folder.path(), &[], &["audit", "export", "--vault", "vault", "--to", "file/copy"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("cannot be written (Not a directory"), "{error}");
}
