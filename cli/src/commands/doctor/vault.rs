//! The files of a vault: whether they are there, closed to others, and of the vault that the configuration pins.
//! It reads no key: of `keys.json` only the part in clear.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::keyset::KeysFile;
use coffre_core::spool::{self, ContentHash, MainManifest, ObjectName, Pinned};
use coffre_policies::Policies;
use coffre_store::{Database, Identity, Layout};
use hyper::Method;
use serde::Deserialize;

use super::finding::{Finding, State};
use super::permissions;
use crate::client::{ClientError, ask};
use crate::complaint;
use crate::configuration::Configuration;
use crate::place::{Place, RESUME};

/// Examines a vault's directory and everything in it.
pub(super) fn examine(place: &Place) -> Vec<Finding> {
    let layout = Layout::new(&place.directory);
    if is_closed(&place.directory) {
        let detail =
            format!("{} is closed to this account, as it should be to the backup account", layout.root().display());
        return vec![Finding::good("vault", detail)];
    }
    let mut findings = vec![permissions::private_directory("vault", &place.directory)];
    if coffre_backup::restore::is_under_way(&place.directory) {
        findings.push(Finding::bad("keys", "a restore into this directory was begun and did not end", RESUME));
        return findings;
    }
    if !layout.keys().exists() {
        findings.push(Finding::bad(
            "keys",
            format!("{} is not there: this is not a vault", layout.keys().display()),
            "name a vault with --vault, make one with `coffre init`, or restore one with `coffre restore`",
        ));
        return findings;
    }
    findings.push(match place.identity_credential() {
        // Only the service sees it.
        Some(name) => Finding::good("server identity", format!("the systemd credential {name}")),
        None => server_identity(&place.identity_file()),
    });
    findings.push(permissions::vault_file("root key for the server", &layout.root_server()));
    findings.push(permissions::vault_file("root key for recovery", &layout.root_recovery()));
    for database in [Database::Vault, Database::Keyring, Database::Audit, Database::Index] {
        let file = layout.database(database);
        // Derived: a vault that was restored makes it when it is first opened.
        if database != Database::Index || file.exists() {
            findings.push(permissions::vault_file(database.file_name(), &file));
        }
    }
    // The first document makes the folder.
    if layout.documents().exists() {
        findings.push(permissions::private_directory("documents", &layout.documents()));
    }
    findings.push(identity_of(&layout, place.configuration.as_ref()));
    findings.extend(key_files(&layout, place.configuration.as_ref()));
    findings
}

/// The identity that opens the vault: there, closed to others, and one.
fn server_identity(file: &Path) -> Finding {
    let subject = "server identity";
    match permissions::vault_file(subject, file) {
        good if good.state == State::Good => match Identity::read(file) {
            Ok(_) => good,
            Err(error) => Finding::of_error(subject, &error),
        },
        other => other,
    }
}

/// Whether this account may not even look into the directory.
pub(super) fn is_closed(directory: &Path) -> bool {
    let is_something_else = fs::metadata(directory).is_ok_and(|found| !found.is_dir());
    !is_something_else && rustix::fs::access(directory, rustix::fs::Access::EXEC_OK) == Err(rustix::io::Errno::ACCESS)
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

/// Whether the key files are those of the newest backup, which the vault keeps the manifest of. Nothing where there
/// is no backup yet, or no pinned key that its signature could be verified with.
fn key_files(layout: &Layout, configuration: Option<&Configuration>) -> Vec<Finding> {
    let Some(pinned) = configuration else { return Vec::new() };
    let Ok(note) = fs::read(layout.chain().join("main.note")) else { return Vec::new() };
    let scope = Scope { environment: pinned.environment.clone(), vault: pinned.vault_id };
    let pinned = Pinned { scope, key: pinned.verification_key.clone() };
    let Ok(newest) = spool::open::<MainManifest>(&note, &pinned) else { return Vec::new() };
    let MainManifest { keys, recovery, .. } = newest.manifest;
    let files = [
        ("keys.json", layout.keys(), keys.sha256, ObjectName::Keys(keys.sha256)),
        ("root.recovery.age", layout.root_recovery(), recovery.sha256, ObjectName::Recovery(recovery.sha256)),
    ];
    let examine = |(name, path, right, copy): (&str, PathBuf, ContentHash, ObjectName)| {
        let found = fs::read(path).ok()?; // one that cannot be read is told of already
        let same = ContentHash::of(&found) == right;
        let right = || Finding::good(name, "is the one in the newest backup");
        let remedy =
            format!("put back its right copy, which the backup holds as {copy}, unless the keys were renewed since");
        Some(if same { right() } else { Finding::bad(name, "is not the one in the newest backup", remedy) })
    };
    files.into_iter().filter_map(examine).collect()
}

/// Whether a server answers on the socket that is this account's, and how it does. That none answers is no fault.
pub(super) fn server(place: &Place, policies: Option<&Policies>) -> Vec<Finding> {
    let subject = "server";
    let (socket, policies) = if is_closed(&place.directory) {
        // What officers have signed is told to the vault's own account alone.
        (place.backup_socket(), None)
    } else {
        (place.control_socket(), policies)
    };
    let (socket, at) = (socket.as_path(), socket.display());
    match ask(socket, Method::GET, "/v1/status") {
        Ok(Status { environment, trouble, key_files, statistics }) => {
            let well = || Finding::good(subject, format!("serves, and answers at {at}"));
            let server = trouble.map_or_else(well, |trouble| told(subject, &trouble));
            let key_files = key_files.map(|fault| told("key files", &fault));
            let approvals = approvals(&environment, statistics.approvals);
            let signed = policies.filter(|_| statistics.approvals.officers > 0);
            let unsigned = signed.and_then(|policies| unsigned(socket, policies));
            std::iter::once(server).chain(key_files).chain(approvals).chain(unsigned).collect()
        }
        Err(ClientError::Unreachable { source, .. }) => vec![unanswered(socket, source.kind())],
        Err(error) => vec![Finding::of_error(subject, &error)],
    }
}

/// A socket that nobody answers at, or that this account may not even ask at.
fn unanswered(socket: &Path, why: io::ErrorKind) -> Finding {
    let (subject, at) = ("server", socket.display());
    if why != io::ErrorKind::PermissionDenied {
        return Finding::good(subject, format!("none answers at {at}"));
    }
    let remedy = "put `backup_socket` in [server] where the backup account reaches it, with that account in \
                  `backup_accounts` and in the group of the vault's own: docs/OPERATIONS.md, \"Accounts and folders\"";
    Finding::bad(subject, format!("{at} is out of this account's reach"), remedy)
}

/// Whether anybody approves, and what waits for that. In production nobody is to be alone.
fn approvals(environment: &str, counts: ApprovalCounts) -> Vec<Finding> {
    let ApprovalCounts { officers, applications_waiting, policies_waiting } = counts;
    if officers == 0 {
        let (detail, remedy) = (
            "there are none: policies and applications take effect without anybody's approval",
            "enrol at least two with `coffre officer enrol`",
        );
        return vec![if environment == "production" {
            Finding::bad("officers", detail, remedy)
        } else {
            Finding::warning("officers", detail, remedy)
        }];
    }
    let mut findings = vec![Finding::good("officers", format!("{officers}, two of whom approve"))];
    if applications_waiting > 0 {
        let detail = format!("{applications_waiting} wait for two officers to sign, and have no effect");
        findings.push(Finding::warning("applications", detail, "see `coffre approve list`"));
    }
    if policies_waiting {
        let detail = "some are signed by two officers that the server does not go by yet";
        findings.push(Finding::warning("policies", detail, "put them in place and start the server again"));
    }
    findings
}

/// Policies that wait for officers: the server that runs does not go by them, and the next one will not start with them.
fn unsigned(socket: &Path, policies: &Policies) -> Option<Finding> {
    let subject = "policies";
    let signed = match ask::<Approvals>(socket, Method::GET, "/v1/approvals") {
        Ok(approvals) => approvals.policies,
        Err(error) => return Some(Finding::of_error(subject, &error)),
    };
    let (found, environments) = (policies.hash().to_string(), policies.environments_hash().to_string());
    let these = |hashes: &Hashes| hashes.policies == found && hashes.environments == environments;
    let taken = [&signed.approved, &signed.in_force].into_iter().flatten().any(these);
    let detail = "those that the next start would take wait for two officers to sign: it would be refused";
    let remedy = "have two officers sign them (`coffre approve policies`), or put back those that are signed";
    (!taken).then(|| Finding::bad(subject, detail, remedy))
}

/// A complaint of the server.
fn told(subject: &str, complaint: &str) -> Finding {
    let (cause, remedy) = complaint::split(complaint);
    Finding::bad(subject, cause, remedy.unwrap_or("look at its log"))
}

#[derive(Deserialize)]
struct Status {
    environment: String,
    trouble: Option<String>,
    key_files: Option<String>,
    statistics: Statistics,
}

#[derive(Deserialize)]
struct Statistics {
    approvals: ApprovalCounts,
}

#[derive(Deserialize)]
struct Approvals {
    policies: Signed,
}

#[derive(Deserialize)]
struct Signed {
    approved: Option<Hashes>,
    in_force: Option<Hashes>,
}

#[derive(Deserialize)]
struct Hashes {
    policies: String,
    environments: String,
}

#[derive(Clone, Copy, Deserialize)]
struct ApprovalCounts {
    officers: u64,
    applications_waiting: u64,
    policies_waiting: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_out_of_reach_is_not_one_without_a_server() {
        let state = |why| unanswered(Path::new("/run/coffre/backup.sock"), why).state;
        assert_eq!(state(io::ErrorKind::NotFound), State::Good);
        assert_eq!(state(io::ErrorKind::ConnectionRefused), State::Good);
        assert_eq!(state(io::ErrorKind::PermissionDenied), State::Bad);
    }
}
