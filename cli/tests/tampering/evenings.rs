//! Folders as they were at the end of one day and of the next.

use std::fs;
use std::path::{Path, PathBuf};

/// Both evenings, each in a folder of its own.
pub(crate) struct Evenings {
    pub(crate) before: tempfile::TempDir,
    pub(crate) after: tempfile::TempDir,
}

impl Evenings {
    /// What a file held on the first evening, if it was there.
    pub(crate) fn earlier(&self, file: &Path) -> Option<Vec<u8>> {
        fs::read(self.before.path().join(file)).ok()
    }

    /// What it holds on the second.
    pub(crate) fn later(&self, file: &Path) -> Vec<u8> {
        fs::read(self.after.path().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// The files below a folder on the second evening, by their paths.
    pub(crate) fn files(&self, below: &str) -> Vec<PathBuf> {
        let found = files(&self.after.path().join(below)).into_iter();
        found.map(|file| file.strip_prefix(self.after.path()).expect("below it").to_owned()).collect()
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("it is there");
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// How something comes into a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a file of its own.
    Copied,
    /// As another name of the same file: right for what is written once, and only ever replaced as a whole.
    Linked,
    /// It does not.
    LeftOut,
}

/// Copies a folder; the way of each file and folder is told by its path there. What is neither stays behind.
pub(crate) fn copy(from: &Path, to: &Path, way: &dyn Fn(&Path) -> Way) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("it is there");
        match way(&path) {
            Way::LeftOut => {}
            _ if kind.is_dir() => copy(&path, &target, way),
            Way::Linked if kind.is_file() => fs::hard_link(&path, &target).expect("linked"),
            Way::Copied if kind.is_file() => drop(fs::copy(&path, &target).expect("copied")),
            Way::Copied | Way::Linked => {}
        }
    }
    fs::set_permissions(to, fs::metadata(from).expect("it is there").permissions()).expect("ours");
}
