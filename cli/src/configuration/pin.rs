//! The configuration that a vault's own directory begins with: what it is, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use coffre_core::ids::Environment;

use super::locate::FILE_NAME;

/// Writes it into a vault's directory, durably and whole. One that is there is from a restore that was cut off.
pub(crate) fn pin(directory: &Path, environment: &Environment, vault_id: &str, key: &str) -> io::Result<()> {
    let text = format!(
        "# What this vault is, for its own server. Pin the same three lines wherever its backups are verified or restored.\n{}",
        pinned_lines(environment, vault_id, key)
    );
    let (unfinished, name) = (directory.join(format!("{FILE_NAME}.new")), directory.join(FILE_NAME));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Durable: the text, under a name that nothing reads.
    fs::rename(unfinished, name)?;
    File::open(directory)?.sync_all()
}

/// The three lines that pin a vault.
pub(crate) fn pinned_lines(environment: &Environment, vault_id: &str, key: &str) -> String {
    format!("environment = \"{environment}\"\nvault_id = \"{vault_id}\"\nverification_key = \"{key}\"\n")
}
