//! The blind half of a restore: fetches a point and its keyring into an empty directory and proves
//! every byte of it by the signed manifests. Opening the vault is the other half, and the store's.
//!
//! It can be killed at any moment. The directory's journal says which point it is for; the next run
//! hashes what is in place and fetches the rest.

mod directory;
mod error;
mod moment;
mod place;
mod plan;
mod replay;
mod state;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::spool::{Fault, KeyringManifest, MainManifest, Parent, Side, Signed};
use coffre_core::time::Timestamp;

pub use directory::{is_under_way, may_begin_in};
pub use error::{PlanError, RestoreError};
pub use plan::{LostLog, MOMENT, Plan, Rewound, plan};

use crate::content::Meter;
use crate::destination::Source;
use crate::disk::Disk;
use crate::inventory::InventoryFailure;
use crate::observer::{Observer, Stage};
use crate::sources::{Sources, is_there};
use directory::Directory;
use moment::Replay;
use place::Placing;
use plan::{PlannedFile, each_document, planned_document};

/// A directory with all files of a vault, each with the bytes that were signed. Still marked as a
/// restore: call [`Restored::finish`] when the vault in it has been opened and checked.
#[derive(Debug)]
pub struct Restored {
    /// The newest manifest.
    pub main: Signed<MainManifest>,
    /// The manifest of the keyring that was restored.
    pub keyring: Signed<KeyringManifest>,
    /// The moment that records are restored to.
    pub captured: Timestamp,
    /// The oldest and the newest moment that the place offered.
    pub window: (Timestamp, Timestamp),
    /// The signed audit tree head of the newest moment, as a note.
    pub audit_head: String,
    /// The moment that records are to be set back to: `vault.db` as it was then is in [`MOMENT`].
    pub rewound: Option<Rewound>,
    /// Why the newest state could not be had, where that was accepted.
    pub lost: Option<String>,
    /// Files that this run fetched.
    pub fetched: u64,
    /// Bytes that this run fetched.
    pub fetched_bytes: u64,
    /// Files that an earlier run had fetched.
    pub found: u64,
    directory: Directory,
}

impl Restored {
    /// The directory.
    pub fn directory(&self) -> &Path {
        self.directory.root()
    }

    /// What the new generation names as its parents: on the main side, and on the keyring side.
    pub fn parents(&self) -> (Parent, Parent) {
        let main = Parent { audit_head: Some(self.audit_head.clone()), ..self.main.as_parent() };
        (main, self.keyring.as_parent())
    }

    /// Says that the vault was opened and checked: the directory is no restore any more.
    pub fn finish(self) -> Result<(), RestoreError> {
        let path = self.directory.root().display().to_string();
        self.directory.finish().map_err(|source| RestoreError::Io { path, source })
    }
}

/// Carries out a plan.
pub fn execute(
    plan: &Plan,
    sources: &Sources<'_>,
    directory: &Path,
    observer: &mut dyn Observer,
) -> Result<Restored, RestoreError> {
    let directory = Directory::claim(directory, &plan.point)?;
    if plan.rewound.is_none() {
        directory.forget_moment()?;
    }
    let mut restore = Restore { plan, sources, directory, fetched: 0, fetched_bytes: 0, found: 0 };
    let pending = restore.pending(observer)?;
    restore.check_space(&pending)?;
    restore.prepare(&pending, observer)?;
    restore.fetch(&pending, observer)?;
    restore.replay(observer)?;
    let Restore { directory, fetched, fetched_bytes, found, .. } = restore;
    directory.sync().map_err(|source| RestoreError::Io { path: directory.root().display().to_string(), source })?;
    // Durable: everything.
    let (main, keyring) = (plan.point.main.clone(), plan.point.keyring.clone());
    let point = plan.moment.point.as_ref();
    let audit_head = point.map_or_else(|| main.manifest.audit_head.clone(), |(_, point)| point.audit_head.clone());
    let Plan { captured, window, .. } = *plan;
    let (rewound, lost) = (plan.rewound.clone(), plan.lost.clone());
    Ok(Restored {
        main,
        keyring,
        captured,
        window,
        audit_head,
        rewound,
        lost,
        fetched,
        fetched_bytes,
        found,
        directory,
    })
}

/// What is not in place yet.
#[derive(Default)]
struct Pending {
    files: Vec<PlannedFile>,
    /// Folders of documents of which at least one is not in place.
    shards: BTreeSet<String>,
    /// Bytes that were found in place.
    found_bytes: u64,
}

struct Restore<'a> {
    plan: &'a Plan,
    sources: &'a Sources<'a>,
    directory: Directory,
    fetched: u64,
    fetched_bytes: u64,
    found: u64,
}

impl Restore<'_> {
    /// Hashes what an earlier run left, and finds what is to be fetched.
    fn pending(&mut self, observer: &mut dyn Observer) -> Result<Pending, RestoreError> {
        let mut pending = Pending::default();
        let mut meter = Meter::new(observer, Stage::Verifying, self.plan.bytes());
        for file in &self.plan.files {
            if place::is_placed(&self.directory, file, &mut meter)? {
                self.found += 1;
            } else {
                pending.files.push(file.clone());
            }
        }
        let mut found = 0;
        self.each_document(|file, shard| {
            if place::is_placed(&self.directory, &file, &mut meter)? {
                found += 1;
            } else {
                pending.shards.insert(shard);
            }
            Ok(())
        })?;
        self.found += found;
        pending.found_bytes = meter.done();
        Ok(pending)
    }

    /// Better at once than after hours.
    fn check_space(&self, pending: &Pending) -> Result<(), RestoreError> {
        let root = self.directory.root();
        let Ok(disk) = Disk::of(root) else { return Ok(()) };
        let needed = self.plan.bytes().saturating_sub(pending.found_bytes);
        if disk.free < needed {
            return Err(RestoreError::Full { directory: root.display().to_string(), needed });
        }
        Ok(())
    }

    /// Where fetching one by one is slow, what is pending is fetched at once.
    fn prepare(&self, pending: &Pending, observer: &mut dyn Observer) -> Result<(), RestoreError> {
        let scope = self.plan.scope();
        for side in Side::ALL {
            let of_side = pending.files.iter().filter(|file| file.side() == side);
            let objects = of_side.flat_map(|file| &file.objects);
            let mut paths: Vec<String> = objects.map(|object| object.name.path(scope)).collect();
            if side == Side::Main {
                let folder = format!("{}/documents", side.vault_folder(scope));
                paths.extend(pending.shards.iter().map(|shard| format!("{folder}/{shard}")));
            }
            let replays = self.plan.moment.replays.iter().filter(|replay| replay.side() == side);
            paths.extend(replays.flat_map(Replay::names).map(|name| name.path(scope)));
            if !paths.is_empty() {
                self.sources.of(side)?.prepare(&paths, observer)?;
            }
        }
        Ok(())
    }

    fn fetch(&mut self, pending: &Pending, observer: &mut dyn Observer) -> Result<(), RestoreError> {
        let mut meter = Meter::new(observer, Stage::Copying, self.plan.bytes());
        meter.set_done(pending.found_bytes);
        for file in &pending.files {
            self.place(file, &mut meter)?;
        }
        let (mut fetched, mut bytes) = (0, 0);
        self.each_document(|file, shard| {
            let path = self.directory.root().join(&file.target);
            // Those in place were hashed before, and those with wrong bytes removed.
            if pending.shards.contains(&shard) && path.symlink_metadata().is_err() {
                self.fetch_one(&file, &mut meter)?;
                fetched += 1;
                bytes += file.size();
            }
            Ok(())
        })?;
        self.fetched += fetched;
        self.fetched_bytes += bytes;
        Ok(())
    }

    /// Puts the segments onto the bases. One that was in place as a base is one whose segments were not
    /// begun with: what is begun does not have the base's hash, and was fetched again.
    fn replay(&mut self, observer: &mut dyn Observer) -> Result<(), RestoreError> {
        let mut meter =
            Meter::new(observer, Stage::Replaying, self.plan.moment.replays.iter().map(Replay::bytes).sum());
        for replay in &self.plan.moment.replays {
            let source = self.sources.of(replay.side())?;
            let root = self.directory.root();
            let done = replay::replay(replay, source, &self.plan.pinned, root, &mut meter);
            done.map_err(|placing| self.failed(placing, source, Path::new(replay.target)))?;
            self.fetched += replay.segments.len() as u64;
            self.fetched_bytes += replay.bytes();
        }
        Ok(())
    }

    fn failed(&self, placing: Placing, source: &dyn Source, target: &Path) -> RestoreError {
        match placing {
            // A place that has got out of reach is not a damaged one.
            Placing::Fault(fault @ Fault::Unreadable { .. }) => {
                match is_there(source, fault.object().unwrap_or_default()) {
                    Err(error) => error.into(),
                    Ok(_) => RestoreError::Fault { fault },
                }
            }
            Placing::Fault(fault) => RestoreError::Fault { fault },
            Placing::Source(error) => error.into(),
            Placing::Cancelled(cancelled) => cancelled.into(),
            Placing::Write(error) => self.write_error(target, error),
        }
    }

    fn place(&mut self, file: &PlannedFile, meter: &mut Meter<'_>) -> Result<(), RestoreError> {
        self.fetch_one(file, meter)?;
        self.fetched += 1;
        self.fetched_bytes += file.size();
        Ok(())
    }

    fn fetch_one(&self, file: &PlannedFile, meter: &mut Meter<'_>) -> Result<(), RestoreError> {
        let source = self.sources.of(file.side())?;
        let placed = place::place(&self.directory, source, self.plan.scope(), file, meter);
        placed.map_err(|placing| self.failed(placing, source, &file.target))
    }

    fn write_error(&self, target: &Path, source: io::Error) -> RestoreError {
        let directory = self.directory.root().display().to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                RestoreError::Full { directory, needed: self.plan.bytes() }
            }
            _ => {
                let path: PathBuf = self.directory.root().join(target);
                RestoreError::Io { path: path.display().to_string(), source }
            }
        }
    }

    /// Each document of the point, with the folder it is in.
    fn each_document(
        &self,
        mut each: impl FnMut(PlannedFile, String) -> Result<(), RestoreError>,
    ) -> Result<(), RestoreError> {
        let main = self.sources.of(Side::Main)?;
        let manifest = &self.plan.point.main.manifest;
        let read = each_document(main, manifest, &self.plan.moment, self.plan.scope(), |entry| {
            each(planned_document(&entry), entry.name.shard())
        });
        read.map_err(|failure| match failure {
            InventoryFailure::Fault(fault) => RestoreError::Fault { fault },
            InventoryFailure::Source(error) => error.into(),
            InventoryFailure::Each(error) => error,
        })
    }
}
