//! The scene of the story: the temporary place, the production vault in it, the server that runs, and who works there.
//! Sets it up and takes it down; what happens on it is in `story`.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffre_core::role::Role;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::child::{Coffre, Ended, Running};
use super::legacy::{self, GeneratorReport};
use super::officers::Officers;
use super::out::Out;
use super::place::Place;
use super::staff::Staff;

/// The same clients in every demonstration.
pub(super) const SEED: u64 = 1789;
/// The other building, by its name in the configuration.
pub(super) const DESTINATION: &str = "building-b";

const MAPPING: &str = include_str!("../../../policies/mappings/legal-cobol.toml");
const GRANTS: &str = include_str!("../../../policies/mappings/grants-sample.toml");

/// Everything that the steps work with.
pub(super) struct Scene {
    // The server ends before its place goes.
    pub(super) server: Option<Server>,
    pub(super) coffre: Coffre,
    pub(super) vault: Vault,
    pub(super) legacy: GeneratorReport,
    pub(super) officers: Officers,
    pub(super) place: Place,
    /// Where the page and what it refers to is left.
    pub(super) out: Out,
}

/// What `coffre init` says of a vault.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Vault {
    pub(super) environment: String,
    #[serde(rename = "vault_id")]
    pub(super) id: String,
    pub(super) verification_key: String,
}

/// A server that answers.
pub(super) struct Server {
    pub(super) running: Running,
    pub(super) address: SocketAddr,
}

/// Who works with the vault, each with an application of their service.
pub(super) struct Crew {
    pub(super) legal: Arc<Staff>,
    pub(super) sales: Staff,
    pub(super) dpo: Staff,
}

impl Scene {
    /// Makes the place, the legacy database and an empty production vault.
    pub(super) async fn set(clients: u64, out: Out) -> anyhow::Result<Self> {
        let place = Place::new().context("no temporary directory can be made; check TMPDIR and the space left")?;
        let database = place.legacy();
        let legacy =
            tokio::task::spawn_blocking(move || legacy::generate(clients, SEED, legacy::Copies::Made, &database))
                .await??;
        fs::write(place.office().join("mapping.toml"), MAPPING)?;
        fs::write(place.office().join("grants.toml"), GRANTS)?;
        let coffre = Coffre::this(vec![
            ("COFFRE_CONFIG", place.configuration().into()),
            ("RESTIC_CACHE_DIR", place.restic_cache().into()),
        ])?;
        let officers = Officers::make(&coffre, place.office()).await?;
        let vault = init(&coffre, &place.vault(), "production", &place.recovery_identity(), &officers.lines).await?;
        configure(&place, &vault)?;
        let scene = Self { server: None, coffre, vault, legacy, officers, place, out };
        scene.approve(&["policies"]).await?;
        Ok(scene)
    }

    /// Has the officers sign something, and hands it in; gives who signed.
    pub(super) async fn approve(&self, what: &[&str]) -> anyhow::Result<Vec<String>> {
        self.officers.approve(&self.coffre, &self.place.vault(), what).await
    }

    /// Starts the server on the production vault, and waits until it answers.
    pub(super) async fn serve(&mut self) -> anyhow::Result<SocketAddr> {
        let server = serve(&self.coffre, &self.place.vault(), &self.place.server().join("server.log")).await?;
        let address = server.address;
        self.server = Some(server);
        Ok(address)
    }

    /// Gives every service an application, which has no effect yet.
    pub(super) async fn hire(&self, server: SocketAddr) -> anyhow::Result<Crew> {
        Ok(Crew {
            legal: Arc::new(self.employ(server, "m.laurent", Role::Legal).await?),
            sales: self.employ(server, "s.petit", Role::Sales).await?,
            dpo: self.employ(server, "d.moreau", Role::Dpo).await?,
        })
    }

    async fn employ(&self, server: SocketAddr, operator: &'static str, role: Role) -> anyhow::Result<Staff> {
        #[derive(Deserialize)]
        struct Added {
            token: String,
        }
        let name = desk(role);
        let arguments = ["application", "add", &name, "--role", role.as_str(), "--json"];
        let Added { token } = self.coffre.run(arguments).await?.json()?;
        Staff::new(server, operator, role, token)
    }
}

impl Crew {
    /// The same people, with the same tokens, at another server.
    pub(super) fn at(&self, server: SocketAddr) -> anyhow::Result<Self> {
        let move_to = |staff: &Staff| Staff::new(server, staff.operator, staff.role, staff.token.clone());
        Ok(Self { legal: Arc::new(move_to(&self.legal)?), sales: move_to(&self.sales)?, dpo: move_to(&self.dpo)? })
    }
}

/// The application of a service.
pub(super) fn desk(role: Role) -> String {
    format!("{role}-desk")
}

/// Makes a vault, with officers or without.
pub(super) async fn init(
    coffre: &Coffre,
    directory: &Path,
    environment: &str,
    recovery_identity: &Path,
    officers: &[String],
) -> anyhow::Result<Vault> {
    let mut arguments = vec!["init".into(), directory.as_os_str().to_owned(), "--environment".into()];
    arguments.extend([environment.into(), "--recovery-identity".into(), recovery_identity.into(), "--json".into()]);
    arguments.extend(officers.iter().flat_map(|line| ["--officer".into(), line.into()]));
    coffre.run(arguments).await?.json()
}

/// The configuration of the production vault and its backups.
fn configure(place: &Place, vault: &Vault) -> anyhow::Result<()> {
    let Vault { environment, id, verification_key } = vault;
    let path = |path: PathBuf| toml::Value::from(path.display().to_string());
    let text = format!(
        "environment = \"{environment}\"\nvault_id = \"{id}\"\nverification_key = \"{verification_key}\"\n\
         vault = {}\n\n[server]\nlisten = \"127.0.0.1:0\"\n\n[backup]\nspool = {}\n\n[[backup.destination]]\n\
         name = \"{DESTINATION}\"\npath = {}\n\n[backup.restic]\nrepository = {}\npassword_file = {}\n",
        path(place.vault()),
        path(place.spool()),
        path(place.destination()),
        path(place.repository()),
        path(place.restic_password()),
    );
    write_private(&place.configuration(), &text)?;
    let mut password = [0; 32];
    getrandom::fill(&mut password)?;
    write_private(&place.restic_password(), &STANDARD.encode(password))?;
    for folder in [place.spool(), place.destination()] {
        fs::create_dir(folder)?;
    }
    Ok(())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Starts a server and waits for the line that says where it answers.
pub(super) async fn serve(coffre: &Coffre, vault: &Path, log: &Path) -> anyhow::Result<Server> {
    let arguments = [OsStr::new("serve"), OsStr::new("--vault"), vault.as_os_str()];
    let (mut running, line) = coffre.start(arguments, log).await?;
    let address = line.as_deref().and_then(|line| line.rsplit_once("://")?.1.parse().ok());
    if let Some(address) = address {
        return Ok(Server { running, address });
    }
    let status = running.gone().await?;
    bail!("the server did not start ({status}): {}", last_words(&fs::read_to_string(log)?))
}

/// What a process said last.
pub(super) fn last_words(log: &str) -> String {
    let last: Vec<&str> = log.lines().rev().take(2).collect();
    last.into_iter().rev().collect::<Vec<_>>().join(" ")
}

impl Ended {
    /// The exit code; a signal counts as a failure of no code.
    pub(super) fn exit(&self) -> u8 {
        self.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
    }

    /// What it printed, if it succeeded.
    pub(super) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        if !self.status.success() {
            bail!("a command ended with {}: {}", self.status, last_words(&self.stderr));
        }
        self.printed()
    }

    /// What it printed, however it ended.
    pub(super) fn printed<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.stdout).with_context(|| {
            format!("a command ended with {} and printed no JSON: {}", self.status, last_words(&self.stderr))
        })
    }
}
