//! The run: from the first row to the report. Data subjects go through in batches. While one is committed, the next is
//! made ready, and the one before is read back and compared; no more are on their way, so memory stays flat. A run that
//! stops has lost nothing: the next one finds by legacy key what is there already.

mod batch;
mod proof;

use std::path::Path;

use coffre_core::canonical::CanonicalError;
use coffre_core::time::Timestamp;
use coffre_policies::Policies;
use thiserror::Error;

use self::batch::Batch;
use self::proof::{Proof, Proven};
use crate::candidate::RecordCandidate;
use crate::grants::GrantsFile;
use crate::legacy::{Joined, Legacy, LegacyError};
use crate::map::{SubjectRows, map_subject};
use crate::reject::Reject;
use crate::reject_file::{RejectFile, RejectFileError};
use crate::report::{ImportReport, Progress, SourceCounts};
use crate::target::{ImportTarget, TargetError};

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions<'a> {
    /// Take over what changed in the source since the last import.
    pub apply_changes: bool,
    /// Where rejects go.
    pub rejects: &'a Path,
    /// To whom they are encrypted (`age1…`).
    pub reject_recipient: &'a str,
    /// Data subjects in a batch, that is in one transaction of the vault: a few hundred.
    pub batch: usize,
    /// The rules of retention: what they have removed is not brought again.
    pub policies: &'a Policies,
    /// The time to judge by.
    pub now: Timestamp,
}

/// An import that stopped. What it had committed stays, and the next run goes on from there.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] LegacyError),
    /// The rejects cannot be written.
    #[error(transparent)]
    Rejects(#[from] RejectFileError),
    /// The vault cannot go on.
    #[error("{doing}; run the import again when the cause is gone: what was brought before stays")]
    Vault {
        /// What it was to do.
        doing: &'static str,
        /// Why not.
        source: TargetError,
    },
    /// A value without canonical form came through the mapping.
    #[error("a value cannot be fingerprinted: map its column to text")]
    Fingerprint(#[from] CanonicalError),
}

/// Imports a legacy database into a vault; without a vault, a dry run that tells what would be brought.
pub fn import<'r>(
    legacy: &'r Legacy<'r>,
    grants: &'r GrantsFile,
    target: Option<&'r dyn ImportTarget>,
    options: &'r ImportOptions<'r>,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    let rejects = RejectFile::at(options.rejects, options.reject_recipient)?;
    let rows = legacy.counts()?;
    let read = SourceCounts { subjects: rows.first().map_or(0, |(_, rows)| *rows), rows: rows.into_iter().collect() };
    let report = ImportReport {
        dry_run: target.is_none(),
        mapping: legacy.mapping().name().to_owned(),
        read,
        ..ImportReport::default()
    };
    let mut run = Run { legacy, grants, target, options, rejects, report };
    match target {
        None => run.all(None, progress)?,
        Some(target) => {
            let proven = run.all_proven(target, progress)?;
            (run.report.source, run.report.vault) = (proven.source, Some(proven.vault));
        }
    }
    legacy.check_unchanged()?;
    let reject_file = run.rejects.finish()?;
    Ok(ImportReport { reject_file, ..run.report })
}

struct Run<'r> {
    legacy: &'r Legacy<'r>,
    grants: &'r GrantsFile,
    target: Option<&'r dyn ImportTarget>,
    options: &'r ImportOptions<'r>,
    rejects: RejectFile,
    report: ImportReport,
}

impl Run<'_> {
    /// Brings everything, and gives what there was to bring and what the vault has of it.
    fn all_proven(
        &mut self,
        target: &dyn ImportTarget,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Proven, ImportError> {
        let mapping = self.legacy.mapping();
        std::thread::scope(|scope| {
            let mut proof = Proof::begin(scope, target, mapping);
            let brought = self.all(Some(&mut proof), progress);
            // What stopped the proof stopped the rest.
            let proven = proof.end()?;
            brought.map(|()| proven)
        })
    }

    fn all(
        &mut self,
        mut proof: Option<&mut Proof<'_>>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ImportError> {
        let total = self.report.read.subjects;
        let mut batch = Vec::with_capacity(self.options.batch);
        let mut done = 0;
        for joined in self.legacy.subjects()? {
            match joined? {
                Joined::Stray(reject) => done += self.stray(&reject)?,
                Joined::Subject(rows) => {
                    done += own_rows(&rows);
                    match map_subject(self.legacy.mapping(), &rows) {
                        Ok(candidate) => batch.push(candidate),
                        Err(rejects) => self.rejected(&rows, &rejects)?,
                    }
                }
            }
            if batch.len() >= self.options.batch.max(1) {
                self.settle(&mut batch, proof.as_deref_mut())?;
                progress(Progress { done, total });
            }
        }
        self.settle(&mut batch, proof)?;
        progress(Progress { done, total });
        Ok(())
    }

    fn settle(
        &mut self,
        candidates: &mut Vec<RecordCandidate>,
        proof: Option<&mut Proof<'_>>,
    ) -> Result<(), ImportError> {
        if candidates.is_empty() {
            return Ok(());
        }
        Batch { run: self, candidates: std::mem::take(candidates) }.settle(proof)
    }

    /// How many rows of the data subjects' table that is: one without a key, or none.
    fn stray(&mut self, reject: &Reject) -> Result<u64, ImportError> {
        self.reject(reject)?;
        let own = self.legacy.mapping().subject().is_some_and(|subject| subject.name == reject.table);
        self.report.rejected += u64::from(own);
        Ok(u64::from(own))
    }

    fn rejected(&mut self, rows: &SubjectRows, rejects: &[Reject]) -> Result<(), ImportError> {
        self.report.rejected += own_rows(rows);
        rejects.iter().try_for_each(|reject| self.reject(reject))
    }

    fn reject(&mut self, reject: &Reject) -> Result<(), ImportError> {
        self.report.count(reject);
        Ok(self.rejects.write(reject)?)
    }
}

/// Rows of the data subjects' table among these.
fn own_rows(rows: &SubjectRows) -> u64 {
    rows.tables.first().map_or(0, |own| own.len() as u64)
}
