//! The vault that is measured: made from the demonstration's fictitious clients, served by the program under test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use coffre_core::ids::SubjectId;
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::place::Place;
use crate::process::{self, Server};
use crate::report::say;
use crate::subjects;

const MAPPING: &str = include_str!("../../../policies/mappings/legal-cobol.toml");
const GRANTS: &str = include_str!("../../../policies/mappings/grants-sample.toml");
/// The vault's own configuration.
pub(crate) const CONFIGURATION: &str = "coffre.toml";
/// The same, where commits are captured continuously: of a lean vault, whose own configuration leaves the first base backup to be asked for.
pub(crate) const FOLLOWING: &str = "following.toml";
/// The destination of backups, and its folder.
pub(crate) const DESTINATION: &str = "elsewhere";
const ROLES: [&str; 3] = ["sales", "legal", "dpo"];

/// The place, the program, and the vault in it.
pub(crate) struct Bench {
    // The server ends before its place goes.
    served: Option<Server>,
    program: PathBuf,
    /// The file that the program is told of.
    configuration: String,
    prepared: Prepared,
    /// How the import went, if this run did one.
    pub(crate) imported: Option<Imported>,
    pub(crate) place: Place,
}

/// What a vault is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Everything that the legacy database has; backups go to restic too.
    Whole,
    /// Neither copies of contracts nor grants but those to Sales, and no restic: many data subjects in little space.
    Lean,
}

/// What is known of a vault that was made.
#[derive(Serialize, Deserialize)]
struct Prepared {
    tokens: BTreeMap<String, String>,
    subjects: Vec<SubjectId>,
}

/// An import.
pub(crate) struct Imported {
    pub(crate) rows: u64,
    pub(crate) records: u64,
    pub(crate) seconds: f64,
}

/// What the generator says of a legacy database.
#[derive(Deserialize)]
struct Legacy {
    clients: u64,
    contracts: u64,
    importable: u64,
}

/// What `coffre application add` says, as far as it matters here.
#[derive(Deserialize)]
struct Added {
    token: String,
}

/// What `coffre init` says of a vault.
#[derive(Deserialize)]
struct Made {
    vault_id: String,
    verification_key: String,
}

impl Bench {
    /// Makes the vault, or takes the one that was kept.
    pub(crate) fn prepare(arguments: &Arguments, subjects: u64, filling: Filling) -> anyhow::Result<Self> {
        let keep = arguments.keep.as_ref().map(|keep| match filling {
            Filling::Whole => keep.clone(),
            Filling::Lean => keep.join(subjects.to_string()),
        });
        let place = Place::new(keep.as_deref())?;
        let program = arguments.program().canonicalize().context("the program to measure is not there")?;
        let prepared = Prepared { tokens: BTreeMap::new(), subjects: Vec::new() };
        let configuration = CONFIGURATION.to_owned();
        let mut bench = Self { served: None, program, configuration, prepared, imported: None, place };
        let known = bench.place.at("prepared.json");
        if known.exists() {
            bench.prepared = serde_json::from_slice(&fs::read(known)?)?;
        } else {
            bench.make(subjects, filling)?;
            fs::write(known, serde_json::to_vec(&bench.prepared)?)?;
        }
        say(&format!("{} of the data subjects opened fields to Sales", bench.prepared.subjects.len()))?;
        Ok(bench)
    }

    fn make(&mut self, clients: u64, filling: Filling) -> anyhow::Result<()> {
        say(&format!("making a vault of {clients} data subjects"))?;
        let legacy = self.make_legacy(clients, filling)?;
        let arguments = ["--environment", "recette", "--json", "--recovery-identity"];
        let mut init = self.coffre("init");
        init.arg(self.vault()).args(arguments).arg(self.place.at("recovery-identity"));
        let (made, _) = process::run_json(&mut init)?;
        self.configure(&made, filling)?;
        self.import(&legacy, filling)?;
        for role in ROLES {
            let (added, _) =
                process::run_json::<Added>(self.coffre("application").args(["add", role, "--role", role, "--json"]))?;
            self.prepared.tokens.insert(role.to_owned(), added.token);
        }
        let (server, headers) = (self.serve()?.address, self.headers("dpo"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        self.prepared.subjects = runtime.block_on(subjects::with_grants(server, &headers))?;
        ensure!(!self.prepared.subjects.is_empty(), "nobody gave Sales a grant");
        Ok(())
    }

    fn make_legacy(&self, clients: u64, filling: Filling) -> anyhow::Result<Legacy> {
        fs::create_dir_all(self.place.at("office"))?;
        let mut generate = self.coffre("demo");
        generate.args(["legacy", "--json", "--clients", &clients.to_string(), "--out"]).arg(self.legacy());
        if filling == Filling::Lean {
            generate.arg("--without-copies");
        }
        Ok(process::run_json(&mut generate)?.0)
    }

    fn import(&mut self, legacy: &Legacy, filling: Filling) -> anyhow::Result<()> {
        let (mapping, grants) = (self.place.at("mapping.toml"), self.place.at("grants.toml"));
        fs::write(&mapping, MAPPING)?;
        fs::write(&grants, grants_of(filling)?)?;
        let mut import = self.coffre("import");
        import.arg("--from").arg(self.legacy()).arg("--mapping").arg(mapping).arg("--grants").arg(grants);
        let (_, took) = process::run(import.args(["--allow-rejects", "--json"]))?;
        // Each client has a row of contact and one of behaviour.
        let rows = legacy.clients * 2 + legacy.contracts;
        self.imported = Some(Imported { rows, records: legacy.importable, seconds: took.as_secs_f64() });
        if filling == Filling::Lean {
            fs::remove_file(self.legacy())?;
        }
        Ok(())
    }

    /// Where the server is asked for backups.
    pub(crate) fn backup_socket(&self) -> PathBuf {
        self.vault().join("run/backup.sock")
    }

    fn configure(&self, made: &Made, filling: Filling) -> anyhow::Result<()> {
        let Made { vault_id, verification_key } = made;
        let path = |name: &str| toml::Value::from(self.place.at(name).display().to_string());
        let mut text = format!(
            "environment = \"recette\"\nvault_id = \"{vault_id}\"\nverification_key = \"{verification_key}\"\n\
             vault = {}\n\n[server]\nlisten = \"127.0.0.1:0\"\n\n[backup]\nspool = {}\n\n[[backup.destination]]\n\
             name = \"{DESTINATION}\"\npath = {}\n",
            path("vault"),
            path("spool"),
            path(DESTINATION),
        );
        if filling == Filling::Whole {
            let (repository, password) = (path("restic"), path("restic-password"));
            write!(text, "\n[backup.restic]\nrepository = {repository}\npassword_file = {password}\n")?;
        }
        if filling == Filling::Lean {
            write_private(&self.place.at(FOLLOWING), &text)?;
            text = text.replace("[backup]\n", "[backup]\ncontinuous = false\n");
        }
        write_private(&self.place.at(CONFIGURATION), &text)?;
        write_private(&self.place.at("restic-password"), "fictitious, like everything here\n")?;
        for folder in ["spool", DESTINATION] {
            fs::create_dir(self.place.at(folder))?;
        }
        Ok(())
    }

    /// Writes a configuration that ships to other destinations, each with the kind of its name, and takes no snapshots.
    pub(crate) fn configure_shipping<const N: usize>(
        &self,
        file: &str,
        destinations: [(&str, toml::Table); N],
    ) -> anyhow::Result<()> {
        let state = self.place.cleared(&format!("{file}.state"))?;
        fs::create_dir(&state)?;
        let mut configuration: toml::Table = fs::read_to_string(self.place.at(CONFIGURATION))?.parse()?;
        let backup = configuration.get_mut("backup").and_then(toml::Value::as_table_mut).context("no [backup]")?;
        let destination = |(name, kind): (&str, toml::Table)| {
            let pairs = [("name".to_owned(), name.into()), (name.to_owned(), kind.into())];
            toml::Value::from(toml::Table::from_iter(pairs))
        };
        backup.insert("destination".to_owned(), destinations.map(destination).to_vec().into());
        backup.insert("state".to_owned(), state.display().to_string().into());
        backup.remove("restic");
        Ok(fs::write(self.place.at(file), toml::to_string(&configuration)?)?)
    }

    /// The program under test, about to run a verb on the vault.
    pub(crate) fn coffre(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb).env("COFFRE_CONFIG", self.place.at(&self.configuration));
        command.env("RESTIC_CACHE_DIR", self.place.at("restic-cache")).env_remove("COFFRE_LOG");
        command
    }

    /// The server, started if it does not run. Its log goes to a file, as it would.
    pub(crate) fn serve(&mut self) -> anyhow::Result<&Server> {
        let served = match self.served.take() {
            Some(server) => server,
            None => Server::start(&mut self.coffre("serve"), &self.place.at("server.log"))?,
        };
        Ok(self.served.insert(served))
    }

    /// The server, if it runs.
    pub(crate) const fn served(&self) -> Option<&Server> {
        self.served.as_ref()
    }

    /// Serves it with another configuration from now on, or with its own again.
    pub(crate) fn serve_as(&mut self, configuration: &str) -> anyhow::Result<()> {
        self.stop()?;
        configuration.clone_into(&mut self.configuration);
        self.serve().map(drop)
    }

    /// Ends the server, if it runs.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        self.served.take().map_or(Ok(()), Server::stop)
    }

    /// Kills the server, as the power would.
    pub(crate) fn kill(&mut self) {
        drop(self.served.take());
    }

    /// Headers of a request from an application of a role.
    pub(crate) fn headers(&self, role: &str) -> String {
        let token = self.prepared.tokens.get(role).map_or("", String::as_str);
        format!("Authorization: Bearer {token}\r\nCoffre-Operator: a.martin\r\n")
    }

    /// A path for each data subject whose fields are open to Sales.
    pub(crate) fn targets(&self, query: &str) -> Vec<String> {
        let path = |subject: &SubjectId| format!("/v1/records/policyholder/{subject}{query}");
        self.prepared.subjects.iter().map(path).collect()
    }

    fn vault(&self) -> PathBuf {
        self.place.at("vault")
    }

    /// The legacy database.
    pub(crate) fn legacy(&self) -> PathBuf {
        self.place.at("office/legal.sqlite")
    }
}

/// The sample of grants, or those of it to Sales alone.
fn grants_of(filling: Filling) -> anyhow::Result<String> {
    if filling == Filling::Whole {
        return Ok(GRANTS.to_owned());
    }
    let mut grants: toml::Table = GRANTS.parse()?;
    if let Some(grants) = grants.get_mut("grant").and_then(toml::Value::as_array_mut) {
        grants.retain(|grant| grant.get("role").and_then(toml::Value::as_str) == Some("sales"));
    }
    Ok(toml::to_string(&grants)?)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
