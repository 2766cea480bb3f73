//! Which configuration file counts. One file, never a merge of several.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::ids::Environment;

use super::{Configuration, ConfigurationError};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;

/// The file name inside a vault's directory.
pub(super) const FILE_NAME: &str = "coffre.toml";

/// Where an installed machine keeps it.
const SYSTEM_WIDE: &str = "/etc/coffre/coffre.toml";

/// The file named (by `--config` or `COFFRE_CONFIG`); otherwise the machine's that names this vault; otherwise the vault's own,
/// which says no more than what it is; otherwise the machine's.
pub(crate) fn locate(named: Option<&Path>, vault: Option<&Path>) -> Result<PathBuf, ConfigurationError> {
    first_of(named, vault, Path::new(SYSTEM_WIDE))
}

/// Chooses the configuration of the environment that is meant. Where the machine declares several, none is guessed.
pub(crate) fn choose(global: &mut Global) -> anyhow::Result<()> {
    let declared = declared(Path::new(SYSTEM_WIDE).parent().unwrap_or(Path::new("/")));
    global.config = chosen(global.config.take(), global.environment.as_ref(), &declared)?;
    Ok(())
}

/// The configurations that a machine holds side by side, one for each environment.
fn declared(folder: &Path) -> Vec<(PathBuf, Environment)> {
    let of = |file: PathBuf| Configuration::load(&file).ok().map(|found| (file, found.environment));
    files(folder).into_iter().filter_map(of).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

/// The machine's configuration that names a vault, if one does: its policies and operators count, whichever way the vault is named.
fn of_vault(vault: &Path, folder: &Path) -> Result<Option<PathBuf>, ConfigurationError> {
    let Ok(vault) = fs::canonicalize(vault) else { return Ok(None) };
    for file in files(folder) {
        if names(&file, &vault)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Whether a file names a vault. One with a mistake elsewhere does, and the verb that reads it tells the mistake.
fn names(file: &Path, vault: &Path) -> Result<bool, ConfigurationError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        // Whoever may open its vault may read it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(false),
        Err(source) => return Err(ConfigurationError::Unreadable { file: file.to_owned(), source }),
    };
    let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigurationError::syntax(file, &text, &error))?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let named = table.get("vault").and_then(toml::Value::as_str).map(|named| folder.join(named));
    Ok(named.and_then(|named| fs::canonicalize(named).ok()).is_some_and(|named| named == vault))
}

fn chosen(
    named: Option<PathBuf>,
    environment: Option<&Environment>,
    declared: &[(PathBuf, Environment)],
) -> Result<Option<PathBuf>, Complaint> {
    let known = || declared.iter().map(|(_, environment)| environment.to_string()).collect::<Vec<_>>().join(", ");
    match (named, environment) {
        (Some(file), None) => Ok(Some(file)),
        (Some(file), Some(wanted)) => match Configuration::load(&file) {
            Ok(found) if found.environment != *wanted => {
                let cause = format!("{} is of the environment {}, not {wanted}", file.display(), found.environment);
                Err(Complaint::new(Exit::WrongKey, cause, "name the configuration of the environment that is meant"))
            }
            // What is wrong with it is told by the verb that reads it.
            _ => Ok(Some(file)),
        },
        (None, Some(wanted)) => {
            let file = declared.iter().find(|(_, environment)| environment == wanted).map(|(file, _)| file.clone());
            let cause = || format!("no configuration of the environment {wanted} is in /etc/coffre");
            file.map(Some).ok_or_else(|| Complaint::usage(cause(), format!("declared are: {}", known())))
        }
        (None, None) => Ok(None),
    }
}

/// Refuses to take the machine's configuration where there are several.
fn single(declared: &[(PathBuf, Environment)], place: &Path) -> Result<(), ConfigurationError> {
    if declared.len() > 1 { Err(ConfigurationError::Several { place: place.to_owned() }) } else { Ok(()) }
}

fn first_of(named: Option<&Path>, vault: Option<&Path>, system: &Path) -> Result<PathBuf, ConfigurationError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let folder = system.parent().unwrap_or(Path::new("/"));
    if let Some(vault) = vault {
        let own = vault.join(FILE_NAME);
        match of_vault(vault, folder)? {
            Some(file) => return Ok(file),
            None if own.is_file() => return Ok(own),
            None => {}
        }
    }
    single(&declared(folder), folder)?;
    if system.is_file() { Ok(system.to_owned()) } else { Err(ConfigurationError::Nowhere { place: system.to_owned() }) }
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

    #[test]
    fn the_machines_configuration_of_a_vault_counts_before_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, machine) = (folder.path().join("vault"), folder.path().join("etc"));
        for made in [&vault, &machine] {
            std::fs::create_dir(made).unwrap();
        }
        std::fs::write(vault.join(FILE_NAME), "").unwrap();
        let found = || first_of(None, Some(&vault), &machine.join("coffre.toml"));
        let production = machine.join("production.toml");
        std::fs::write(&production, "vault = \"../another\"").unwrap();
        assert_eq!(found().unwrap(), vault.join(FILE_NAME), "another vault's");
        std::fs::write(&production, "vault = \"../vault/.\"\nunknown = 1").unwrap();
        assert_eq!(found().unwrap(), production, "with whatever else is wrong in it");
        std::fs::write(machine.join("a.toml"), "vault =").unwrap();
        assert!(matches!(found(), Err(ConfigurationError::Syntax { .. })), "it cannot be told whose that is");
    }

    #[test]
    fn where_several_environments_are_declared_none_is_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, environment: &str| {
            let golden = crate::configuration::tests::PINNED.replace("production", environment);
            std::fs::write(folder.path().join(format!("{name}.toml")), golden).unwrap();
        };
        write("coffre", "production");
        let system = folder.path().join("coffre.toml");
        assert_eq!(first_of(None, None, &system).unwrap(), system);
        write("recette", "recette");
        assert!(matches!(first_of(None, None, &system), Err(ConfigurationError::Several { .. })));

        let declared = declared(folder.path());
        let recette: Environment = "recette".parse().unwrap();
        let found = chosen(None, Some(&recette), &declared).unwrap();
        assert_eq!(found, Some(folder.path().join("recette.toml")));
        let other = chosen(Some(system.clone()), Some(&recette), &declared).unwrap_err();
        assert_eq!(other.exit(), Exit::WrongKey);
        let none = chosen(None, Some(&"test".parse().unwrap()), &declared).unwrap_err();
        assert!(none.to_string().ends_with("declared are: production, recette"), "{none}");
        assert_eq!(chosen(Some(system.clone()), None, &declared).unwrap(), Some(system));
    }
}
