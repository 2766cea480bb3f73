//! Unix sockets: made with their permissions in place, removed at the end, their visitors known by
//! the operating system's word.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use tokio::net::unix::UCred;

use super::door::Door;
use super::error::SocketError;
use crate::http::Peer;
use crate::options::BackupSocket;

/// A socket's address holds 108 bytes; a few are for the name it is made under.
const LONGEST: usize = 100;
/// The superuser can do as it likes anyway.
const ROOT: u32 = 0;

/// Who may use a socket.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    accounts: Vec<u32>,
    groups: Vec<u32>,
}

impl Admission {
    /// Who somebody is, and whether they may.
    pub(super) fn of(&self, credentials: &UCred) -> Peer {
        let allowed = self.accounts.contains(&credentials.uid()) || self.groups.contains(&credentials.gid());
        Peer { account: credentials.uid(), allowed }
    }
}

/// The socket for the vault's own user.
pub(super) fn control(path: &Path) -> Result<Door, SocketError> {
    bind(path, 0o600, Vec::new(), Vec::new())
}

/// The socket for the backup account.
pub(super) fn backup(socket: &BackupSocket) -> Result<Door, SocketError> {
    bind(&socket.path, 0o660, socket.accounts.clone(), socket.groups.clone())
}

fn bind(path: &Path, mode: u32, mut accounts: Vec<u32>, groups: Vec<u32>) -> Result<Door, SocketError> {
    let failed = |source| SocketError::Make { path: path.to_owned(), source };
    if path.as_os_str().len() > LONGEST {
        return Err(SocketError::TooLong { path: path.to_owned() });
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    check_free(path)?;
    // Made under another name, so that nobody finds it before its permissions are right.
    let fresh = path.with_extension("new");
    remove(&fresh).map_err(failed)?;
    let listener = UnixListener::bind(&fresh).map_err(failed)?;
    let placed = fs::set_permissions(&fresh, Permissions::from_mode(mode)).and_then(|()| fs::rename(&fresh, path));
    if let Err(source) = placed {
        let _left_over = remove(&fresh);
        return Err(failed(source));
    }
    let file = SocketFile::new(path).map_err(failed)?;
    accounts.extend([file.owner, ROOT]);
    Ok(Door::Unix { listener, admission: Admission { accounts, groups }, _file: file })
}

/// A socket on which nobody answers is what a killed server left.
fn check_free(path: &Path) -> Result<(), SocketError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SocketError::Make { path: path.to_owned(), source }),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A socket's name, removed when the door is closed; another one's that took its place is not.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
    owner: u32,
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let made = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), inode: made.ino(), owner: made.uid() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _already_gone = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_socket_is_private_and_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/control.sock");
        let door = control(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("run")).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(control(&path), Err(SocketError::InUse { .. })));
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_server_left_is_replaced_and_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = BackupSocket { path: path.clone(), accounts: vec![], groups: vec![] };
        let door = backup(&socket).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(door);
        fs::write(&path, "precious").unwrap();
        assert!(matches!(backup(&socket), Err(SocketError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let long = folder.path().join("x".repeat(LONGEST));
        assert!(matches!(control(&long), Err(SocketError::TooLong { .. })));
    }
}
