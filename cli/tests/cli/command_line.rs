//! The command line as transcripts: what is typed, the exit code, and what is printed, word for word.

use std::process::{Command, Stdio};

use crate::transcript;

fn in_empty_folder(runs: &[&[&str]]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    runs.iter().map(|arguments| transcript::of(folder.path(), arguments)).collect::<Vec<_>>().join("\n")
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!(in_empty_folder(&[
        &["--help"],
        &["init", "--help"],
        &["doctor", "--help"],
        &["policy", "check", "--help"],
        &["policy", "test", "--help"],
        &["policy", "diff", "--help"],
        &["policy", "matrix", "--help"],
        &["policy", "explain", "--help"],
    ]));
}

#[test]
fn wrong_arguments_are_refused_before_anything_happens() {
    insta::assert_snapshot!(in_empty_folder(&[
        &["docter"],
        &["doctor", "--valut", "x"],
        &["doctor", "--config"],
        &["init", "vault", "--environment", "Recette 2"],
        &["policy", "explain", "--role", "boss", "--action", "read"],
        &["policy", "explain", "--role", "sales"],
    ]));
}

#[test]
fn a_wrong_configuration_is_told_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("bad.toml"), "environment = \"production\"\nvault_id = \"7\"\n").expect("a file");
    insta::assert_snapshot!(
        [
            transcript::of(folder.path(), &["doctor", "--config", "bad.toml"]),
            transcript::of(folder.path(), &["doctor", "--config", "absent.toml"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_verb_whose_reader_has_gone_ends_with_the_code_it_earned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for more in [&[][..], &["--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let doctor = Command::new(transcript::coffre())
            .args([&["doctor", "--config", "absent.toml"][..], more].concat())
            .current_dir(folder.path())
            .stdout(writer)
            .stderr(Stdio::null())
            .status();
        assert_eq!(doctor.expect("the built binary runs").code(), Some(16), "{more:?}");
    }
}
