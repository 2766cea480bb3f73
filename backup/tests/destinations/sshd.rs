//! A real sshd, with keys made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coffre_backup::destination::SftpSettings;
use tempfile::TempDir;

use crate::listening::{Listening, free_port};

/// An sshd on loopback that serves a folder to this account.
pub(crate) struct Sshd {
    home: TempDir,
    server: Option<Listening>,
    port: u16,
    read_only: bool,
    /// What it serves files with.
    subsystem: &'static str,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        Self::with("internal-sftp")
    }

    /// One that lets nobody remove anything, nor write over it: as docs/OPERATIONS.md advises.
    pub(crate) fn without_removal() -> Self {
        Self::with("internal-sftp -P remove,rmdir,setstat,fsetstat,lsetstat,posix-rename")
    }

    fn with(subsystem: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        for key in ["host", "ours", "other"] {
            make_key(&path(key));
        }
        fs::copy(path("ours.pub"), path("authorized_keys")).unwrap();
        fs::create_dir(path("backups")).unwrap();
        let mut sshd = Self { port: free_port(), home, server: None, read_only: false, subsystem };
        sshd.know("host");
        sshd.resume();
        sshd
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The settings to reach it through another port, by which it is known too.
    pub(crate) fn through(&self, port: u16) -> SftpSettings {
        let public = fs::read_to_string(self.path("host.pub")).unwrap();
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{port} {public}")).unwrap();
        SftpSettings { port, ..self.settings() }
    }

    /// Begins again as a server that lets nobody write.
    pub(crate) fn refuse_writes(&mut self, refuse: bool) {
        self.read_only = refuse;
        self.stop();
        self.resume();
    }

    /// Writes the file of known hosts so that it holds one of the keys.
    pub(crate) fn know(&self, key: &str) {
        let public = fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        fs::write(self.path("known_hosts"), format!("# ours\n[127.0.0.1]:{} {public}", self.port)).unwrap();
    }

    fn resume(&mut self) {
        let configuration = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp {}{}\n",
            self.port,
            self.path("host").display(),
            self.path("authorized_keys").display(),
            self.subsystem,
            if self.read_only { " -R" } else { "" },
        );
        fs::write(self.path("sshd_config"), configuration).unwrap();
        if rustix::process::geteuid().is_root() {
            // Debian's sshd wants the folder that its package makes when it is started as a service.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let mut command = Command::new("/usr/sbin/sshd");
        command.arg("-D").arg("-e").arg("-f").arg(self.path("sshd_config"));
        command.stdin(Stdio::null()).stderr(fs::File::create(self.path("log")).unwrap());
        self.server = Some(Listening::start(&mut command, self.port));
    }

    pub(crate) fn stop(&mut self) {
        self.server.take().unwrap().stop();
    }

    /// Ends the processes that serve connections, and no other.
    pub(crate) fn cut_connections(&self) {
        let server = self.server.as_ref().unwrap().pid().to_string();
        let ended = Command::new("pkill").args(["-KILL", "-P", &server]).status().unwrap();
        assert!(ended.success(), "there was no connection");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The folder that it serves.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path("backups")
    }

    pub(crate) fn settings(&self) -> SftpSettings {
        SftpSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: account(),
            folder: self.folder(),
            private_key: self.path("ours"),
            known_hosts: self.path("known_hosts"),
        }
    }
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "ssh-keygen makes no key");
}

fn account() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
