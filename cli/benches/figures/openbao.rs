//! `OpenBao`, a server of secrets with an audit log, that reads are compared with where `scripts/openbao` has installed it:
//! version 2 of its key-value engine, kept in memory, and each access in a file, which it does not sync.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::load::Connection;
use crate::place::Place;
use crate::process::{Server, free_port};

/// Of a server that is there for one run, on loopback.
const TOKEN: &str = "not-a-secret";

/// The server, and how to ask it.
pub(crate) struct OpenBao {
    pub(crate) server: Server,
    pub(crate) headers: String,
    pub(crate) targets: Vec<String>,
}

impl OpenBao {
    /// Starts it, with a secret of two values for each name. None where it is not installed.
    pub(crate) fn start(place: &Place, target: &Path, names: &[String]) -> anyhow::Result<Option<Self>> {
        let program = target.join("openbao/bin/openbao-server");
        if !program.is_file() {
            return Ok(None);
        }
        let home = place.cleared("openbao")?;
        fs::create_dir_all(&home)?;
        let configuration = format!(
            "disable_mlock = true\naudit \"file\" \"accesses\" {{\n  options = {{ file_path = \"{}\" }}\n}}\n",
            home.join("audit.log").display()
        );
        fs::write(home.join("openbao.hcl"), configuration)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = Command::new(program);
        command.args(["server", "-dev", "-dev-no-store-token"]).arg(format!("-dev-listen-address={address}"));
        command.arg(format!("-config={}", home.join("openbao.hcl").display()));
        command.env("HOME", &home).env("BAO_DEV_ROOT_TOKEN_ID", TOKEN);
        let server = Server::listening(&mut command, address, &home.join("log"))?;
        let headers = format!("X-Vault-Token: {TOKEN}\r\n");
        let targets: Vec<String> = names.iter().map(|name| format!("/v1/secret/data/{name}")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(fill(address, &headers, &targets)).context("filling OpenBao")?;
        Ok(Some(Self { server, headers, targets }))
    }
}

async fn fill(address: SocketAddr, headers: &str, targets: &[String]) -> anyhow::Result<()> {
    let secret = br#"{"data":{"contact.email":"geraldine.lefebvre@example.org","contact.phone":"+33612345678"}}"#;
    let mut connection = Connection::open(address, headers).await?;
    for target in targets {
        connection.send("POST", target, "Content-Type: application/json\r\n", secret).await?;
        connection.answer().await?;
    }
    Ok(())
}
