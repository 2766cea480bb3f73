//! Who may read and write what: files and directories that must be closed to others, or open to this account. Looks at
//! metadata only.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::Access;

use super::finding::Finding;

/// What to do where nothing is.
const MAKE: &str = "correct the path, or make it";

/// The bits of group and others.
const OTHERS: u32 = 0o077;

/// A directory that must exist, be ours, and be closed to everybody else.
pub(super) fn private_directory(subject: &str, path: &Path) -> Finding {
    examine(subject, path, "700", (fs::Metadata::is_dir, "directory"), MAKE)
}

/// A file that holds a secret: it must exist, and be closed to everybody whom it is not for. One that another account
/// keeps, as root does for several, must be open to this one.
pub(super) fn secret_file(subject: &str, path: &Path) -> Finding {
    let is_kept =
        |found: &fs::Metadata| found.is_file() && !is_ours(found) && !coffre_backup::secret_file::is_open(found);
    if fs::symlink_metadata(path).is_ok_and(|found| is_kept(&found)) {
        return allowed(subject, path, Access::READ_OK, "read");
    }
    examine(subject, path, "600", (fs::Metadata::is_file, "file"), MAKE)
}

/// A file without which there is no vault: there, ours, and closed to everybody else.
pub(super) fn vault_file(subject: &str, path: &Path) -> Finding {
    let restore = "put it back, or restore the vault from a backup with `coffre restore`";
    examine(subject, path, "600", (fs::Metadata::is_file, "file"), restore)
}

/// A directory that must exist and that this account can read.
pub(super) fn readable_directory(subject: &str, path: &Path) -> Finding {
    accessible(subject, path, Access::READ_OK | Access::EXEC_OK, "read")
}

/// A directory that must exist and that this account can write.
pub(super) fn writable_directory(subject: &str, path: &Path) -> Finding {
    accessible(subject, path, Access::WRITE_OK | Access::EXEC_OK, "written")
}

/// A file that must exist and that this account can read.
pub(super) fn readable_file(subject: &str, path: &Path) -> Finding {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Finding::bad(subject, format!("{} is not a file", path.display()), "name a file in the configuration")
        }
        Ok(_) => allowed(subject, path, Access::READ_OK, "read"),
        Err(error) => unreachable(subject, path, &error, MAKE),
    }
}

fn accessible(subject: &str, path: &Path, access: Access, what: &str) -> Finding {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            let detail = format!("{} is not a directory", path.display());
            Finding::bad(subject, detail, "name a directory in the configuration")
        }
        Ok(_) => allowed(subject, path, access, what),
        Err(error) => unreachable(subject, path, &error, MAKE),
    }
}

fn allowed(subject: &str, path: &Path, access: Access, what: &str) -> Finding {
    let shown = path.display();
    match rustix::fs::access(path, access) {
        Ok(()) => Finding::good(subject, shown.to_string()),
        Err(error) => Finding::bad(
            subject,
            format!("{shown} cannot be {what} by this account ({})", io::Error::from(error)),
            format!("give this account access to {shown}, or run as the account that has it"),
        ),
    }
}

fn is_ours(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

fn examine(
    subject: &str,
    path: &Path,
    mode: &str,
    (is_right, kind): (fn(&fs::Metadata) -> bool, &str),
    missing: &str,
) -> Finding {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(metadata) if !is_right(&metadata) => {
            Finding::bad(subject, format!("{shown} is not a {kind}"), format!("put a {kind} there, not a link"))
        }
        Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => Finding::bad(
            subject,
            format!("{shown} is open to other accounts (mode {:03o})", metadata.permissions().mode() & 0o777),
            format!("run `chmod {mode} {shown}`"),
        ),
        Ok(metadata) if !is_ours(&metadata) => Finding::warning(
            subject,
            format!("{shown} belongs to user {}", metadata.uid()),
            "run coffre as that user, or give it the files with chown",
        ),
        Ok(_) => Finding::good(subject, shown.to_string()),
        Err(error) => unreachable(subject, path, &error, missing),
    }
}

fn unreachable(subject: &str, path: &Path, error: &io::Error, missing: &str) -> Finding {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => missing,
        io::ErrorKind::PermissionDenied => "run as the account that may see it",
        _ => "look at the disk and the system log",
    };
    Finding::bad(subject, format!("{} cannot be examined ({error})", path.display()), remedy)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_bad_and_says_how_to_close_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let finding = secret_file("password", &path);
        assert_eq!(finding.state, State::Bad);
        assert_eq!(finding.remedy.unwrap(), format!("run `chmod 600 {}`", path.display()));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret_file("password", &path).state, State::Good);
        assert_eq!(private_directory("password", &path).state, State::Bad, "a file is no directory");
        assert_eq!(secret_file("password", &folder.path().join("absent")).state, State::Bad);
    }
}
