//! Brings one object to its place in the vault: hashed on its way, whole or not at all, readable by
//! its owner only.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use coffre_core::spool::Fault;

use super::RestoreError;
use super::directory::Directory;
use super::plan::PlannedFile;
use crate::content::{self, Checked, ContentError, Expected, Meter};
use crate::destination::{Source, SourceError};
use crate::durable;
use crate::inventory::fault_of;
use crate::regular;

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
    match content::check(Box::new(there), expected(file), meter) {
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

/// Fetches an object and puts it in its place. Not durable yet: that is made sure of at the end, and
/// what an earlier run left is hashed again.
pub(super) fn place(
    directory: &Directory,
    source: &dyn Source,
    object: &str,
    file: &PlannedFile,
    meter: &mut Meter<'_>,
) -> Result<(), Placing> {
    let target = directory.root().join(&file.target);
    if let Some(parent) = target.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(Placing::Write)?;
    }
    if let Some(staged) = source.staged(object).filter(|_| !file.copied) {
        let reader = regular::open(&staged).map_err(Placing::Write)?;
        content::check(Box::new(reader), expected(file), meter).map_err(|error| of_content(&error, object))?;
        if adopt(&staged, &target).map_err(Placing::Write)? {
            return Ok(());
        }
    }
    let reader = source.open(object, None).map_err(Placing::Source)?;
    let temporary = directory.incoming().join("file");
    copy(Checked::new(reader, expected(file), meter), &temporary, object)?;
    fs::rename(&temporary, &target).map_err(Placing::Write)
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

fn copy(mut content: Checked<'_, '_, '_>, temporary: &Path, object: &str) -> Result<(), Placing> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Placing::Write(error)),
        _ => {}
    }
    let mut file = durable::create_new(temporary, 0o600).map_err(Placing::Write)?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        match content.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => file.write_all(piece.get(..read).unwrap_or_default()).map_err(Placing::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(of_content(&error, object)),
        }
    }
}

/// Moves a staged file to its place, if it is on the same disk and ours to move.
fn adopt(staged: &Path, target: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = staged.symlink_metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own || metadata.nlink() != 1 {
        return Ok(false);
    }
    fs::set_permissions(staged, Permissions::from_mode(0o600))?;
    match fs::rename(staged, target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error),
    }
}

fn expected(file: &PlannedFile) -> Expected {
    Expected { size: file.object.size, sha256: file.object.sha256 }
}
