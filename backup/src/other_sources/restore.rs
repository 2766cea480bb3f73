//! Brings a source back from its snapshot: out of restic, out of age where it is encrypted, into a new folder.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use coffre_core::ids::Environment;

use super::choice::{Chosen, Which, choose};
use super::error::SourceRestoreError;
use super::{FILES, SEALED, TAG, host};
use crate::observer::{Observer, Progress, Stage};
use crate::restic::messages::{Node, Snapshot};
use crate::restic::{Repository, Restic};

/// Where files stand until all of them are there.
const INCOMING: &str = ".coffre-incoming";

/// A source that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The snapshot.
    pub snapshot: String,
    /// When it was made.
    pub time: String,
    /// What is known of it.
    pub chosen: Chosen,
    /// Bytes that were written.
    pub bytes: u64,
}

/// Brings a source back from one of its snapshots. The folder must be new or empty; it gets the files when all of them
/// are there.
#[expect(clippy::too_many_arguments, reason = "each is named by the command line")]
pub fn restore(
    restic: &Restic,
    repository: &Repository,
    environment: &Environment,
    source: &str,
    which: Which<'_>,
    identity: Option<&(dyn age::Identity + Sync)>,
    to: &Path,
    observer: &mut dyn Observer,
) -> Result<Restored, SourceRestoreError> {
    observer.progress(Progress { stage: Stage::Fetching, done: 0, total: 0 });
    let (snapshot, chosen, object) = find(restic, repository, &host(environment, source), source, which, observer)?;
    if object.path.ends_with(SEALED) && identity.is_none() {
        return Err(SourceRestoreError::NoIdentity);
    }
    let incoming = prepare(to)?;
    let bytes = fetch(restic, repository, &snapshot.id, &object, identity, &incoming, observer).and_then(|bytes| {
        give_names(&incoming, to).map_err(|source| SourceRestoreError::Write { path: to.to_owned(), source })?;
        Ok(bytes)
    });
    if bytes.is_err() {
        // Half of it is nothing.
        drop(fs::remove_dir_all(&incoming));
    }
    Ok(Restored { bytes: bytes?, time: snapshot.time, snapshot: snapshot.id, chosen })
}

/// The snapshot, what is known of it, and the one file in it.
fn find(
    restic: &Restic,
    repository: &Repository,
    host: &str,
    source: &str,
    which: Which<'_>,
    observer: &mut dyn Observer,
) -> Result<(Snapshot, Chosen, Node), SourceRestoreError> {
    let none = || SourceRestoreError::None { repository: repository.label(), source_name: source.to_owned() };
    let list = restic.snapshots(repository, host, TAG, observer)?;
    let (found, chosen) = choose(list, which).ok_or_else(none)?;
    let mut file = None;
    let mut each = |node: Node| {
        if node.kind == "file" {
            file = Some(node);
        }
    };
    restic.list(repository, &found.id, &mut each, observer)?;
    Ok((found, chosen, file.ok_or_else(none)?))
}

fn prepare(to: &Path) -> Result<PathBuf, SourceRestoreError> {
    let failed = |source| SourceRestoreError::Write { path: to.to_owned(), source };
    match fs::read_dir(to) {
        Ok(entries) => {
            if entries.count() > 0 {
                return Err(SourceRestoreError::NotEmpty { path: to.to_owned() });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).recursive(true).create(to).map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let incoming = to.join(INCOMING);
    DirBuilder::new().mode(0o700).create(&incoming).map_err(failed)?;
    Ok(incoming)
}

/// Out of restic in this thread, out of age and into files in another.
fn fetch(
    restic: &Restic,
    repository: &Repository,
    snapshot: &str,
    object: &Node,
    identity: Option<&(dyn age::Identity + Sync)>,
    incoming: &Path,
    observer: &mut dyn Observer,
) -> Result<u64, SourceRestoreError> {
    let (sender, receiver) = sync_channel::<Vec<u8>>(16);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let pieces = Pieces { receiver, piece: Vec::new(), at: 0 };
            let written = open_and_write(pieces, &object.path, identity, incoming);
            stopped.store(true, Ordering::SeqCst);
            written
        });
        let mut watching = Stopping { inner: observer, stopped: &stopped };
        let (mut sender, mut came) = (Some(sender), 0);
        let mut each = |piece: &[u8]| {
            came += piece.len() as u64;
            // Whoever no longer takes them has failed and says why.
            if sender.as_ref().is_some_and(|sender| sender.send(piece.to_vec()).is_err()) {
                sender = None;
            }
        };
        let dumped = restic.dump_to(repository, snapshot, &object.path, &mut each, &mut watching);
        drop(sender);
        let failed = || SourceRestoreError::Write { path: incoming.to_owned(), source: io::ErrorKind::Other.into() };
        let written = writing.join().map_err(|_| failed())?;
        match (dumped, written) {
            // Half of what is not encrypted would pass for all of it.
            (Ok(()), _) if came != object.size => Err(SourceRestoreError::Size { came, stored: object.size }),
            (Ok(()), written) => written,
            // restic was stopped because the other half had failed, unless it failed first and left it half of the bytes.
            (Err(crate::restic::Failure::Cancelled(_)), Err(error)) => Err(error),
            (Err(failure), _) => Err(failure.into()),
        }
    })
}

/// Stops restic when nobody takes its bytes any more.
struct Stopping<'a> {
    inner: &'a mut dyn Observer,
    stopped: &'a AtomicBool,
}

impl Observer for Stopping<'_> {
    fn progress(&mut self, progress: Progress) {
        self.inner.progress(progress);
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled() || self.stopped.load(Ordering::SeqCst)
    }
}

fn open_and_write(
    pieces: Pieces,
    object: &str,
    identity: Option<&(dyn age::Identity + Sync)>,
    incoming: &Path,
) -> Result<u64, SourceRestoreError> {
    let name = object.rsplit('/').next().unwrap_or(object);
    match (name.strip_suffix(SEALED), identity) {
        (None, _) => write(pieces, name, incoming),
        (Some(name), Some(identity)) => {
            let opens = |source| SourceRestoreError::Opens { source };
            let decryptor = age::Decryptor::new_buffered(io::BufReader::new(pieces)).map_err(opens)?;
            let opened = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(opens)?;
            write(opened, name, incoming)
        }
        (Some(_), None) => Err(SourceRestoreError::NoIdentity),
    }
}

fn write(mut content: impl Read, name: &str, incoming: &Path) -> Result<u64, SourceRestoreError> {
    let failed = |source| SourceRestoreError::Write { path: incoming.to_owned(), source };
    if name == FILES {
        let mut counted = Counting { inner: content, bytes: 0 };
        let mut archive = tar::Archive::new(&mut counted);
        archive.set_preserve_permissions(true);
        // The files become those of whoever restores; their programs must not run as that account for everybody.
        archive.set_mask(0o6000);
        archive.set_overwrite(true);
        archive.unpack(incoming).map_err(failed)?;
        // What follows the end of the archive is part of what was encrypted: without it nothing is proven.
        io::copy(&mut counted, &mut io::sink()).map_err(failed)?;
        return Ok(counted.bytes);
    }
    let mut file =
        fs::File::options().write(true).create_new(true).mode(0o600).open(incoming.join(name)).map_err(failed)?;
    let bytes = io::copy(&mut content, &mut file).map_err(failed)?;
    file.flush().and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(bytes)
}

struct Counting<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The pieces that come through a channel, as one stream.
struct Pieces {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.piece.len() {
            let Ok(piece) = self.receiver.recv() else { return Ok(0) };
            (self.piece, self.at) = (piece, 0);
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..read), rest.get(..read)) {
            to.copy_from_slice(from);
        }
        self.at += read;
        Ok(read)
    }
}

fn give_names(incoming: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    fs::remove_dir(incoming)
}
