//! The writer's connections to the four databases, and whether the files under them are still the
//! ones it opened.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coffre_core::keyset::Keyset;
use rusqlite::Connection;

use crate::capture::{Changes, Mark};
use crate::connection::{self, Use};
use crate::error::Unavailable;
use crate::layout::{Database, Layout};
use crate::log_file::Tail;
use crate::schema;

/// A database that others restore from: it and its log must stay linked.
pub(crate) const KEPT: [Database; 3] = [Database::Keyring, Database::Vault, Database::Audit];

/// What the writer may keep of `audit.db` in memory, in KiB.
const AUDIT_CACHE: i64 = 1024;
/// The same of `keyring.db`.
const KEYRING_CACHE: i64 = 4 * 1024;

/// A database file or its write-ahead log, and what stood under its name when it was opened.
struct Link {
    database: Database,
    path: PathBuf,
    /// None before the log is there.
    inode: Option<u64>,
}

impl Link {
    fn of(database: Database, path: PathBuf) -> Self {
        Self { inode: inode(&path), database, path }
    }
}

/// The writer's connections.
pub(crate) struct Files {
    pub(crate) vault: Connection,
    pub(crate) keyring: Connection,
    pub(crate) audit: Connection,
    pub(crate) index: Connection,
    frames: [Arc<AtomicU64>; 3],
    index_frames: Arc<AtomicU64>,
    /// Whether each log's frames are known: after a commit to all of them, or a checkpoint.
    counted: AtomicBool,
    /// Whether no key was destroyed since the keyring was rebuilt.
    rebuilt: AtomicBool,
    links: Vec<Link>,
    layout: Layout,
}

impl Files {
    /// Opens all four.
    pub(crate) fn open(layout: &Layout, keys: &Keyset) -> rusqlite::Result<Self> {
        let open = |database| connection::open_own(layout, keys, database, Use::Write);
        let (mut keyring, mut vault, mut audit) =
            (open(Database::Keyring)?, open(Database::Vault)?, open(Database::Audit)?);
        // An append needs the end of the log, and a key is looked up where nobody was lately.
        for (little, kib) in [(&audit, AUDIT_CACHE), (&keyring, KEYRING_CACHE)] {
            little.pragma_update(None, "cache_size", -kib)?;
        }
        let frames = [
            connection::watch_wal(&mut keyring)?,
            connection::watch_wal(&mut vault)?,
            connection::watch_wal(&mut audit)?,
        ];
        let (index, index_frames) = open_index(layout, keys)?;
        let files = |database| [layout.database(database), layout.wal(database)];
        let links = KEPT.into_iter().flat_map(|kept| files(kept).map(|path| Link::of(kept, path))).collect();
        let (counted, rebuilt) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { vault, keyring, audit, index, frames, index_frames, counted, rebuilt, links, layout: layout.clone() })
    }

    /// Opens `index.db` again, which was made anew.
    pub(crate) fn open_index(&mut self, keys: &Keyset) -> rusqlite::Result<()> {
        (self.index, self.index_frames) = open_index(&self.layout, keys)?;
        Ok(())
    }

    /// The kept database in which the writer met a damaged page, if it did: it must not commit what it
    /// read since. A group that only appends to the log rests on that file alone.
    pub(crate) fn damaged(&self, only_appends: bool) -> Option<Database> {
        let rests_on = |database: &Database| !only_appends || *database == Database::Audit;
        let failed = |(_, connection): &(Database, &Connection)| connection::has_failed(connection);
        let mut kept = self.kept().into_iter().filter(|(database, _)| rests_on(database));
        kept.find(failed).map(|(database, _)| database)
    }

    /// Refuses to go on when a file or a write-ahead log was unlinked or replaced: what is committed to it
    /// would be lost.
    pub(crate) fn still_linked(&self) -> Result<(), Unavailable> {
        for link in &self.links {
            if link.inode.is_some() && inode(&link.path) != link.inode {
                return Err(Unavailable::Replaced { file: link.database.file_name() });
            }
        }
        Ok(())
    }

    /// Remembers the logs' inodes once they exist.
    pub(crate) fn note_links(&mut self) {
        for link in self.links.iter_mut().filter(|link| link.inode.is_none()) {
            link.inode = inode(&link.path);
        }
    }

    /// Pages in the longest of the write-ahead logs.
    pub(crate) fn longest_wal(&self) -> u64 {
        self.longest_kept_wal().max(self.index_wal())
    }

    /// Pages in the longest of the kept write-ahead logs.
    pub(crate) fn longest_kept_wal(&self) -> u64 {
        self.reported().into_iter().max().unwrap_or(0)
    }

    /// Pages in the write-ahead log of `index.db`.
    pub(crate) fn index_wal(&self) -> u64 {
        self.index_frames.load(Ordering::Relaxed)
    }

    /// Frames in each of the kept write-ahead logs, as far as commits have reported them.
    pub(crate) fn reported(&self) -> [u64; 3] {
        self.frames.each_ref().map(|frames| frames.load(Ordering::Relaxed))
    }

    /// Frames in the write-ahead logs of the kept databases.
    pub(crate) fn kept_frames(&self) -> u64 {
        self.reported().iter().sum()
    }

    /// This moment, for the capture.
    pub(crate) fn mark(&self, tail: &Tail, documents: Changes) -> Mark {
        let frames = self.reported();
        Mark { frames, time: tail.time, head: tail.head.note.clone(), documents }
    }

    /// The connections of the databases that are backed up, in the order of their commits.
    pub(crate) fn kept(&self) -> [(Database, &Connection); 3] {
        [(Database::Keyring, &self.keyring), (Database::Vault, &self.vault), (Database::Audit, &self.audit)]
    }

    /// Commits something to every kept database. The frames of a failed commit may stand in a log behind
    /// what counts, where a crash would bring them back to life: this writes over them. It also proves
    /// that the disk takes writes.
    pub(crate) fn overwrite_failed(&self) -> rusqlite::Result<()> {
        KEPT.into_iter().try_for_each(|database| self.commit_once_more(database))?;
        self.counted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Commits to a kept database what it says already: a frame that stands behind all others.
    pub(crate) fn commit_once_more(&self, database: Database) -> rusqlite::Result<()> {
        let mut kept = self.kept().into_iter().filter(|(kept, _)| *kept == database);
        kept.try_for_each(|(kept, connection)| connection.pragma_update(None, "user_version", schema::version(kept)))
    }

    /// Rebuilds the keyring: no destroyed key survives that in its free pages. Everybody waits for it, of a million keys for
    /// seconds, so not where none was destroyed since it was last done.
    pub(crate) fn rebuild_keyring(&self) -> rusqlite::Result<()> {
        if !self.rebuilt.load(Ordering::Relaxed) {
            self.keyring.execute_batch("VACUUM")?;
            self.rebuilt.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Keys are about to be destroyed.
    pub(super) fn destroys_keys(&self) {
        self.rebuilt.store(false, Ordering::Relaxed);
    }

    /// Frames in each of the kept write-ahead logs. Where nothing was committed since the files were opened, a commit has the
    /// hooks report what was there.
    pub(crate) fn frames(&self) -> rusqlite::Result<[u64; 3]> {
        let unknown = !self.counted.load(Ordering::Relaxed)
            && KEPT.iter().zip(&self.frames).any(|(database, frames)| {
                let log = fs::metadata(self.layout.wal(*database)).map_or(0, |log| log.len());
                frames.load(Ordering::Relaxed) == 0 && log > 0
            });
        if unknown {
            self.overwrite_failed()?;
        }
        Ok(self.reported())
    }

    /// Resets the frame counter of a log that was taken in.
    pub(crate) fn taken_in(&self, database: Database) {
        let of_it = KEPT.into_iter().zip(&self.frames).filter(|(kept, _)| *kept == database);
        of_it.for_each(|(_, frames)| frames.store(0, Ordering::Relaxed));
    }

    /// Resets the frame counters of the kept databases after a checkpoint that took everything.
    pub(crate) fn checkpointed(&self) {
        self.frames.iter().for_each(|frames| frames.store(0, Ordering::Relaxed));
        self.counted.store(true, Ordering::Relaxed);
    }

    /// The same of `index.db` alone.
    pub(crate) fn index_checkpointed(&self) {
        self.index_frames.store(0, Ordering::Relaxed);
    }
}

fn open_index(layout: &Layout, keys: &Keyset) -> rusqlite::Result<(Connection, Arc<AtomicU64>)> {
    let mut index = connection::open_own(layout, keys, Database::Index, Use::Write)?;
    // Derived: a crash may lose its last commits, never its consistency.
    index.execute_batch("PRAGMA synchronous = NORMAL")?;
    let frames = connection::watch_wal(&mut index)?;
    Ok((index, frames))
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.ino())
}
