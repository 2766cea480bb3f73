//! A server of the S3 protocol that nobody here wrote: moto, which `scripts/s3-server` installs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coffre_backup::destination::S3Settings;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};
use tempfile::TempDir;

use crate::listening::{Listening, free_port};

/// A running server with one bucket.
pub(crate) struct Moto {
    home: TempDir,
    server: Listening,
}

impl Moto {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = "[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = not-a-secret\n";
        fs::write(home.path().join("credentials"), key).unwrap();
        let port = free_port();
        let log = || fs::File::options().create(true).append(true).open(home.path().join("log")).unwrap();
        let mut command = Command::new(program());
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null()).stdout(log()).stderr(log());
        let moto = Self { server: Listening::start(&mut command, port), home };
        moto.create_bucket("coffre");
        moto
    }

    fn create_bucket(&self, name: &str) {
        let answer = ureq::put(format!("{}/{name}", self.endpoint())).send_empty().unwrap();
        assert!(answer.status().is_success());
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.server.port
    }

    /// The settings to reach it through another port.
    pub(crate) fn through(&self, port: u16, prefix: &str) -> S3Settings {
        S3Settings { endpoint: format!("http://127.0.0.1:{port}"), ..self.settings(prefix) }
    }

    /// Puts other bytes where an object is, as only whoever rules the server can.
    pub(crate) fn replace(&self, object: &str, bytes: &[u8]) {
        let endpoint = self.endpoint().parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, "coffre", "us-east-1").unwrap();
        let credentials = Credentials::new("AKIATEST", "not-a-secret");
        let signed = bucket.put_object(Some(&credentials), object).sign(Duration::from_mins(1));
        assert!(ureq::put(signed.as_str()).send(bytes).unwrap().status().is_success());
    }

    pub(crate) fn settings(&self, prefix: &str) -> S3Settings {
        S3Settings {
            endpoint: self.endpoint(),
            region: "us-east-1".to_owned(),
            bucket: "coffre".to_owned(),
            prefix: prefix.to_owned(),
            credentials: self.home.path().join("credentials"),
            authorities: None,
        }
    }

    pub(crate) fn stop(self) {
        self.server.stop();
    }
}

fn program() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let program = target.join("s3-server/bin/moto_server");
    assert!(program.is_file(), "{} is not there: run scripts/s3-server", program.display());
    program
}
