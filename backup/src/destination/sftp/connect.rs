//! A session with an SSH server whose key is known beforehand, opened with a private key. Nothing is asked of a person,
//! and a host that is not in the file is never believed.

use std::fs;
use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh2::{CheckResult, ErrorCode, KnownHostFileKind, MethodType, Session, Sftp};
use thiserror::Error;

use crate::secret_file;

/// Which server, and how it is known.
#[derive(Debug, Clone)]
pub struct SftpSettings {
    /// The host.
    pub host: String,
    /// Its port; SSH's own is 22.
    pub port: u16,
    /// The account there.
    pub user: String,
    /// The folder there that holds the objects. It must exist.
    pub folder: PathBuf,
    /// The file with our private key, without a passphrase.
    pub private_key: PathBuf,
    /// The file with the host's keys, as OpenSSH keeps them.
    pub known_hosts: PathBuf,
}

/// A server that cannot be used.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(io::Error),
    /// The host, or we, are not who we should be.
    #[error("{0}")]
    Refused(String),
}

const CONNECT: Duration = Duration::from_secs(10);
/// No answer for this long is none.
const ANSWER: Duration = Duration::from_mins(1);

/// What libssh2 says of a key that opens nothing (libssh2.h): a file that holds none, no method for it, an account that does
/// not know it, a signature that is refused, a key or an account of no form, one with a passphrase, one of an unknown kind.
/// Whatever else a login fails of, as of a connection that is gone or of no memory, says nothing of the key.
const REFUSED: [ErrorCode; 8] = [
    ErrorCode::Session(-16),
    ErrorCode::Session(-17),
    ErrorCode::Session(-18),
    ErrorCode::Session(-19),
    ErrorCode::Session(-34),
    ErrorCode::Session(-41),
    ErrorCode::Session(-48),
    ErrorCode::Session(-51),
];
/// How its words begin where no answer came; its code is then that of a signature that is refused.
const NO_ANSWER: &str = "Waiting for";

/// Connects and logs in.
pub(super) fn connect(settings: &SftpSettings) -> Result<Sftp, ConnectError> {
    let known = known_hosts(settings)?;
    check_key_file(settings)?;
    let mut session = Session::new().map_err(broken)?;
    session.set_timeout(u32::try_from(ANSWER.as_millis()).unwrap_or(u32::MAX));
    session.set_tcp_stream(dial(settings).map_err(ConnectError::Unreachable)?);
    prefer_known_kinds(&session, &known)?;
    session.handshake().map_err(broken)?;
    check_host(&session, settings, &known)?;
    let SftpSettings { user, private_key, .. } = settings;
    session.userauth_pubkey_file(user, None, private_key, None).map_err(|error| {
        if !is_refused(&error) {
            return broken(error);
        }
        let key = private_key.display();
        ConnectError::Refused(format!("the key {key} does not open the account {user}: {}", error.message()))
    })?;
    session.sftp().map_err(broken)
}

fn dial(settings: &SftpSettings) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (settings.host.as_str(), settings.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn broken(error: ssh2::Error) -> ConnectError {
    ConnectError::Unreachable(error.into())
}

/// Whether a login failed of the key or the account: it will fail again.
fn is_refused(error: &ssh2::Error) -> bool {
    REFUSED.contains(&error.code()) && !error.message().starts_with(NO_ANSWER)
}

/// A file of ours that cannot be read. A person must put that right, unless the system has run out of something for now.
fn unreadable(what: &str, path: &Path, error: &io::Error) -> ConnectError {
    use io::ErrorKind::{InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    let cause = format!("{what}, {}, cannot be read: {error}", path.display());
    match error.kind() {
        InvalidData | InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied => {
            ConnectError::Refused(cause)
        }
        kind => ConnectError::Unreachable(io::Error::new(kind, cause)),
    }
}

fn known_hosts(settings: &SftpSettings) -> Result<String, ConnectError> {
    let path = &settings.known_hosts;
    fs::read_to_string(path).map_err(|error| unreadable("the file with the host's keys", path, &error))
}

/// As `ssh` does: a key that others can read is nobody's.
fn check_key_file(settings: &SftpSettings) -> Result<(), ConnectError> {
    let path = settings.private_key.display();
    match fs::metadata(&settings.private_key) {
        Ok(metadata) if !secret_file::is_open(&metadata) => Ok(()),
        Ok(_) => Err(ConnectError::Refused(format!("the private key {path} can be read by others: chmod 600 {path}"))),
        Err(error) => Err(unreadable("the private key", &settings.private_key, &error)),
    }
}

/// A server may have keys of several kinds; ask for one that the file holds.
fn prefer_known_kinds(session: &Session, known: &str) -> Result<(), ConnectError> {
    let lines = known.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut kinds: Vec<&str> = lines.filter_map(|line| line.split_whitespace().nth(1)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let offered = session.supported_algs(MethodType::HostKey).map_err(broken)?;
    // An RSA key is asked for by the hash of its signatures.
    let is_known = |algorithm: &str| {
        kinds.contains(&algorithm) || (algorithm.starts_with("rsa-sha2") && kinds.contains(&"ssh-rsa"))
    };
    let preferred: Vec<&str> = offered.into_iter().filter(|algorithm| is_known(algorithm)).collect();
    if preferred.is_empty() {
        return Ok(());
    }
    session.method_pref(MethodType::HostKey, &preferred.join(",")).map_err(broken)
}

fn check_host(session: &Session, settings: &SftpSettings, known: &str) -> Result<(), ConnectError> {
    let SftpSettings { host, port, known_hosts, .. } = settings;
    let mut list = session.known_hosts().map_err(broken)?;
    for line in known.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        // A line that this library cannot read vouches for nobody.
        drop(list.read_str(&format!("{line}\n"), KnownHostFileKind::OpenSSH));
    }
    let (key, _) = session.host_key().ok_or_else(|| ConnectError::Refused("the host shows no key".to_owned()))?;
    let file = known_hosts.display();
    match list.check_port(host, *port, key) {
        CheckResult::Match => Ok(()),
        CheckResult::Mismatch => Err(ConnectError::Refused(format!(
            "the host's key is not the one in {file}: it was changed, or somebody stands in between; ask whoever runs it"
        ))),
        CheckResult::NotFound | CheckResult::Failure => Err(ConnectError::Refused(format!(
            "{file} has no key of this host: add it with `ssh-keyscan -p {port} {host}`, after comparing its fingerprint"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_gets_no_answer_says_nothing_of_the_key() {
        let refused = |code, said| is_refused(&ssh2::Error::new(ErrorCode::Session(code), said));
        assert!(!refused(-43, "Error waiting for an answer") && !refused(-19, "Waiting for USERAUTH response"));
        assert!(!refused(-19, "Waiting for publickey USERAUTH response"));
        assert!(!refused(-6, "Unable to allocate memory for userauth-publickey signed data"));
        assert!(!refused(-14, "Unexpected packet type"));
        assert!(refused(-18, "Username/PublicKey combination invalid"));
        assert!(refused(-19, "Invalid signature for supplied public key, or bad username/public key combination"));
        assert!(refused(-16, "Unable to extract public key from private key file"));
    }

    #[test]
    fn a_file_that_cannot_be_read_for_now_is_not_a_wrong_one() {
        let of = |error: io::Error| unreadable("it", Path::new("x"), &error);
        let is_refused = |error| matches!(of(error), ConnectError::Refused(_));
        assert!(is_refused(io::ErrorKind::NotFound.into()) && is_refused(io::ErrorKind::PermissionDenied.into()));
        // No more files can be opened; the disk fails.
        assert!(![24, 5].map(io::Error::from_raw_os_error).into_iter().any(is_refused));
    }
}
