//! The files of a vault: whether they are there, closed to others, and of the vault that the configuration pins.
//! It reads no key: of `keys.json` only the part in clear.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

use coffre_core::keyset::KeysFile;
use coffre_store::{Database, Layout};

use super::finding::Finding;
use super::permissions;
use crate::configuration::Configuration;
use crate::place::Place;

/// Examines a vault's directory and everything in it.
pub(super) fn examine(place: &Place) -> Vec<Finding> {
    let layout = Layout::new(&place.directory);
    let mut findings = vec![permissions::private_directory("vault", &place.directory)];
    if !layout.keys().exists() {
        findings.push(Finding::bad(
            "keys",
            format!("{} is not there: this is not a vault", layout.keys().display()),
            "name a vault with --vault, make one with `coffre init`, or restore one with `coffre restore`",
        ));
        return findings;
    }
    findings.push(permissions::secret_file("server identity", &place.identity_file()));
    findings.push(permissions::secret_file("root key for the server", &layout.root_server()));
    findings.push(permissions::secret_file("root key for recovery", &layout.root_recovery()));
    for database in [Database::Vault, Database::Keyring, Database::Audit, Database::Index] {
        findings.push(permissions::secret_file(database.file_name(), &layout.database(database)));
    }
    // The first document makes the folder.
    if layout.documents().exists() {
        findings.push(permissions::private_directory("documents", &layout.documents()));
    }
    findings.push(identity_of(&layout, place.configuration.as_ref()));
    findings
}

/// Whether the vault is the one that the configuration pins.
fn identity_of(layout: &Layout, configuration: Option<&Configuration>) -> Finding {
    let subject = "keys";
    let restore = "restore keys.json from the newest base backup";
    let keys = match fs::read(layout.keys()) {
        Ok(bytes) => KeysFile::from_bytes(&bytes),
        Err(error) => return Finding::bad(subject, format!("keys.json cannot be read ({error})"), restore),
    };
    let Ok(keys) = keys else { return Finding::bad(subject, "keys.json is damaged", restore) };
    let found = format!("environment {}, vault {}", keys.environment, keys.vault);
    match configuration {
        Some(pinned) if pinned.environment != keys.environment || pinned.vault_id != keys.vault => Finding::bad(
            subject,
            format!("{found}, but the configuration is of {}, vault {}", pinned.environment, pinned.vault_id),
            "use the configuration made for this vault: nothing of one environment opens in another",
        ),
        _ => Finding::good(subject, found),
    }
}

/// Whether a server answers on the control socket. That none does is no fault.
pub(super) fn server(socket: &Path) -> Finding {
    let detail = match UnixStream::connect(socket) {
        Ok(_) => format!("answers at {}", socket.display()),
        Err(_) => format!("none answers at {}", socket.display()),
    };
    Finding::good("server", detail)
}
