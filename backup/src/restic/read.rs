//! Reads a repository without restoring: its snapshots, their files, one file, its size.

use std::borrow::Cow;
use std::ffi::OsString;

use serde::Deserialize;

use super::answer::Answer;
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

    /// The files and folders of a snapshot, one after the other. Gives its full identifier, if restic says it.
    pub fn list(
        &self,
        repository: &Repository,
        snapshot: &str,
        mut each: impl FnMut(Node),
        observer: &mut dyn Observer,
    ) -> Result<Option<String>, Failure> {
        let (mut lines, mut listed) = (Lines::default(), None);
        let mut line = |line: &str| match messages::parse_node(line) {
            Some(node) => each(node),
            None => listed = listed.take().or_else(|| messages::parse_listed(line)),
        };
        let arguments = arguments(["ls", "--json", "--no-lock", "--", snapshot]);
        self.run(repository, arguments, None, &mut |piece, _| lines.push(piece, &mut line), observer)?;
        lines.finish(line);
        Ok(listed)
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
        self.dump_to(repository, snapshot, path, &mut |piece| bytes.extend_from_slice(piece), observer)?;
        Ok(bytes)
    }

    /// The bytes of one file of a snapshot, piece by piece. Only when this returns is the file known to be whole.
    pub fn dump_to(
        &self,
        repository: &Repository,
        snapshot: &str,
        path: &str,
        each: &mut dyn FnMut(&[u8]),
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let arguments = arguments(["dump", "--no-lock", "--", snapshot, path]);
        self.run(repository, arguments, None, &mut |piece, _| each(piece), observer)
    }

    /// The same, where nothing found is an answer too: an empty one, or `null`.
    pub(super) fn document_or_nothing<T: for<'a> Deserialize<'a> + Default>(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        verb: &'static str,
        observer: &mut dyn Observer,
    ) -> Result<T, Failure> {
        let answer = self.answer(repository, arguments, verb, observer)?;
        if answer.trim().is_empty() {
            return Ok(T::default());
        }
        let document: Option<Option<T>> = messages::parse_document(&answer);
        Ok(document.ok_or(Failure::Answer { verb })?.unwrap_or_default())
    }

    /// What is answered with one document.
    pub(super) fn document<T: for<'a> Deserialize<'a>>(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        verb: &'static str,
        observer: &mut dyn Observer,
    ) -> Result<T, Failure> {
        let answer = self.answer(repository, arguments, verb, observer)?;
        messages::parse_document(&answer).ok_or(Failure::Answer { verb })
    }

    /// All that a command says.
    pub(super) fn answer(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        verb: &'static str,
        observer: &mut dyn Observer,
    ) -> Result<String, Failure> {
        let mut answer = Answer::default();
        self.run(repository, arguments, None, &mut |piece, _| answer.push(piece), observer)?;
        let too_much = || Failure::TooMuch { repository: repository.label(), verb };
        answer.text().map(Cow::into_owned).ok_or_else(too_much)
    }
}
