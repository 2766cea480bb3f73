//! Makes a snapshot of a source, and remembers how that went.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use age::x25519::Recipient;
use coffre_core::crypto::hex;
use coffre_core::ids::Environment;
use coffre_core::time::Timestamp;

use super::content::Contents;
use super::error::{ReadError, SourceRunError};
use super::state::{Good, SourcesState};
use super::{Kind, OtherSource, TAG, directory, host, run, sqlite};
use crate::ending::Ends as _;
use crate::lock::Lock;
use crate::observer::{Observer, Progress, Stage};
use crate::restic::{Compression, ForgetError, Forgotten, INIT_LOCK, Repository, Restic, Selection, Stream};
use crate::state::{Failed, StateError};

/// Where sources go to.
pub struct Job<'a> {
    /// The folder of the locks and of what is remembered.
    pub memory: &'a Path,
    /// The environment that the sources belong to.
    pub environment: &'a Environment,
    /// The repository.
    pub repository: &'a Repository,
    /// The restic program; the one in PATH if none.
    pub restic: Option<&'a Path>,
    /// Whom sensitive sources are encrypted to (`age1…`).
    pub recipient: Option<&'a str>,
    /// Whether a repository that is not there is created.
    pub init: bool,
}

/// A source that was backed up well.
#[derive(Debug)]
pub struct Done {
    /// What is remembered of it.
    pub good: Good,
    /// What it held.
    pub contents: Contents,
}

/// Backs up one source. One run of it at a time; others are not kept waiting.
pub fn back_up(
    job: &Job<'_>,
    source: &OtherSource,
    clock: &dyn Fn() -> Timestamp,
    observer: &mut dyn Observer,
) -> Result<Done, SourceRunError> {
    let _lock = Lock::file(&job.memory.join(format!("source-{}.lock", source.name)))?;
    let (mark, name) = (mark(job.memory)?, &source.name);
    // That nothing can be remembered is told at its end.
    let unfinished = SourcesState::change(job.memory, name, |state| state.begin(&mark)).unwrap_or_default();
    let result = snapshot(job, source, &mark, clock, observer);
    let time = clock();
    let failed = |error: &SourceRunError| Failed { time, cause: error.to_string(), code: error.ending().code() };
    let note = result.as_ref().map(|done| done.good.clone()).map_err(failed);
    let remembered = SourcesState::change(job.memory, name, |state| {
        if matches!(result, Ok(_) | Err(SourceRunError::Lacking { .. })) {
            state.finish(&mark);
        }
        state.note(note);
    });
    // Durable: that it is good.
    if let (Ok(done), Ok(())) = (&result, &remembered)
        && !unfinished.is_empty()
    {
        sweep(job, source, &unfinished, &done.good, observer);
    }
    match remembered {
        Ok(()) => result,
        Err(error) => result.and(Err(error.into())),
    }
}

/// What tells the snapshot of one run from those of all others: another tag.
fn mark(memory: &Path) -> Result<String, StateError> {
    let mut random = [0; 8];
    let failed = |error: getrandom::Error| io::Error::other(error.to_string());
    getrandom::fill(&mut random).map_err(|error| StateError::Io { path: memory.to_owned(), source: failed(error) })?;
    Ok(format!("coffre-run-{}", hex(&random)))
}

/// Removes what runs left that did not come to their end: restic takes the end of whoever feeds it for the end of the
/// file. Only once there is a whole one that is newer. What cannot be removed fails nothing.
fn sweep(job: &Job<'_>, source: &OtherSource, unfinished: &[String], good: &Good, observer: &mut dyn Observer) {
    let removed = remove_halves(job, source, unfinished, good, observer);
    let looked_at = match removed {
        // On an append-only repository they stay.
        Ok(()) | Err(ForgetError::NotRemoved { .. }) => SourcesState::change(job.memory, &source.name, |state| {
            for mark in unfinished {
                state.finish(mark);
            }
        }),
        Err(error) => {
            tracing::warn!(source = %source.name, %error, "what runs left that were cut off is removed after the next one");
            return;
        }
    };
    if let Err(error) = looked_at {
        tracing::warn!(source = %source.name, %error, "what runs left that were cut off is looked for again");
    }
}

fn remove_halves(
    job: &Job<'_>,
    source: &OtherSource,
    unfinished: &[String],
    good: &Good,
    observer: &mut dyn Observer,
) -> Result<(), ForgetError> {
    let restic = Restic::find(job.restic)?;
    let halves = Selection { hosts: vec![host(job.environment, &source.name)], tags: unfinished.to_vec() };
    let mut removed = restic.select(job.repository, &halves, observer)?;
    removed.retain(|snapshot| !snapshot.is_or_copies(&good.snapshot));
    if removed.is_empty() {
        return Ok(());
    }
    restic.forget(job.repository, &halves, &Forgotten { kept: Vec::new(), removed }, observer)
}

fn snapshot(
    job: &Job<'_>,
    source: &OtherSource,
    mark: &str,
    clock: &dyn Fn() -> Timestamp,
    observer: &mut dyn Observer,
) -> Result<Done, SourceRunError> {
    let recipient = recipient(job, source)?;
    let restic = Restic::find(job.restic)?;
    if job.init && !restic.is_there(job.repository, observer)? {
        let lock = Lock::wait(&job.memory.join(INIT_LOCK))?;
        restic.init_if_absent(job.repository, None, &lock, observer)?;
    }
    restic.remove_left(job.repository, clock(), observer)?;
    let began = clock();
    observer.progress(Progress { stage: Stage::Reading, done: 0, total: 0 });
    let (name, host) = (source.object(), host(job.environment, &source.name));
    let compression = if source.sensitive { Compression::Off } else { Compression::Auto };
    let tags = format!("{TAG},{mark}");
    let stream = Stream { name: &name, host: &host, tags: &tags, compression };
    let fill = |out: &mut dyn Write, observer: &mut dyn Observer| match &recipient {
        Some(recipient) => sealed(source, recipient, out, observer),
        None => read(source, out, observer),
    };
    let (made, contents) = restic.backup_stream(job.repository, &stream, fill, observer)?;
    let lacking = contents.lacking();
    if lacking > 0 {
        return Err(SourceRunError::Lacking { lacking, snapshot: made.id, contents });
    }
    let seconds = (clock().as_seconds() - began.as_seconds()).max(0);
    let good = Good { time: began, snapshot: made.id, bytes: contents.bytes, added: made.added, seconds };
    Ok(Done { good, contents })
}

fn recipient(job: &Job<'_>, source: &OtherSource) -> Result<Option<Recipient>, SourceRunError> {
    if !source.sensitive {
        return Ok(None);
    }
    let recipient = job.recipient.ok_or(SourceRunError::NoRecipient)?;
    Ok(Some(recipient.parse().map_err(|_| ReadError::Recipient)?))
}

/// Reads a source into age. What fails leaves it without its end, so that it opens for nobody.
fn sealed(
    source: &OtherSource,
    recipient: &Recipient,
    out: &mut dyn Write,
    observer: &mut dyn Observer,
) -> Result<Contents, ReadError> {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|_| ReadError::Recipient)?;
    let mut sealing = encryptor.wrap_output(out).map_err(ReadError::Sink)?;
    let contents = read(source, &mut sealing, observer)?;
    sealing.finish().map_err(ReadError::Sink)?;
    Ok(contents)
}

fn read(source: &OtherSource, out: &mut dyn Write, observer: &mut dyn Observer) -> Result<Contents, ReadError> {
    match &source.kind {
        Kind::Sqlite { database, scratch } => sqlite::read(&source.name, database, scratch, out, observer),
        Kind::Directory { folder } => directory::read(folder, out, observer),
        Kind::Command { command } => output_of(command, out, observer),
    }
}

/// What a command writes, if it succeeds.
fn output_of(command: &[String], out: &mut dyn Write, observer: &mut dyn Observer) -> Result<Contents, ReadError> {
    let arguments: Vec<OsString> = command.iter().map(OsString::from).collect();
    let mut bytes = 0;
    let mut each = |piece: &[u8]| {
        bytes += piece.len() as u64;
        out.write_all(piece).map_err(ReadError::Sink)
    };
    run::pour(&arguments, &mut each, observer)?;
    if bytes == 0 {
        return Err(ReadError::Empty { program: command.first().cloned().unwrap_or_default() });
    }
    Ok(Contents { bytes, files: 1, troubles: Vec::new() })
}
