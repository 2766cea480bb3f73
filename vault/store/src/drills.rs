//! The results of drills, kept beside the vault: each a signed note under its number. The newest are kept, so that a
//! year of daily drills can be shown; who wants them for longer has them in the log.

use std::fs;
use std::io;
use std::path::PathBuf;

use coffre_core::drill::{DrillNoteError, DrillResult};
use coffre_core::spool::Pinned;
use thiserror::Error;

use crate::durable::{make_directory, write_private};
use crate::store::Store;

/// How many results are kept.
const KEPT: usize = 400;
const EXTENSION: &str = "note";

/// A result that was not kept.
#[derive(Debug, Error)]
pub enum KeepDrillError {
    /// It could not be signed.
    #[error("the drill's result cannot be signed")]
    Sign(#[from] DrillNoteError),
    /// It could not be written.
    #[error("{path} cannot be written: check the disk that holds the vault and its permissions", path = path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Store {
    /// The results that are kept, oldest first. One that cannot be read or believed is told in the log and left out.
    pub fn drills(&self) -> io::Result<Vec<DrillResult>> {
        let pinned = Pinned { scope: self.scope().clone(), key: self.verification_key().clone() };
        let mut found = Vec::new();
        for (number, file) in self.drill_files()? {
            match fs::read(&file).map(|note| DrillResult::open(&note, &pinned)) {
                Ok(Ok(result)) if result.number == number => found.push(result),
                Ok(Ok(_)) => tracing::warn!(number, "the result of a drill is under another's number"),
                Ok(Err(error)) => tracing::warn!(number, %error, "the result of a drill cannot be believed"),
                Err(error) => tracing::warn!(number, %error, "the result of a drill cannot be read"),
            }
        }
        Ok(found)
    }

    /// Signs a result and keeps it; gives the note. Old ones are removed.
    pub fn keep_drill(&self, result: &DrillResult) -> Result<String, KeepDrillError> {
        let note = result.sign(&self.shared().signer)?;
        let folder = self.shared().layout.drills();
        let failed = |path: &PathBuf| {
            let path = path.clone();
            move |source| KeepDrillError::Write { path, source }
        };
        make_directory(&folder).map_err(failed(&folder))?;
        let file = folder.join(format!("{:08}.{EXTENSION}", result.number));
        write_private(&file, note.as_bytes()).map_err(failed(&file))?;
        // Durable: the result.
        let files = self.drill_files().map_err(failed(&folder))?;
        for (_, old) in files.iter().rev().skip(KEPT) {
            fs::remove_file(old).map_err(failed(old))?;
        }
        Ok(note)
    }

    /// Number and file of each result, oldest first.
    fn drill_files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match fs::read_dir(self.shared().layout.drills()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let is_note = path.extension().is_some_and(|extension| extension == EXTENSION);
            files.extend(number.filter(|_| is_note).map(|number| (number, path)));
        }
        files.sort_unstable();
        Ok(files)
    }
}
