//! Where the benchmark happens: a temporary directory, or one that is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The directory, with everything in it.
pub(crate) struct Place {
    root: PathBuf,
    /// Removes it when it is dropped.
    _temporary: Option<TempDir>,
}

impl Place {
    /// A directory of its own, or the one to keep.
    pub(crate) fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let private = fs::Permissions::from_mode(0o700);
        if let Some(keep) = keep {
            fs::create_dir_all(keep)?;
            return Ok(Self { root: keep.canonicalize()?, _temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("coffre-bench-").permissions(private).tempdir()?;
        Ok(Self { root: temporary.path().canonicalize()?, _temporary: Some(temporary) })
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path where nothing is any more.
    pub(crate) fn cleared(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.at(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        Ok(path)
    }
}

/// Bytes of all files below a directory.
pub(crate) fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
