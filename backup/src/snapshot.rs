//! A restic snapshot as a place to read from: listed once, its files fetched into a private folder
//! when they are asked for. What restic says is not believed; the signed manifests prove it.

mod folder;
mod patterns;
mod tree;
mod until;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::destination::{Contents, FileSystem, Source, SourceError};
use crate::disk::Disk;
use crate::objective;
use crate::observer::{Observer, Progress, Stage};
use crate::restic::messages::Snapshot as Listed;
use crate::restic::{Failure, Repository, Restic, RestoreError};
use folder::Folder;
use patterns::patterns;
use tree::Tree;
use until::Until;

/// How many patterns one command line has: it has room for some thousands.
const AT_ONCE: usize = 1_000;

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
    /// It lists more than can be worked with: few bytes can stand for any number of names.
    #[error(
        "a snapshot in {repository} lists more than this machine has memory for: see who may write there, then name another one"
    )]
    TooMany {
        /// The repository.
        repository: String,
    },
    /// It holds what no spool does. restic makes links as it finds them, and would follow one out of the folder it
    /// fetches to where the same name is there again.
    #[error(
        "a snapshot in {repository} holds a link, or one name twice, which no backup of Coffre does: see who may write there, then name another one"
    )]
    Foreign {
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
    /// Bytes that stay free on the disk of what is fetched.
    leaves: u64,
    _folder: Folder,
}

impl<'a> Snapshot<'a> {
    /// Lists a snapshot: the one named, or the newest of the vault. Files are fetched into a folder
    /// of their own in `scratch`.
    ///
    /// Of two that seem to be the newest, since one of them is in the future, it is the one that goes further: one made
    /// while a clock was ahead must not hide all those after it, nor a clock that is behind here the newest.
    pub fn open(
        restic: &'a Restic,
        repository: &'a Repository,
        scope: &Scope,
        snapshot: Option<&str>,
        now: Timestamp,
        scratch: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self, SnapshotError> {
        observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
        let (mut id, other) = match snapshot {
            Some(id) => (id.to_owned(), None),
            None => newest(restic.snapshots(repository, &host(scope), TAG, observer)?, now)
                .ok_or_else(|| SnapshotError::None { repository: repository.label() })?,
        };
        let mut tree = Tree::of(restic, repository, &id, observer)?;
        if snapshot.is_some() {
            // What is named by its beginning, or as the latest, may be another one the next time, and nobody looked at that.
            id = tree.id.take().ok_or(Failure::Answer { verb: "ls" })?;
        }
        if let Some(other) = other {
            let beyond = Tree::of(restic, repository, &other, observer)?;
            if beyond.goes_beyond(&tree, scope) {
                (id, tree) = (other, beyond);
            }
        }
        let failed = |source| SnapshotError::Scratch { folder: scratch.display().to_string(), source };
        let folder = Folder::new(scratch).map_err(failed)?;
        let fetched = FileSystem::new(folder.path());
        Ok(Self { restic, repository, id, folders: tree.folders, fetched, leaves: 0, _folder: folder })
    }

    /// The same, that leaves so many bytes free on the disk it fetches to.
    #[must_use]
    pub fn leaving(self, bytes: u64) -> Self {
        Self { leaves: bytes, ..self }
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
        let failed = |error: RestoreError| match error {
            RestoreError::Restic(Failure::Cancelled(cancelled)) => cancelled.into(),
            error => SourceError::Fetch { place: self.label(), source: Box::new(error) },
        };
        let root = self.fetched.root();
        let needed = self.lacks(paths).saturating_add(self.leaves);
        let full = || failed(RestoreError::Full { folder: root.display().to_string(), needed });
        let has_less = |bytes| Disk::of(root).is_ok_and(|disk| disk.free < bytes);
        if has_less(needed) {
            return Err(full());
        }
        for some in self.include(paths).chunks(AT_ONCE) {
            // Whoever may write to a repository can have it list less than it brings.
            let over = || has_less(self.leaves);
            let mut until = Until { observer: &mut *observer, over: &over };
            let restored = self.restic.restore(self.repository, &self.id, root, some, &mut until);
            restored.map_err(|error| match error {
                RestoreError::Restic(Failure::Cancelled(_)) if !observer.cancelled() => full(),
                error => failed(error),
            })?;
        }
        Ok(())
    }

    /// Bytes that are listed of some files and folders, but for what was fetched before.
    fn lacks(&self, paths: &[String]) -> u64 {
        let lacking = |path: &str, size: u64| {
            let fetched = self.fetched.size(path).ok().flatten();
            if fetched == Some(size) { 0 } else { size }
        };
        let of = |path: &String| match self.has(path) {
            Some(size) => lacking(path, size),
            None => self.files_below(path).map(|(file, size)| lacking(&file, size)).fold(0, u64::saturating_add),
        };
        paths.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The files below a folder, and their sizes.
    fn files_below(&self, path: &str) -> impl Iterator<Item = (String, u64)> {
        let is_below =
            move |folder: &str| folder.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let folders = self.folders.range(path.to_owned()..).take_while(move |(folder, _)| folder.starts_with(path));
        folders.filter(move |(folder, _)| is_below(folder)).flat_map(|(folder, contents)| {
            contents.objects.iter().map(move |(name, size)| (format!("{folder}/{name}"), *size))
        })
    }

    /// How restic is asked for some files and folders. Only for what the snapshot has: it takes the absence of a pattern
    /// for a success.
    fn include(&self, paths: &[String]) -> Vec<String> {
        let (mut include, mut files) = (Vec::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
        for path in paths {
            if self.folders.contains_key(path) {
                include.push(format!("/{path}"));
            } else if self.has(path).is_some() {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                files.entry(folder).or_default().insert(name);
            }
        }
        for (folder, wanted) in files {
            let all = self.folders.get(folder).into_iter().flat_map(|contents| &contents.objects);
            let patterns = patterns(all.map(|(name, _)| name.as_str()), &wanted);
            include.extend(patterns.into_iter().map(|pattern| format!("/{folder}/{pattern}")));
        }
        include
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

/// The newest that is not in the future, and the newest of all where that is another one.
fn newest(snapshots: Vec<Listed>, now: Timestamp) -> Option<(String, Option<String>)> {
    // Times come with the offset of the machine that made them.
    let time = |snapshot: &Listed| snapshot.time.parse::<Timestamp>().ok();
    let is_past =
        |snapshot: &&Listed| time(snapshot).is_some_and(|time| !objective::is_in_future(objective::age(time, now)));
    let past = snapshots.iter().filter(is_past).max_by_key(|snapshot| time(snapshot)).map(|past| past.id.clone());
    let last = snapshots.into_iter().max_by_key(time)?.id;
    Some(match past {
        Some(past) if past != last => (past, Some(last)),
        _ => (last, None),
    })
}
