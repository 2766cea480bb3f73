//! Destinations as they are elsewhere, on loopback: OpenSSH's server, and a server of the S3 protocol (moto). Each is also
//! written to as plainly as can be, for comparison.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};

use crate::load::Connection;
use crate::place::Place;
use crate::process::{self, Server, free_port};

const BUCKET: &str = "coffre";
const KEY: [&str; 2] = ["AKIATEST", "not-a-secret"];

/// OpenSSH's server with a folder.
pub(crate) struct Sshd {
    home: PathBuf,
    port: u16,
    user: String,
    _server: Server,
}

impl Sshd {
    pub(crate) fn start(place: &Place) -> anyhow::Result<Self> {
        let home = place.cleared("sshd")?;
        fs::create_dir_all(home.join("backups"))?;
        for key in ["host", "ours"] {
            process::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(home.join(key)))?;
        }
        fs::copy(home.join("ours.pub"), home.join("authorized_keys"))?;
        let port = free_port()?;
        let host = fs::read_to_string(home.join("host.pub"))?;
        fs::write(home.join("known_hosts"), format!("[127.0.0.1]:{port} {host}"))?;
        let path = |name: &str| home.join(name).display().to_string();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n",
            path("host"),
            path("authorized_keys"),
        );
        fs::write(home.join("sshd_config"), configuration)?;
        if rustix::process::geteuid().is_root() {
            // Debian's sshd wants the folder that its package makes when it is started as a service.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(home.join("sshd_config"));
        let server = Server::listening(&mut command, (Ipv4Addr::LOCALHOST, port).into(), &home.join("log"))?;
        let (user, _) = process::run(Command::new("id").arg("-un"))?;
        Ok(Self { user: String::from_utf8(user.stdout)?.trim().to_owned(), home, port, _server: server })
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.join("backups")
    }

    /// The section that makes it a destination.
    pub(crate) fn destination(&self) -> toml::Table {
        let path = |name: &str| toml::Value::from(self.home.join(name).display().to_string());
        toml::Table::from_iter([
            ("host".to_owned(), "127.0.0.1".into()),
            ("port".to_owned(), i64::from(self.port).into()),
            ("user".to_owned(), self.user.clone().into()),
            ("folder".to_owned(), path("backups")),
            ("private_key".to_owned(), path("ours")),
            ("known_hosts".to_owned(), path("known_hosts")),
        ])
    }

    /// Puts objects of these sizes with OpenSSH's `sftp`, one after the other over one connection; how long each took.
    pub(crate) fn put_plainly(&self, sizes: &[u64]) -> anyhow::Result<Vec<Duration>> {
        let option = |name: &str, file: &str| format!("{name}={}", self.home.join(file).display());
        let mut sftp = Command::new("sftp");
        sftp.args(["-q", "-b", "-", "-P", &self.port.to_string()]);
        sftp.arg("-o").arg(option("IdentityFile", "ours")).arg("-o").arg(option("UserKnownHostsFile", "known_hosts"));
        sftp.args(["-o", "IdentitiesOnly=yes", &format!("{}@127.0.0.1", self.user)]);
        let mut sftp = sftp.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("sftp does not start")?;
        let (Some(mut orders), Some(said)) = (sftp.stdin.take(), sftp.stdout.take()) else {
            bail!("sftp has no pipes")
        };
        let (mut said, file) = (BufReader::new(said), self.home.join("content"));
        let mut took = Vec::new();
        // The first connects.
        for (number, size) in std::iter::once(&1).chain(sizes).enumerate() {
            fs::write(&file, vec![7; usize::try_from(*size)?])?;
            let begun = Instant::now();
            writeln!(orders, "put {} {}/plain-{number}\n!echo done", file.display(), self.home.display())?;
            orders.flush()?;
            let mut line = String::new();
            while line.trim_end() != "done" {
                line.clear();
                ensure!(said.read_line(&mut line)? > 0, "sftp ended with {}", sftp.wait()?);
            }
            took.push(begun.elapsed());
        }
        drop(orders);
        sftp.wait()?;
        Ok(took.split_off(1))
    }
}

/// A server of the S3 protocol with a bucket.
pub(crate) struct Bucketed {
    home: PathBuf,
    port: u16,
    _server: Server,
}

impl Bucketed {
    pub(crate) fn start(place: &Place, target: &Path) -> anyhow::Result<Self> {
        let home = place.cleared("s3")?;
        fs::create_dir_all(&home)?;
        let [id, secret] = KEY;
        let key = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        fs::write(home.join("credentials"), key)?;
        let program = target.join("s3-server/bin/moto_server");
        ensure!(program.is_file(), "{} is not there: run scripts/s3-server", program.display());
        let port = free_port()?;
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = Server::listening(&mut command, (Ipv4Addr::LOCALHOST, port).into(), &home.join("log"))?;
        let made = ureq::put(format!("http://127.0.0.1:{port}/{BUCKET}")).send_empty()?;
        ensure!(made.status().is_success(), "no bucket was made");
        Ok(Self { home, port, _server: server })
    }

    /// The section that makes it a destination.
    pub(crate) fn destination(&self) -> toml::Table {
        toml::Table::from_iter([
            ("endpoint".to_owned(), format!("http://127.0.0.1:{}", self.port).into()),
            ("region".to_owned(), "us-east-1".into()),
            ("bucket".to_owned(), BUCKET.into()),
            ("prefix".to_owned(), "backups".into()),
            ("credentials_file".to_owned(), self.home.join("credentials").display().to_string().into()),
        ])
    }

    /// Puts objects of these sizes, one after the other; how long each took. This server closes after each answer.
    pub(crate) fn put_plainly(&self, sizes: &[u64]) -> anyhow::Result<Vec<Duration>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let endpoint = format!("http://{address}").parse()?;
        let bucket = Bucket::new(endpoint, UrlStyle::Path, BUCKET, "us-east-1")?;
        let credentials = Credentials::new(KEY[0], KEY[1]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut took = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                let content = vec![7; usize::try_from(*size)?];
                let object = format!("plain/{number}");
                let signed = bucket.put_object(Some(&credentials), &object).sign(Duration::from_mins(10));
                let target = format!("{}?{}", signed.path(), signed.query().unwrap_or_default());
                let begun = Instant::now();
                let mut connection = Connection::open(address, "").await?;
                connection.send("PUT", &target, "", &content).await?;
                connection.answer().await?;
                took.push(begun.elapsed());
            }
            Ok(took)
        })
    }
}
