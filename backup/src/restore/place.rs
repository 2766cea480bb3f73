//! Brings one file to its place in the vault, of one object or of several: hashed on its way, whole or not at all,
//! readable by its owner only.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use coffre_core::crypto::Scope;
use coffre_core::spool::{Fault, Needed};

use super::RestoreError;
use super::directory::Directory;
use super::plan::PlannedFile;
use crate::content::{self, Checked, ContentError, Meter};
use crate::destination::{Source, SourceError};
use crate::durable;
use crate::inventory::fault_of;
use crate::regular;
use crate::sources::is_there;

/// Whether the file is in place with the right bytes. One with wrong bytes is removed.
pub(super) fn is_placed(
    directory: &Directory,
    file: &PlannedFile,
    meter: &mut Meter<'_>,
) -> Result<bool, RestoreError> {
    let path = directory.root().join(&file.target);
    let failed = |source| RestoreError::Io { path: path.display().to_string(), source };
    let there = match regular::open(&path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let before = meter.done();
    match check(&there, file, meter) {
        Ok(()) => return Ok(true),
        Err(error) => match ContentError::within(&error) {
            Some(ContentError::Cancelled(cancelled)) => return Err(cancelled.into()),
            Some(_) => {}
            None => return Err(failed(error)),
        },
    }
    // Cut off by a power failure: it is fetched again.
    meter.set_done(before);
    fs::remove_file(&path).map_err(failed)?;
    Ok(false)
}

/// Holds a file against the objects that it is made of, one after the other.
fn check(there: &File, file: &PlannedFile, meter: &mut Meter<'_>) -> io::Result<()> {
    let (found, expected) = (there.metadata()?.len(), file.size());
    if found != expected {
        return Err(io::Error::other(ContentError::Size { expected, found }));
    }
    file.objects.iter().try_for_each(|object| content::check(Box::new(there.take(object.size)), object.into(), meter))
}

/// Fetches what a file is made of and puts it in its place. Not durable yet: that is made sure of at the end, and
/// what an earlier run left is hashed again.
pub(super) fn place(
    directory: &Directory,
    source: &dyn Source,
    scope: &Scope,
    file: &PlannedFile,
    meter: &mut Meter<'_>,
) -> Result<(), Placing> {
    let target = directory.root().join(&file.target);
    if let Some(parent) = target.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(Placing::Write)?;
    }
    if let [object] = file.objects.as_slice()
        && let Some(staged) = source.staged(&object.name.path(scope)).filter(|_| !file.copied)
    {
        let reader = regular::open(&staged).map_err(Placing::Write)?;
        let checked = content::check(Box::new(reader), object.into(), meter);
        checked.map_err(|error| of_content(&error, &object.name.path(scope)))?;
        if adopt(&staged, &target).map_err(Placing::Write)? {
            return Ok(());
        }
    }
    let temporary = directory.incoming().join("file");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Placing::Write(error)),
        _ => {}
    }
    let mut whole = durable::create_new(&temporary, 0o600).map_err(Placing::Write)?;
    for object in &file.objects {
        append(&mut whole, source, scope, object, meter)?;
        if let Some(staged) = source.staged(&object.name.path(scope)).filter(|_| !file.copied) {
            // It would take its room twice.
            discard(&staged).map_err(Placing::Write)?;
        }
    }
    fs::rename(&temporary, &target).map_err(Placing::Write)
}

/// Adds an object to the end of a file, proven.
fn append(
    file: &mut File,
    source: &dyn Source,
    scope: &Scope,
    object: &Needed,
    meter: &mut Meter<'_>,
) -> Result<(), Placing> {
    let (path, before) = (object.name.path(scope), meter.done());
    let end = file.stream_position().map_err(Placing::Write)?;
    match copy(file, source, object, &path, meter) {
        // Perhaps it was the connection alone, and there is another one by now: a restore is long.
        Err(Placing::Fault(Fault::Unreadable { .. })) if is_there(source, &path).map_err(Placing::Source)? => {
            meter.set_done(before);
            file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(Placing::Write)?;
            copy(file, source, object, &path, meter)
        }
        copied => copied,
    }
}

/// A file that did not get to its place.
pub(super) enum Placing {
    /// The content is not the right one, or could not be read.
    Fault(Fault),
    /// The place it comes from cannot be read.
    Source(SourceError),
    /// The place it goes to cannot be written.
    Write(io::Error),
    /// The observer asked to stop.
    Cancelled(crate::observer::Cancelled),
}

fn of_content(error: &io::Error, object: &str) -> Placing {
    match ContentError::within(error) {
        Some(ContentError::Cancelled(cancelled)) => Placing::Cancelled(cancelled),
        _ => Placing::Fault(fault_of(error, object)),
    }
}

fn copy(
    file: &mut File,
    source: &dyn Source,
    object: &Needed,
    path: &str,
    meter: &mut Meter<'_>,
) -> Result<(), Placing> {
    let reader = source.open(path, None).map_err(Placing::Source)?;
    let mut content = Checked::new(reader, object.into(), meter);
    let mut piece = vec![0; 256 * 1024];
    loop {
        match content.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => file.write_all(piece.get(..read).unwrap_or_default()).map_err(Placing::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(of_content(&error, path)),
        }
    }
}

/// Whether a staged file is ours to move.
fn is_ours(staged: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = staged.symlink_metadata()?;
    let own = rustix::process::geteuid().as_raw();
    Ok(metadata.uid() == own && metadata.nlink() == 1)
}

/// Removes a staged file that was copied, if it is ours.
fn discard(staged: &Path) -> io::Result<()> {
    if is_ours(staged)? { fs::remove_file(staged) } else { Ok(()) }
}

/// Moves a staged file to its place, if it is on the same disk and ours to move.
fn adopt(staged: &Path, target: &Path) -> io::Result<bool> {
    if !is_ours(staged)? {
        return Ok(false);
    }
    fs::set_permissions(staged, Permissions::from_mode(0o600))?;
    match fs::rename(staged, target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error),
    }
}
