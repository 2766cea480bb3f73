//! Which configuration file counts. One file, never a merge of several.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::ids::Environment;

use super::{ConfigurationError, text_of};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;

/// The file name inside a vault's directory.
pub(super) const FILE_NAME: &str = "coffre.toml";

/// Where an installed machine keeps it.
const SYSTEM_WIDE: &str = "/etc/coffre/coffre.toml";

/// The file named (by `--config` or `COFFRE_CONFIG`); otherwise the machine's that names this vault; otherwise the vault's own,
/// which says no more than what it is; otherwise the machine's, where it has one.
pub(crate) fn locate(named: Option<&Path>, vault: Option<&Path>) -> Result<PathBuf, ConfigurationError> {
    first_of(named, vault, Path::new(SYSTEM_WIDE))
}

/// Chooses the configuration of the environment that is meant. Where the machine declares several, none is guessed.
pub(crate) fn choose(global: &mut Global) -> anyhow::Result<()> {
    let folder = Path::new(SYSTEM_WIDE).parent().unwrap_or(Path::new("/"));
    global.config = chosen(global.config.take(), global.environment.as_ref(), folder)?;
    Ok(())
}

/// The configurations that a machine holds side by side, one for each environment.
fn declared(folder: &Path) -> Vec<(PathBuf, Environment)> {
    let of = |file: PathBuf| environment_of(&file).map(|environment| (file, environment));
    files(folder).into_iter().filter_map(of).collect()
}

/// The environment that a file declares, of a host with a vault or without one. Whatever else is wrong with it is told by
/// the verb that reads it.
fn environment_of(file: &Path) -> Option<Environment> {
    table_of(file)?.get("environment")?.as_str()?.parse().ok()
}

/// Whether a file may be a configuration. One that cannot be read or understood may be that of another environment.
fn may_be_one(file: &Path) -> bool {
    table_of(file).is_none_or(|table| table.contains_key("environment"))
}

fn table_of(file: &Path) -> Option<toml::Table> {
    toml::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// The file of an environment: the only one that says so, or of several the one that is called after it; where none says so,
/// the one that is called after it and says nothing of that, of which the verb that reads it tells why.
fn of_environment(
    wanted: &Environment,
    declared: &[(PathBuf, Environment)],
    folder: &Path,
) -> Result<PathBuf, Complaint> {
    let called = folder.join(format!("{wanted}.toml"));
    let says: Vec<&PathBuf> = declared.iter().filter(|(_, found)| found == wanted).map(|(file, _)| file).collect();
    match says.as_slice() {
        [only] => Ok((*only).clone()),
        [] if called.is_file() && environment_of(&called).is_none() => Ok(called),
        [] => Err(undeclared(wanted, declared, folder)),
        several if several.contains(&&called) => Ok(called),
        _ => {
            let cause = format!("several configurations of the environment {wanted} are in {}", folder.display());
            Err(Complaint::usage(cause, format!("name one with --config FILE, or call it {wanted}.toml")))
        }
    }
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
    let text = match text_of(file) {
        // Whoever may open its vault may read it.
        Err(ConfigurationError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(false);
        }
        read => read?,
    };
    let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigurationError::syntax(file, &text, &error))?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let named = table.get("vault").and_then(toml::Value::as_str).map(|named| folder.join(named));
    Ok(named.and_then(|named| fs::canonicalize(named).ok()).is_some_and(|named| named == vault))
}

fn chosen(
    named: Option<PathBuf>,
    environment: Option<&Environment>,
    folder: &Path,
) -> Result<Option<PathBuf>, Complaint> {
    match (named, environment) {
        (Some(file), None) => Ok(Some(file)),
        (Some(file), Some(wanted)) => match environment_of(&file) {
            Some(found) if found != *wanted => {
                let cause = format!("{} is of the environment {found}, not {wanted}", file.display());
                Err(Complaint::new(Exit::WrongKey, cause, "name the configuration of the environment that is meant"))
            }
            // What is wrong with it is told by the verb that reads it.
            _ => Ok(Some(file)),
        },
        (None, Some(wanted)) => of_environment(wanted, &declared(folder), folder).map(Some),
        (None, None) => Ok(None),
    }
}

fn undeclared(wanted: &Environment, declared: &[(PathBuf, Environment)], folder: &Path) -> Complaint {
    let cause = format!("no configuration of the environment {wanted} is in {}", folder.display());
    let known: Vec<String> = declared.iter().map(|(_, environment)| environment.to_string()).collect();
    let remedy = match known.as_slice() {
        [] => "name a file with --config FILE".to_owned(),
        _ => format!("declared are: {}", known.join(", ")),
    };
    Complaint::usage(cause, remedy)
}

/// The machine's configuration. Where there are several, none is guessed.
fn of_machine(system: &Path) -> Result<PathBuf, ConfigurationError> {
    let folder = system.parent().unwrap_or(Path::new("/"));
    let several = || ConfigurationError::Several { place: folder.to_owned() };
    let mut declared = declared(folder);
    if declared.len() > 1 {
        return Err(several());
    }
    // One with a mistake in it is there all the same.
    if system.is_file() {
        return Ok(system.to_owned());
    }
    let Some((only, _)) = declared.pop() else {
        return Err(ConfigurationError::Nowhere { place: system.to_owned() });
    };
    let others = files(folder).into_iter().filter(|file| *file != only && may_be_one(file)).count();
    if others == 0 { Ok(only) } else { Err(several()) }
}

fn first_of(named: Option<&Path>, vault: Option<&Path>, system: &Path) -> Result<PathBuf, ConfigurationError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    if let Some(vault) = vault {
        let own = vault.join(FILE_NAME);
        match of_vault(vault, system.parent().unwrap_or(Path::new("/")))? {
            Some(file) => return Ok(file),
            None if own.is_file() => return Ok(own),
            None => {}
        }
    }
    of_machine(system)
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

        let recette: Environment = "recette".parse().unwrap();
        let chosen =
            |named: Option<&PathBuf>, wanted: Option<&Environment>| chosen(named.cloned(), wanted, folder.path());
        let found = chosen(None, Some(&recette)).unwrap();
        assert_eq!(found, Some(folder.path().join("recette.toml")));
        let other = chosen(Some(&system), Some(&recette)).unwrap_err();
        assert_eq!(other.exit(), Exit::WrongKey);
        let none = chosen(None, Some(&"test".parse().unwrap())).unwrap_err();
        assert!(none.to_string().ends_with("declared are: production, recette"), "{none}");
        assert_eq!(chosen(Some(&system), None).unwrap(), Some(system));
    }

    #[test]
    fn the_only_configuration_of_a_machine_is_the_machines_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let found = || first_of(None, None, &file("coffre.toml"));
        std::fs::write(file("legal-cobol.toml"), "[[table]]\nname = \"CLIENT\"").unwrap();
        assert!(matches!(found(), Err(ConfigurationError::Nowhere { .. })), "what declares no environment is none");
        std::fs::write(file("sources.toml"), "environment = \"production\"\n[backup]\nstate = \"state\"").unwrap();
        assert_eq!(found().unwrap(), file("sources.toml"), "of a host without a vault, too");
        for mistake in ["environment = \"recette\"\nunknown = 1", "environment = ", "environment = 1"] {
            std::fs::write(file("recette.toml"), mistake).unwrap();
            assert!(matches!(found(), Err(ConfigurationError::Several { .. })), "{mistake}: it makes it no other's");
        }
    }

    #[test]
    fn an_environment_is_found_by_what_a_file_says_and_otherwise_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let production: Environment = "production".parse().unwrap();
        let found = || chosen(None, Some(&production), folder.path());
        assert!(found().unwrap_err().to_string().ends_with("; name a file with --config FILE"));
        std::fs::write(file("production.toml"), "environment = \"recette\"").unwrap();
        assert!(found().is_err(), "it says that it is another's");
        std::fs::write(file("production.toml"), "environment =").unwrap();
        assert_eq!(found().unwrap(), Some(file("production.toml")), "the verb tells what is wrong with it");
        std::fs::write(file("site.toml"), "environment = \"production\"\n[backup]\nstate = \"state\"").unwrap();
        assert_eq!(found().unwrap(), Some(file("site.toml")));
        std::fs::write(file("an-older.toml"), "environment = \"production\"").unwrap();
        assert!(found().unwrap_err().to_string().starts_with("several configurations"), "none is guessed");
        std::fs::write(file("production.toml"), "environment = \"production\"").unwrap();
        assert_eq!(found().unwrap(), Some(file("production.toml")), "it is called after it");
        let recette: Environment = "recette".parse().unwrap();
        let other = chosen(Some(file("site.toml")), Some(&recette), folder.path()).unwrap_err();
        assert_eq!(other.exit(), Exit::WrongKey, "of a host without a vault, too");
    }
}
