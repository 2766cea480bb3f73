//! Reads a repository without restoring: its snapshots, their files, one file, its size.

use std::ffi::OsString;

use serde::Deserialize;

use super::lines::Lines;
use super::messages::{self, Node, Snapshot, Stats};
use super::{Failure, Repository, Restic, arguments};
use crate::observer::Observer;

impl Restic {
    /// The snapshots of a host with a tag, oldest first.
    pub fn snapshots(
        &self,
        repository: &Repository,
        host: &str,
        tag: &str,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Snapshot>, Failure> {
        let arguments = arguments(["snapshots", "--json", "--no-lock", "--host", host, "--tag", tag]);
        self.document(repository, arguments, "snapshots", observer)
    }

    /// What the repository holds on disk.
    pub fn stats(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<Stats, Failure> {
        self.document(repository, arguments(["stats", "--json", "--no-lock", "--mode", "raw-data"]), "stats", observer)
    }

    /// The files and folders of a snapshot, one after the other.
    pub fn list(
        &self,
        repository: &Repository,
        snapshot: &str,
        mut each: impl FnMut(Node),
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let mut lines = Lines::default();
        let mut line = |line: &str| messages::parse_node(line).into_iter().for_each(&mut each);
        let arguments = arguments(["ls", "--json", "--no-lock", "--", snapshot]);
        self.run(repository, arguments, None, &mut |piece, _| lines.push(piece, &mut line), observer)?;
        lines.finish(line);
        Ok(())
    }

    /// The bytes of one file of a snapshot, which must be small.
    pub fn dump(
        &self,
        repository: &Repository,
        snapshot: &str,
        path: &str,
        observer: &mut dyn Observer,
    ) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let arguments = arguments(["dump", "--no-lock", "--", snapshot, path]);
        self.run(repository, arguments, None, &mut |piece, _| bytes.extend_from_slice(piece), observer)?;
        Ok(bytes)
    }

    fn document<T: for<'a> Deserialize<'a>>(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        verb: &'static str,
        observer: &mut dyn Observer,
    ) -> Result<T, Failure> {
        let mut answer = Vec::new();
        self.run(repository, arguments, None, &mut |piece, _| answer.extend_from_slice(piece), observer)?;
        messages::parse_document(&String::from_utf8_lossy(&answer)).ok_or(Failure::Answer { verb })
    }
}
