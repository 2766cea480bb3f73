//! Makes a snapshot of one file whose bytes come as a stream. A stream that does not come to its end becomes no
//! snapshot: restic is stopped before it can take the end of its input for the end of the file.

use std::error::Error;
use std::io::Write;

use thiserror::Error;

use super::backup::Heard;
use super::lines::Lines;
use super::{BackupError, Compression, Failure, Repository, Restic, Snapshotted, arguments, of_run, run};
use crate::observer::Observer;

/// What becomes a snapshot of one file.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// The name of the file in the snapshot.
    pub name: &'a str,
    /// The host that the snapshot is filed under.
    pub host: &'a str,
    /// Its tags, with commas between.
    pub tags: &'a str,
    /// Whether it is compressed.
    pub compression: Compression,
}

/// No snapshot.
#[derive(Debug, Error)]
pub enum StreamError<E: Error + 'static> {
    /// The stream did not come to its end.
    #[error(transparent)]
    Source(E),
    /// restic has another size than was given to it.
    #[error("restic stored {stored} bytes of {given}: run this again; if it happens again, check the repository")]
    Size {
        /// What it says.
        stored: u64,
        /// What it was given.
        given: u64,
    },
    /// restic failed.
    #[error(transparent)]
    Snapshot(#[from] BackupError),
}

impl<E: Error + 'static> From<Failure> for StreamError<E> {
    fn from(failure: Failure) -> Self {
        Self::Snapshot(failure.into())
    }
}

impl Restic {
    /// Makes a snapshot of what is written. Whoever writes says, by not failing, that it is whole.
    pub fn backup_stream<T, E: Error + 'static>(
        &self,
        repository: &Repository,
        stream: &Stream<'_>,
        fill: impl FnOnce(&mut dyn Write, &mut dyn Observer) -> Result<T, E>,
        observer: &mut dyn Observer,
    ) -> Result<(Snapshotted, T), StreamError<E>> {
        let compression = stream.compression.as_str();
        let mut arguments = arguments(["backup", "--json", "--compression", compression, "--host", stream.host]);
        arguments.extend(["--tag".into(), stream.tags.into()]);
        arguments.extend(["--stdin".into(), "--stdin-filename".into(), stream.name.into()]);
        let mut invocation = self.invocation(repository, arguments, None)?;
        // Nobody reads its progress while it is fed.
        invocation.environment.push(("RESTIC_PROGRESS_FPS".into(), "0.01".into()));
        let mut fed = run::feed(invocation).map_err(|error| of_run(error, self.program()))?;
        let filled = match fill(&mut fed, observer) {
            Ok(filled) => filled,
            // If restic is the cause, its own words say more than that it no longer listens.
            Err(error) => {
                return Err(match fed.ended_by_itself() {
                    Some(ended) => self
                        .snapshotted(repository, Heard::default(), &ended)
                        .err()
                        .map_or(StreamError::Source(error), StreamError::Snapshot),
                    None => StreamError::Source(error),
                });
            }
        };
        let given = fed.written();
        let (answer, ended) = fed.finish(observer).map_err(|error| of_run(error, self.program()))?;
        let (mut lines, mut heard) = (Lines::default(), Heard::default());
        lines.push(&answer, |line| heard.line(line, observer));
        lines.finish(|line| heard.line(line, observer));
        let made = self.snapshotted(repository, heard, &ended)?;
        if made.bytes != given {
            return Err(StreamError::Size { stored: made.bytes, given });
        }
        Ok((made, filled))
    }
}
