//! Which restic the tests run on: every one that is there.

use std::path::{Path, PathBuf};

use coffre_backup::restic::Restic;

/// The programs that `COFFRE_RESTICS` names (as PATH does, with colons between); otherwise the installed one and those
/// that `scripts/restics` has fetched.
pub(crate) fn programs() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("COFFRE_RESTICS") {
        return std::env::split_paths(&named).collect();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let fetched = std::fs::read_dir(target.join("restics")).into_iter().flatten().flatten();
    let mut programs = vec![PathBuf::from("restic")];
    programs.extend(fetched.map(|entry| entry.path().join("restic")).filter(|program| program.is_file()));
    programs.sort();
    programs
}

/// Runs a test on every version there is, once on each, and says on which.
#[expect(clippy::print_stdout, reason = "the versions a test ran on belong into its output")]
pub(crate) fn on_each_restic(test: impl Fn(Restic)) {
    let mut seen = Vec::new();
    for program in programs() {
        let restic = Restic::find(Some(&program)).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        if !seen.contains(&restic.version()) {
            println!("on restic {}", restic.version());
            seen.push(restic.version());
            test(restic);
        }
    }
    assert!(!seen.is_empty(), "COFFRE_RESTICS names no restic");
}
