//! Secrets that systemd hands to a service: files in a folder of its own (`LoadCredential=`).

use std::env;
use std::path::{Path, PathBuf};

use crate::complaint::Complaint;

/// Where systemd puts a credential; `instead` is the setting that names a file.
pub(crate) fn credential(name: &str, instead: &str) -> Result<PathBuf, Complaint> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
        Complaint::usage(
            format!("there is no credential {name:?} (CREDENTIALS_DIRECTORY is not set)"),
            format!("run under systemd with LoadCredential=, or set `{instead}`"),
        )
    })?;
    Ok(Path::new(&folder).join(name))
}
