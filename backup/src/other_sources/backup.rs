//! Makes a snapshot of a source, and remembers how that went.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use age::x25519::Recipient;
use coffre_core::ids::Environment;
use coffre_core::time::Timestamp;

use super::content::Contents;
use super::error::{ReadError, SourceRunError};
use super::state::{Good, SourcesState};
use super::{Kind, OtherSource, TAG, directory, host, run, sqlite};
use crate::ending::Ends as _;
use crate::lock::Lock;
use crate::observer::{Observer, Progress, Stage};
use crate::restic::{Compression, Repository, Restic, Stream};
use crate::state::Failed;

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
    let result = snapshot(job, source, clock, observer);
    let time = clock();
    let failed = |error: &SourceRunError| Failed { time, cause: error.to_string(), code: error.ending().code() };
    let note = result.as_ref().map(|done| done.good.clone()).map_err(failed);
    // Runs of other sources write the same file.
    let _memory = Lock::wait(&job.memory.join("sources.lock"))?;
    let mut state = SourcesState::load(job.memory)?;
    state.note(&source.name, note);
    match state.save(job.memory) {
        Ok(()) => result,
        Err(error) => result.and(Err(error.into())),
    }
}

fn snapshot(
    job: &Job<'_>,
    source: &OtherSource,
    clock: &dyn Fn() -> Timestamp,
    observer: &mut dyn Observer,
) -> Result<Done, SourceRunError> {
    let recipient = recipient(job, source)?;
    let restic = Restic::find(job.restic)?;
    if job.init && !restic.is_there(job.repository, observer)? {
        restic.init(job.repository, observer)?;
    }
    let began = clock();
    observer.progress(Progress { stage: Stage::Reading, done: 0, total: 0 });
    let (name, host) = (source.object(), host(job.environment, &source.name));
    let compression = if source.sensitive { Compression::Off } else { Compression::Auto };
    let stream = Stream { name: &name, host: &host, tag: TAG, compression };
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
