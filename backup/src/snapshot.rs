//! A restic snapshot as a place to read from: listed once, its files fetched into a private folder
//! when they are asked for. What restic says is not believed; the signed manifests prove it.

mod folder;
mod patterns;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ObjectName, Ordinal, Side};
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::destination::{Contents, FileSystem, Source, SourceError};
use crate::objective;
use crate::observer::{Observer, Progress, Stage};
use crate::restic::messages::{Node, Snapshot as Listed};
use crate::restic::{Failure, Repository, Restic, RestoreError};
use folder::Folder;
use patterns::patterns;

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
        if let Some(other) = other {
            let beyond = Tree::of(restic, repository, &other, observer)?;
            if beyond.goes_beyond(&tree, scope) {
                (id, tree) = (other, beyond);
            }
        }
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
        let failed = |error| match error {
            RestoreError::Restic(Failure::Cancelled(cancelled)) => cancelled.into(),
            error => SourceError::Fetch { place: self.label(), source: Box::new(error) },
        };
        for some in self.include(paths).chunks(AT_ONCE) {
            self.restic.restore(self.repository, &self.id, self.fetched.root(), some, observer).map_err(failed)?;
        }
        Ok(())
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

/// The files of the main side as restic lists them, by folder.
#[derive(Default)]
struct Tree {
    folders: BTreeMap<String, Contents>,
}

impl Tree {
    fn of(
        restic: &Restic,
        repository: &Repository,
        snapshot: &str,
        observer: &mut dyn Observer,
    ) -> Result<Self, Failure> {
        let mut tree = Self::default();
        restic.list(repository, snapshot, |node| tree.add(&node), observer)?;
        Ok(tree)
    }

    /// Whether its log goes on where that of another ends. What is named so is proven when it is read.
    fn goes_beyond(&self, other: &Self, scope: &Scope) -> bool {
        let others = other.ends(scope);
        self.ends(scope).iter().any(|(id, end)| others.get(id).is_some_and(|other| end > other))
    }

    /// The last place of the log of each generation.
    fn ends(&self, scope: &Scope) -> BTreeMap<GenerationId, Ordinal> {
        let mut ends = BTreeMap::new();
        for (folder, contents) in &self.folders {
            for (name, _) in &contents.objects {
                if let Ok(
                    ObjectName::Base { generation, chain: Chain::Audit, position }
                    | ObjectName::Segment { generation, chain: Chain::Audit, position },
                ) = ObjectName::parse(&format!("{folder}/{name}"), scope)
                {
                    let end = ends.entry(generation).or_insert(position);
                    *end = position.max(*end);
                }
            }
        }
        ends
    }

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
