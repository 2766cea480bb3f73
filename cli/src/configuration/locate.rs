//! Which configuration file counts. One file, never a merge of several.

use std::path::{Path, PathBuf};

use super::ConfigurationError;

/// The file name inside a vault's directory.
pub(super) const FILE_NAME: &str = "coffre.toml";

/// Where an installed machine keeps it.
const SYSTEM_WIDE: &str = "/etc/coffre/coffre.toml";

/// The file named (by `--config` or `COFFRE_CONFIG`); otherwise the vault's own; otherwise the machine's.
pub(crate) fn locate(named: Option<&Path>, vault: Option<&Path>) -> Result<PathBuf, ConfigurationError> {
    first_of(named, vault, Path::new(SYSTEM_WIDE))
}

fn first_of(named: Option<&Path>, vault: Option<&Path>, system: &Path) -> Result<PathBuf, ConfigurationError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    vault
        .map(|vault| vault.join(FILE_NAME))
        .into_iter()
        .chain([system.to_owned()])
        .find(|place| place.is_file())
        .ok_or_else(|| ConfigurationError::Nowhere { place: system.to_owned() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_named_file_counts_then_the_vaults_then_the_machines() {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        let system = folder.path().join("system.toml");
        std::fs::create_dir(&vault).unwrap();
        let found = |named| first_of(named, Some(&vault), &system);

        assert!(matches!(found(None), Err(ConfigurationError::Nowhere { .. })));
        std::fs::write(&system, "").unwrap();
        assert_eq!(found(None).unwrap(), system);
        std::fs::write(vault.join(FILE_NAME), "").unwrap();
        assert_eq!(found(None).unwrap(), vault.join(FILE_NAME));
        let absent = Path::new("absent.toml");
        assert_eq!(found(Some(absent)).unwrap(), absent, "a named file is never replaced by another");
    }
}
