//! The files of a policy folder as texts: read once, or compiled in. What they say is not judged here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::embedded;
use crate::error::LoadError;

/// The subfolders of a policy folder and the ending that their files have.
const SUBFOLDERS: &[(&str, &str)] = &[("cedar", ".cedar"), ("environments", ".toml"), ("record-types", ".toml")];
/// The files that have a name of their own.
pub(crate) const PURPOSES: &str = "purposes.toml";
pub(crate) const RETENTION: &str = "retention.toml";
pub(crate) const SCHEMA: &str = "cedar/schema.cedarschema";

/// The files of a policy folder, by their path in it (with `/`), in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    /// The files that were compiled in.
    pub fn embedded() -> Self {
        Self(embedded::FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// The files of a folder. Whatever stands in its subfolders and is no policy file is an error:
    /// nobody shall believe that a rule is in force which is not read.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let mut files = BTreeMap::new();
        for file in [PURPOSES, RETENTION] {
            files.insert(file.to_owned(), read_text(folder, file)?);
        }
        for (subfolder, _) in SUBFOLDERS {
            for name in names(folder, subfolder)? {
                let file = format!("{subfolder}/{name}");
                check_name(&file)?;
                let text = read_text(folder, &file)?;
                files.insert(file, text);
            }
        }
        Ok(Self(files))
    }

    /// The same files with one added or replaced.
    #[must_use]
    pub fn with(mut self, file: &str, text: &str) -> Self {
        self.0.insert(file.to_owned(), text.to_owned());
        self
    }

    /// The same files without one.
    #[must_use]
    pub fn without(mut self, file: &str) -> Self {
        self.0.remove(file);
        self
    }

    /// Whether every file is one that is read.
    pub(crate) fn check_names(&self) -> Result<(), LoadError> {
        self.0.keys().try_for_each(|file| check_name(file))
    }

    /// Every file and its text, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(file, text)| (file.as_str(), text.as_str()))
    }

    /// The files of a subfolder.
    pub(crate) fn under(&self, subfolder: &str, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        let inside = move |file: &str| file.strip_prefix(subfolder).is_some_and(|rest| rest.starts_with('/'));
        self.iter().filter(move |(file, _)| inside(file) && file.ends_with(ending))
    }

    /// The text of a file that must be there.
    pub(crate) fn text(&self, file: &'static str) -> Result<&str, LoadError> {
        self.0.get(file).map(String::as_str).ok_or(LoadError::Missing { file })
    }
}

fn check_name(file: &str) -> Result<(), LoadError> {
    if [PURPOSES, RETENTION, SCHEMA].contains(&file) {
        return Ok(());
    }
    let (subfolder, name) = file.split_once('/').unwrap_or(("", file));
    let ending = SUBFOLDERS.iter().find(|(known, _)| *known == subfolder).map(|(_, ending)| *ending);
    let sound = ending.is_some_and(|ending| name.len() > ending.len() && name.ends_with(ending) && !name.contains('/'));
    if sound { Ok(()) } else { Err(LoadError::UnexpectedFile { file: file.to_owned() }) }
}

fn names(folder: &Path, subfolder: &str) -> Result<Vec<String>, LoadError> {
    let path = folder.join(subfolder);
    let failed = |source| LoadError::Read { path: path.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.into_string().map_err(|name| LoadError::NotText { path: path.join(name) })?);
    }
    names.sort_unstable();
    Ok(names)
}

fn read_text(folder: &Path, file: &str) -> Result<String, LoadError> {
    let path = folder.join(file);
    let bytes = fs::read(&path).map_err(|source| LoadError::Read { path: path.clone(), source })?;
    String::from_utf8(bytes).map_err(|_| LoadError::NotText { path })
}
