//! The command line as transcripts: what is typed, the exit code, and what is printed, word for word.
#![expect(clippy::expect_used, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs `coffre` in a folder, with nothing of the environment but what the test gives.
fn transcript(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_coffre"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("the built binary runs");
    let mut text = format!("$ coffre {}\n", arguments.join(" "));
    for part in [output.stdout, output.stderr] {
        text.push_str(&String::from_utf8(part).expect("output is text"));
    }
    writeln!(text, "exit {}", output.status.code().expect("it ended by itself")).expect("text grows");
    text
}

fn in_empty_folder(runs: &[&[&str]]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    runs.iter().map(|arguments| transcript(folder.path(), arguments)).collect::<Vec<_>>().join("\n")
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!(in_empty_folder(&[&["--help"], &["doctor", "--help"]]));
}

#[test]
fn wrong_arguments_are_refused_before_anything_happens() {
    insta::assert_snapshot!(in_empty_folder(&[&["docter"], &["doctor", "--valut", "x"], &["doctor", "--config"]]));
}

#[test]
fn a_wrong_configuration_is_told_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("bad.toml"), "environment = \"production\"\nvault_id = \"7\"\n").expect("a file");
    insta::assert_snapshot!(
        [
            transcript(folder.path(), &["doctor", "--config", "bad.toml"]),
            transcript(folder.path(), &["doctor", "--config", "absent.toml"]),
        ]
        .join("\n")
    );
}
