//! Other sources than the vault, read by the real programs and brought back from a real repository.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod commands;
mod databases;
mod folders;
mod mariadb;

#[path = "../restic/programs.rs"]
mod programs;

use std::fs;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use coffre_backup::other_sources::{
    self, Done, Job, Kind, OtherSource, Restored, SourceRestoreError, SourceRunError, SourcesState, Which,
};
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::{Ending, Ends, Observer};
use coffre_core::ids::Environment;
use coffre_core::time::Timestamp;
use tempfile::TempDir;

/// A host with sources, and a repository.
struct Host {
    folder: TempDir,
    restic: Restic,
    environment: Environment,
    identity: age::x25519::Identity,
    recipient: String,
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl Host {
    fn new(restic: Restic) -> Self {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        assert!(!identity.to_string().expose_secret().is_empty());
        let folder = tempfile::tempdir().unwrap();
        let host = Self { folder, restic, environment: "recette".parse().unwrap(), identity, recipient };
        fs::write(host.path("password"), "secret").unwrap();
        fs::create_dir(host.path("state")).unwrap();
        fs::create_dir(host.path("scratch")).unwrap();
        host
    }

    /// The same with the newest of the versions that are there: what they differ in is tested elsewhere.
    fn with_installed() -> Self {
        Self::new(Restic::find(None).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repository(&self) -> Repository {
        let location = self.path("repository").display().to_string();
        Repository { cache: Some(self.path("cache")), ..Repository::new(location, self.path("password")) }
    }

    fn run_watched(&self, source: &OtherSource, observer: &mut dyn Observer) -> Result<Done, SourceRunError> {
        let (memory, repository) = (self.path("state"), self.repository());
        let job = Job {
            memory: &memory,
            environment: &self.environment,
            repository: &repository,
            restic: Some(self.restic.program()),
            recipient: Some(&self.recipient),
            init: true,
        };
        other_sources::back_up(&job, source, &noon, observer)
    }

    fn run(&self, source: &OtherSource) -> Result<Done, SourceRunError> {
        self.run_watched(source, &mut ())
    }

    fn restore_with(
        &self,
        source: &OtherSource,
        identity: Option<&age::x25519::Identity>,
        to: &str,
    ) -> Result<Restored, SourceRestoreError> {
        let identity = identity.map(|identity| identity as &(dyn age::Identity + Sync));
        let (repository, to, state) = (self.repository(), self.path(to), self.state());
        let (name, which) = (&source.name, Which::Newest { good: state.good_snapshot(&source.name) });
        other_sources::restore(&self.restic, &repository, &self.environment, name, which, identity, &to, &mut ())
    }

    fn restore(&self, source: &OtherSource, to: &str) -> PathBuf {
        self.restore_with(source, Some(&self.identity), to).unwrap();
        self.path(to)
    }

    fn state(&self) -> SourcesState {
        SourcesState::load(&self.path("state")).unwrap()
    }

    /// How many snapshots there are of a source.
    fn snapshots(&self, source: &OtherSource) -> usize {
        let host = other_sources::host(&self.environment, &source.name);
        self.restic.snapshots(&self.repository(), &host, other_sources::TAG, &mut ()).unwrap().len()
    }
}

fn source(name: &str, kind: Kind) -> OtherSource {
    OtherSource { name: name.to_owned(), kind, sensitive: true, objective_seconds: 3600 }
}

fn command(words: &[&str]) -> Kind {
    Kind::Command { command: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn shell(script: &str) -> Kind {
    command(&["sh", "-c", script])
}

/// The ending of a run that must have failed.
fn ending(result: Result<Done, SourceRunError>) -> (Ending, String) {
    let error = result.unwrap_err();
    (error.ending(), error.to_string())
}
