//! The configuration that a vault's own directory begins with: what it is, and nothing else.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use coffre_core::ids::Environment;

use super::locate::FILE_NAME;

/// Writes it into a vault's directory, durably, unless there is one already.
pub(crate) fn pin(directory: &Path, environment: &Environment, vault_id: &str, key: &str) -> io::Result<()> {
    let text = format!(
        "# What this vault is, for its own server. Pin the same three lines wherever its backups are verified or restored.\n\
         environment = \"{environment}\"\n\
         vault_id = \"{vault_id}\"\n\
         verification_key = \"{key}\"\n"
    );
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.join(FILE_NAME))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
