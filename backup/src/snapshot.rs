//! A restic snapshot as a place to read from: listed once, its files fetched into a private folder
//! when they are asked for. What restic says is not believed; the signed manifests prove it.

mod folder;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::spool::Side;
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::destination::{Contents, FileSystem, Source, SourceError};
use crate::observer::{Observer, Progress, Stage};
use crate::restic::messages::Node;
use crate::restic::{Failure, Repository, Restic, RestoreError};
use folder::Folder;

/// The tag of every snapshot of a spool.
pub const TAG: &str = "coffre";

/// The host that snapshots of a vault are filed under: environment and vault, wherever they are made.
pub fn host(scope: &Scope) -> String {
    format!("{}-{}", scope.environment, scope.vault)
}

/// A snapshot that cannot be read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// There is none of this vault.
    #[error("{repository} holds no snapshot of this vault: check the environment and the vault")]
    None {
        /// The repository.
        repository: String,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
    /// The private folder could not be made.
    #[error("no folder can be made in {folder} ({source}): check its permissions and free space")]
    Scratch {
        /// Where it was to be.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A snapshot of the main side. The folder of fetched files goes with it.
pub struct Snapshot<'a> {
    restic: &'a Restic,
    repository: &'a Repository,
    id: String,
    folders: BTreeMap<String, Contents>,
    fetched: FileSystem,
    _folder: Folder,
}

impl<'a> Snapshot<'a> {
    /// Lists a snapshot: the one named, or the newest of the vault. Files are fetched into a folder
    /// of their own in `scratch`.
    pub fn open(
        restic: &'a Restic,
        repository: &'a Repository,
        scope: &Scope,
        snapshot: Option<&str>,
        scratch: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self, SnapshotError> {
        observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
        let id = match snapshot {
            Some(id) => id.to_owned(),
            None => newest(restic, repository, scope, observer)?,
        };
        let mut tree = Tree::default();
        restic.list(repository, &id, |node| tree.add(&node), observer)?;
        let failed = |source| SnapshotError::Scratch { folder: scratch.display().to_string(), source };
        let folder = Folder::new(scratch).map_err(failed)?;
        let fetched = FileSystem::new(folder.path());
        Ok(Self { restic, repository, id, folders: tree.sorted(), fetched, _folder: folder })
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn has(&self, path: &str) -> Option<u64> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let objects = &self.folders.get(folder)?.objects;
        let at = objects.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        objects.get(at).map(|(_, size)| *size)
    }

    fn fetch(&self, paths: &[String], observer: &mut dyn Observer) -> Result<(), SourceError> {
        // Only what the snapshot has: restic takes the absence of a pattern for a success.
        let there = |path: &&String| self.has(path).is_some() || self.folders.contains_key(*path);
        let include: Vec<String> = paths.iter().filter(there).map(|path| format!("/{path}")).collect();
        if include.is_empty() {
            return Ok(());
        }
        self.restic.restore(self.repository, &self.id, self.fetched.root(), &include, observer).map_err(|error| {
            match error {
                RestoreError::Restic(Failure::Cancelled(cancelled)) => cancelled.into(),
                error => SourceError::Fetch { place: self.label(), source: Box::new(error) },
            }
        })
    }
}

impl Source for Snapshot<'_> {
    fn label(&self) -> String {
        format!("snapshot {} in {}", self.id.get(..8).unwrap_or(&self.id), self.repository.label())
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        if self.has(path).is_none() {
            return Err(SourceError::NotFound { place: self.label(), path: path.to_owned() });
        }
        if self.fetched.size(path)?.is_none() {
            self.fetch(&[path.to_owned()], &mut ())?;
        }
        self.fetched.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(self.has(path))
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        Ok(self.folders.get(folder).cloned().unwrap_or_default())
    }

    fn prepare(&self, paths: &[String], observer: &mut dyn Observer) -> Result<(), SourceError> {
        self.fetch(paths, observer)
    }

    fn staged(&self, path: &str) -> Option<PathBuf> {
        let size = self.fetched.size(path).ok()??;
        (self.has(path) == Some(size)).then(|| self.fetched.root().join(path))
    }
}

fn newest(
    restic: &Restic,
    repository: &Repository,
    scope: &Scope,
    observer: &mut dyn Observer,
) -> Result<String, SnapshotError> {
    let list = restic.snapshots(repository, &host(scope), TAG, observer)?;
    // Times come with the offset of the machine that made them.
    let newest = list.into_iter().max_by_key(|snapshot| snapshot.time.parse::<Timestamp>().ok());
    newest.map(|newest| newest.id).ok_or_else(|| SnapshotError::None { repository: repository.label() })
}

/// The files of the main side as restic lists them, by folder.
#[derive(Default)]
struct Tree {
    folders: BTreeMap<String, Contents>,
}

impl Tree {
    fn add(&mut self, node: &Node) {
        let path = node.path.trim_start_matches('/');
        if path.split('/').next() != Some(Side::Main.folder()) {
            return;
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let contents = self.folders.entry(folder.to_owned()).or_default();
        match node.kind.as_str() {
            "file" => contents.objects.push((name.to_owned(), node.size)),
            "dir" => {
                contents.folders.push(name.to_owned());
                self.folders.entry(path.to_owned()).or_default();
            }
            // Links and devices are no objects.
            _ => {}
        }
    }

    fn sorted(mut self) -> BTreeMap<String, Contents> {
        for contents in self.folders.values_mut() {
            contents.objects.sort_unstable();
            contents.folders.sort_unstable();
        }
        self.folders
    }
}
