//! fsync and rename, in one place: a file appears under its name whole or not at all, and what is
//! reported as written survives a power cut.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// A new file that nobody else may have: fails if there is one.
pub(crate) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Makes an entry of a folder durable: its creation, renaming or removal.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a folder and those above it, below a root that exists. Durable when this returns.
pub(crate) fn create_folders(root: &Path, below: &Path, mode: u32) -> io::Result<()> {
    let mut folder = root.to_owned();
    for part in below {
        let parent = folder.clone();
        folder.push(part);
        match DirBuilder::new().mode(mode).create(&folder) {
            Ok(()) => sync_folder(&parent)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives a finished file its name, unless the name is taken. The file and its name are durable when
/// this returns; if it fails, or power is cut, there is either the whole file or none.
pub(crate) fn publish(file: &File, temporary: &Path, target: &Path) -> io::Result<()> {
    file.sync_all()?;
    // Durable: the content, under the temporary name.
    rename_new(temporary, target)?;
    // The content has its name; a power cut may still take the name away.
    sync_folder(target.parent().unwrap_or(Path::new(".")))
    // Durable: the name.
}

/// The same for many files at once, given as temporary and final paths below a folder: one flush of
/// its file system stands in for an fsync of each. Says which file failed; those before it have their names.
pub(crate) fn publish_all<'a>(folder: &Path, files: &'a [(PathBuf, PathBuf)]) -> Result<(), (&'a Path, io::Error)> {
    let Some((_, first)) = files.first() else { return Ok(()) };
    let flushed = File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
    flushed.map_err(|error| (first.as_path(), error))?;
    // Durable: the contents, under their temporary names.
    let mut folders = BTreeMap::new();
    for (temporary, target) in files {
        rename_new(temporary, target).map_err(|error| (target.as_path(), error))?;
        folders.insert(target.parent().unwrap_or(Path::new(".")), target.as_path());
    }
    for (folder, target) in folders {
        sync_folder(folder).map_err(|error| (target, error))?;
    }
    // Durable: the names.
    Ok(())
}

/// Replaces a small file, or creates it.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    // Left over from an interruption: it never got its name.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_new(&temporary, mode)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Durable: the new content, under the temporary name; the old content under its own.
    fs::rename(&temporary, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
    // Durable: the new content under its own name.
}

/// Renames, and never replaces anything.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // NFS and some others cannot refuse to replace. The lock of a run leaves one writer, so looking first is enough.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn publishing_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, target) = (folder.path().join("t"), folder.path().join("object"));
        let publish_text = |text: &str| {
            let mut file = create_new(&temporary, 0o600)?;
            file.write_all(text.as_bytes())?;
            publish(&file, &temporary, &target)
        };
        publish_text("first").unwrap();
        assert_eq!(publish_text("second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"first");
    }

    #[test]
    fn publishing_many_names_the_one_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files: Vec<_> = ["a", "b", "c"].map(|name| (path(&format!("{name}.new")), path(name))).into();
        for (temporary, _) in &files {
            fs::write(temporary, "new").unwrap();
        }
        fs::write(path("b"), "old").unwrap();
        let (taken, error) = publish_all(folder.path(), &files).unwrap_err();
        assert_eq!((taken, error.kind()), (path("b").as_path(), io::ErrorKind::AlreadyExists));
        assert_eq!(["a", "b"].map(|name| fs::read_to_string(path(name)).unwrap()), ["new", "old"]);
        publish_all(folder.path(), &files[2..]).unwrap();
        assert!(path("c").is_file());
        publish_all(folder.path(), &[]).unwrap();
    }

    #[test]
    fn replacing_survives_a_left_over_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(folder.path().join("state.new"), "half").unwrap();
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_created_below_a_root_that_exists_only() {
        let folder = tempfile::tempdir().unwrap();
        create_folders(folder.path(), Path::new("a/b/c"), 0o700).unwrap();
        create_folders(folder.path(), Path::new("a/b/d"), 0o700).unwrap();
        assert!(folder.path().join("a/b/d").is_dir());
        let absent = folder.path().join("not mounted");
        assert!(create_folders(&absent, Path::new("a"), 0o700).is_err());
        assert!(!absent.exists());
    }
}
