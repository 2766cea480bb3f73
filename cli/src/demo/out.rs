//! The folder that the demonstration leaves: the page, a verifiable copy of the log, and the tree head it extends.
//! Replaces what an earlier run left there and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coffre_core::tlog::CHECKPOINT_PATH;

use crate::complaint::Complaint;

/// The folder.
pub(super) struct Out {
    folder: PathBuf,
}

impl Out {
    /// Makes the folder ready.
    pub(super) fn prepare(folder: &Path) -> anyhow::Result<Self> {
        let unwritable = || format!("{} cannot be written; choose another folder with --out DIR", folder.display());
        fs::create_dir_all(folder).with_context(unwritable)?;
        let out = Self { folder: folder.canonicalize().with_context(unwritable)? };
        out.remove_log().with_context(unwritable)?;
        Ok(out)
    }

    /// A copy of a log is known by its signed head; anything else is somebody's, and stays.
    fn remove_log(&self) -> anyhow::Result<()> {
        let log = self.log();
        if log.symlink_metadata().is_err() {
            return Ok(());
        }
        if !log.join(CHECKPOINT_PATH).is_file() {
            let cause = format!("{} is no copy of a log", log.display());
            return Err(Complaint::usage(cause, "move it away, or choose another folder with --out DIR").into());
        }
        Ok(fs::remove_dir_all(log)?)
    }

    /// The copy of the log (C2SP tlog-tiles).
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("audit-log")
    }

    /// The signed head that the copy must extend.
    pub(super) fn tree_head(&self) -> PathBuf {
        self.folder.join("tree-head.txt")
    }

    /// Writes the page; gives its path.
    pub(super) fn write_page(&self, html: &str) -> anyhow::Result<PathBuf> {
        let page = self.folder.join("index.html");
        fs::write(&page, html)
            .with_context(|| format!("{} cannot be written; check the space left", page.display()))?;
        Ok(page)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_a_former_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let log = Out::prepare(folder.path()).unwrap().log();
        fs::create_dir(&log).unwrap();
        fs::write(log.join(CHECKPOINT_PATH), "head").unwrap();
        Out::prepare(folder.path()).unwrap();
        assert!(!log.exists());

        fs::create_dir(&log).unwrap();
        fs::write(log.join("diary"), "dear").unwrap();
        assert!(Out::prepare(folder.path()).is_err());
        assert!(log.join("diary").exists());
    }
}
