//! Secrets that systemd hands to a service: files in a folder of its own (`LoadCredential=`).

use std::env;
use std::path::{Path, PathBuf};

use crate::complaint::Complaint;

const FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// Whether systemd hands nothing to this process.
pub(crate) fn has_no_credentials() -> bool {
    env::var_os(FOLDER).is_none()
}

/// Where systemd puts a credential; `instead` is the setting that names a file.
pub(crate) fn credential(name: &str, instead: &str) -> Result<PathBuf, Complaint> {
    let folder = env::var_os(FOLDER).ok_or_else(|| {
        Complaint::usage(
            format!("there is no credential {name:?} ({FOLDER} is not set)"),
            format!("run under systemd with LoadCredential=, or set `{instead}`"),
        )
    })?;
    Ok(Path::new(&folder).join(name))
}
