//! Files that are written once: whole and durable, or not there. A path that was chosen badly is told from a disk that
//! refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::complaint::Complaint;

/// Who may read a file that is no secret: whoever the account's mask lets.
pub(crate) const PUBLIC: u32 = 0o666;

/// Writes a file that was not there; on an error nothing of it is left. Content and name are durable when this returns.
pub(crate) fn write(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    fill(path, mode, |file| file.write_all(bytes))
}

fn fill(path: &Path, mode: u32, content: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written = content(&mut file).and_then(|()| file.sync_all()).and_then(|()| sync_folder_of(path));
    if written.is_err() {
        let _left_over = fs::remove_file(path);
    }
    written
}

/// A bare name stands in the current folder.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Why a file was not written: another path helps where the system says so, and otherwise what it says decides.
pub(crate) fn refused(path: &Path, remedy: &str, error: io::Error) -> anyhow::Error {
    use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    let (kind, cause) = (error.kind(), format!("{} cannot be written", path.display()));
    let error = anyhow::Error::from(error);
    if matches!(kind, AlreadyExists | IsADirectory | NotADirectory | NotFound | PermissionDenied) {
        error.context(Complaint::usage(cause, remedy))
    } else {
        error.context(format!("{cause}; check the disk and the space left, then run this again"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::complaint::two_lines;
    use crate::exit::Exit;

    #[test]
    fn nothing_is_left_of_a_file_that_the_disk_has_no_room_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        let full = fill(&path, PUBLIC, |file| {
            file.write_all(b"half a ")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(!path.exists());
        let told = refused(Path::new("head"), "name another", full.unwrap_err());
        assert_eq!(Exit::of(&told), Exit::Temporary);
        let lines = two_lines(&told);
        assert!(lines.ends_with("\nhelp: check the disk and the space left, then run this again\n"), "{lines}");
        write(&path, 0o600, b"a head").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a head");
    }

    #[test]
    fn a_path_that_was_chosen_badly_is_wrong_usage_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        fs::write(&path, "another").unwrap();
        for path in [&path, &path.join("below"), &folder.path().join("no/folder")] {
            let told = refused(path, "name another", write(path, PUBLIC, b"a head").unwrap_err());
            assert_eq!(Exit::of(&told), Exit::Usage, "{told}");
            assert!(two_lines(&told).ends_with("\nhelp: name another\n"), "{told}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"another");
    }
}
