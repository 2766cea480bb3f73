//! Runs the built binary and writes down what a person at the terminal would see.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The built binary; in a campaign that lasts, a copy of it that no build replaces meanwhile.
pub(crate) fn coffre() -> PathBuf {
    std::env::var_os("COFFRE_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_coffre").into(), PathBuf::from)
}

/// Runs `coffre` in a folder, with nothing of the environment but PATH and what the test gives.
pub(crate) fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(coffre())
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .output()
        .expect("the built binary runs")
}

/// What was typed, what was printed, and the exit code.
pub(crate) fn of(folder: &Path, arguments: &[&str]) -> String {
    speaking(folder, "C", arguments)
}

/// The same in the language of a locale.
pub(crate) fn speaking(folder: &Path, locale: &str, arguments: &[&str]) -> String {
    let output = run(folder, &[("LANG", locale)], arguments);
    let mut text = format!("$ coffre {}\n", arguments.join(" "));
    for part in [output.stdout, output.stderr] {
        text.push_str(&String::from_utf8(part).expect("output is text"));
    }
    writeln!(text, "exit {}", output.status.code().expect("it ended by itself")).expect("text grows");
    text
}
