//! restic as a process: the one installed, and scripts that behave as other versions do.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod back_ends;
mod ends;
mod programs;
mod scripted;
mod upkeep;
mod verbs;

#[path = "../destinations/bucket.rs"]
#[expect(dead_code, reason = "shared with the tests of destinations, which need more of it")]
mod bucket;
#[path = "../destinations/listening.rs"]
mod listening;
#[path = "../destinations/sshd.rs"]
#[expect(dead_code, reason = "shared with the tests of destinations, which need more of it")]
mod sshd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coffre_backup::Observer;
use coffre_backup::restic::{Compression, Failure, Repository, Restic, Snapshotted, Subject};
use tempfile::TempDir;

use programs::on_each_restic;

/// A folder with a spool's main side, a password and room for a repository.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(bench.path("password"), "secret\n").unwrap();
        fs::create_dir_all(bench.path("spool/main/a")).unwrap();
        fs::create_dir_all(bench.path("spool/keyring")).unwrap();
        fs::write(bench.path("spool/main/a/one"), "one").unwrap();
        fs::write(bench.path("spool/keyring/never"), "never").unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repository(&self) -> Repository {
        let location = self.path("repository").display().to_string();
        Repository { cache: Some(self.path("cache")), ..Repository::new(location, self.path("password")) }
    }

    /// The same bench with a repository made in it.
    fn with_repository(restic: &Restic) -> Self {
        let bench = Self::new();
        restic.init(&bench.repository(), &mut ()).unwrap();
        bench
    }

    fn backup(&self, restic: &Restic, observer: &mut dyn Observer) -> Result<Snapshotted, String> {
        let root = self.path("spool");
        let subject =
            Subject { root: &root, folder: "main", host: "production", tag: "coffre", compression: Compression::Off };
        restic.backup(&self.repository(), &subject, observer).map_err(|error| error.to_string())
    }

    /// An executable script in restic's place. Another process writes it: a file that this one has
    /// open for writing, in whichever thread, cannot be executed.
    fn script(&self, body: &str) -> PathBuf {
        let path = self.path("restic");
        let written = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
            .arg(&path)
            .arg(body)
            .status();
        assert!(written.unwrap().success());
        path
    }

    /// A script that says it is this version, and otherwise does what the body says.
    fn version(&self, version: &str, body: &str) -> Restic {
        let answer = format!("if [ \"$1\" = version ]; then echo 'restic {version} compiled with go'; exit 0; fi");
        Restic::find(Some(&self.script(&format!("{answer}\n{body}")))).unwrap()
    }

    /// A restic behind a script that first writes its process number. It takes some seconds for what is `fill`ed in, however
    /// quick the machine is.
    fn numbered(&self, restic: &Restic) -> Restic {
        let program = restic.program().display();
        let body = format!("echo $$ > {}\nexec {program} --limit-upload 30000 \"$@\"", self.path("pid").display());
        Restic::find(Some(&self.script(&body))).unwrap()
    }

    fn pid(&self) -> i32 {
        fs::read_to_string(self.path("pid")).unwrap().trim().parse().unwrap()
    }
}

/// Whether a process is there and not merely waiting to be collected.
fn is_alive(pid: i32) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    status.is_ok_and(|status| !status.rsplit(") ").next().unwrap().starts_with('Z'))
}

fn failure<T>(result: Result<T, Failure>) -> Failure {
    match result {
        Ok(_) => panic!("restic did not fail"),
        Err(failure) => failure,
    }
}
