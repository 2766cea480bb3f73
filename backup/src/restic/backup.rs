//! Makes a snapshot.

use std::path::Path;

use thiserror::Error;

use super::lines::Lines;
use super::messages::{self, Message, Summary};
use super::run::Ended;
use super::{Exit, Failure, Repository, Restic, arguments};
use crate::observer::{Observer, Progress, Stage};

/// What to make a snapshot of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The folder that paths in the snapshot begin at.
    pub root: &'a Path,
    /// The folder in it.
    pub folder: &'a str,
    /// The host that the snapshot is filed under; its history continues the last one's of this name.
    pub host: &'a str,
    /// Its tag.
    pub tag: &'a str,
    /// Whether it is compressed.
    pub compression: Compression,
}

/// Whether restic compresses what it stores. Ciphertext does not get smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Off,
    /// As restic likes.
    Auto,
}

impl Compression {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Auto => "auto",
        }
    }
}

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshotted {
    /// Its identifier, eight digits or all of them.
    pub id: String,
    /// Bytes that the repository grew by.
    pub added: u64,
    /// Files looked at.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// No snapshot, or not a whole one.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is nothing to make a snapshot of. restic 0.14 calls that a success.
    #[error("there is no folder {folder} to make a snapshot of: run `coffre backup run` while the vault is served")]
    NoSource {
        /// The folder.
        folder: String,
    },
    /// Some files could not be read; the snapshot lacks them.
    #[error(
        "{errors} files could not be read and the snapshot lacks them: check permissions and the disk, then run this again"
    )]
    Incomplete {
        /// How many.
        errors: u64,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// Makes a snapshot of a folder, with paths relative to its root.
    pub fn backup(
        &self,
        repository: &Repository,
        subject: &Subject<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Snapshotted, BackupError> {
        let folder = subject.root.join(subject.folder);
        if !folder.is_dir() {
            return Err(BackupError::NoSource { folder: folder.display().to_string() });
        }
        let compression = subject.compression.as_str();
        let mut arguments = arguments(["backup", "--json", "--compression", compression, "--host", subject.host]);
        arguments.extend(["--tag".into(), subject.tag.into(), "--".into(), subject.folder.into()]);
        let (mut lines, mut heard) = (Lines::default(), Heard::default());
        let ended = self.run_to_end(
            repository,
            arguments,
            Some(subject.root),
            &mut |piece, observer| lines.push(piece, |line| heard.line(line, observer)),
            observer,
        )?;
        lines.finish(|line| heard.line(line, observer));
        self.snapshotted(repository, heard, &ended)
    }

    /// The snapshot that was made, by all that restic said.
    pub(super) fn snapshotted(
        &self,
        repository: &Repository,
        heard: Heard,
        ended: &Ended,
    ) -> Result<Snapshotted, BackupError> {
        let errors =
            heard.errors + ended.stderr.lines().filter_map(messages::parse_line).filter(is_error).count() as u64;
        match ended.exit {
            Exit::Code(0) if errors == 0 => {}
            // 3 says in all versions: some source data could not be read.
            Exit::Code(0 | 3) => return Err(BackupError::Incomplete { errors: errors.max(1) }),
            exit => return Err(self.classify(exit, &ended.stderr, repository).into()),
        }
        let summary = heard.summary.unwrap_or_default();
        let id = summary.snapshot_id.ok_or(Failure::Answer { verb: "backup" })?;
        Ok(Snapshotted {
            id,
            added: summary.data_added,
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
        })
    }
}

fn is_error(message: &Message) -> bool {
    matches!(message, Message::Error(_))
}

/// What restic has said so far.
#[derive(Default)]
pub(super) struct Heard {
    summary: Option<Summary>,
    errors: u64,
}

impl Heard {
    pub(super) fn line(&mut self, line: &str, observer: &mut dyn Observer) {
        match messages::parse_line(line) {
            Some(Message::Status(status)) => observer.progress(Progress {
                stage: Stage::Snapshot,
                done: status.bytes_done,
                total: status.total_bytes,
            }),
            Some(Message::Summary(summary)) => self.summary = Some(summary),
            Some(Message::Error(_)) => self.errors += 1,
            _ => {}
        }
    }
}
