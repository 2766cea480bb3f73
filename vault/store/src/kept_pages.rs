//! The pages that the three kept databases have, in the file `pages` and in memory, where every reading of a page is compared
//! with it ([`coffre_pages`]). The format is in `coffre_core::page_file`.
//!
//! A checkpoint is announced first: what the pages it writes will be is durable before SQLite writes any. Up to the end of the checkpoint all
//! of them stand in the write-ahead log, where they are read from; so a crash at any point leaves nothing that is read and not known.
//!
//! Pages that somebody accepts as they are stand beside the file, in `pages.next`, until the entry that says so is durable; only then do they
//! take its place.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use coffre_core::crypto::{Scope, SecretKey};
use coffre_core::keyset::Keyset;
use coffre_core::page_file::{NotOurs, PageFile, PageRecord, PagesOf};
use coffre_pages::{Digest, PAGE, Pages, Watched, digest, watch};
use thiserror::Error;

use crate::capture::{FramesError, Logs};
use crate::durable::{sync_directory, write_private};
use crate::layout::{Database, Layout};
use crate::writer::KEPT;

/// The fact in `meta` of `vault.db` that the file is there.
pub(crate) const FACT: &str = "pages";
/// A frame of a write-ahead log: its header, and a page.
const FRAME_HEADER: usize = 24;
/// The file is written anew when it has grown beyond this many times of what it says.
const GROWN: u64 = 3;
/// But not below this size.
const SMALL: u64 = 1 << 16;

/// Pages that cannot be watched, or not said to change.
#[derive(Debug, Error)]
pub(crate) enum PagesError {
    #[error("the file pages cannot be used")]
    Io(#[from] io::Error),
    #[error("the file pages is not this vault's: {0}")]
    NotOurs(#[from] NotOurs),
    #[error("what is to be taken into the database files is not what was written ({0})")]
    Frames(#[from] FramesError),
}

/// The pages of keyring, vault and audit, watched while this lives.
pub(crate) struct KeptPages {
    pages: [Arc<Pages>; 3],
    file: Mutex<Said>,
    _watched: [Watched; 3],
}

/// The file as it was written last, and its path.
struct Said {
    file: PageFile,
    path: PathBuf,
}

const fn key(keys: &Keyset) -> &SecretKey {
    &keys.databases.vault
}

/// Writes down what the database files hold now. Nothing has them open: closing a file drops its locks.
pub(crate) fn begin(layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<(), PagesError> {
    begin_at(&layout.pages(), layout, keys, scope)
}

/// The same, to be accepted: in force once `KeptPages::accept` has returned.
pub(crate) fn begin_next(layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<(), PagesError> {
    begin_at(&layout.next_pages(), layout, keys, scope)
}

fn begin_at(path: &Path, layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<(), PagesError> {
    let mut record = PageRecord::default();
    for (database, pages) in KEPT.into_iter().zip(&mut record.0) {
        *pages = whole(&digests(layout, database)?);
    }
    write_whole(path, key(keys), scope, &record).map(drop)
}

fn write_whole(path: &Path, key: &SecretKey, scope: &Scope, record: &PageRecord) -> Result<PageFile, PagesError> {
    let (file, mut bytes) = PageFile::begin(key, scope);
    let (file, record) = file.write(record);
    bytes.extend(record);
    write_private(path, &bytes)?;
    Ok(file)
}

fn digests(layout: &Layout, database: Database) -> io::Result<Vec<Digest>> {
    let mut file = File::open(layout.database(database))?;
    let (mut page, mut digests) = (Vec::with_capacity(PAGE), Vec::new());
    loop {
        page.clear();
        io::Read::by_ref(&mut file).take(PAGE as u64).read_to_end(&mut page)?;
        if page.len() < PAGE {
            return Ok(digests);
        }
        digests.push(digest(&page));
    }
}

fn whole(digests: &[Digest]) -> PagesOf {
    let changed: Vec<_> = (0_u32..).zip(digests.iter().copied()).collect();
    PagesOf { count: u32::try_from(changed.len()).unwrap_or(u32::MAX), changed }
}

fn apply(pages: &Pages, record: &PagesOf) {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    pages.change(index(record.count), record.changed.iter().map(|(number, digest)| (index(*number), *digest)));
}

impl KeptPages {
    /// Reads a file, if there is one, and watches the databases from now on.
    pub(crate) fn load(
        path: PathBuf,
        layout: &Layout,
        keys: &Keyset,
        scope: &Scope,
    ) -> Result<Option<Self>, PagesError> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let (file, records) = PageFile::read(&bytes, key(keys), scope)?;
        let pages: [Arc<Pages>; 3] = Default::default();
        for record in &records {
            pages.iter().zip(&record.0).for_each(|(pages, record)| apply(pages, record));
        }
        let [keyring, vault, audit] = &pages;
        let watched = |database, pages: &Arc<Pages>| watch(&layout.database(database), Arc::clone(pages));
        let watched =
            [watched(Database::Keyring, keyring)?, watched(Database::Vault, vault)?, watched(Database::Audit, audit)?];
        Ok(Some(Self { pages, file: Mutex::new(Said { file, path }), _watched: watched }))
    }

    /// Puts the file in its place, if it stands beside it. Durable when it returns.
    pub(crate) fn accept(&self, layout: &Layout) -> Result<(), PagesError> {
        let mut said = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        fs::rename(&said.path, layout.pages())?;
        said.path = layout.pages();
        Ok(sync_directory(layout.root())?)
    }

    /// The pages of one of them.
    pub(crate) fn of(&self, database: Database) -> Option<&Pages> {
        KEPT.into_iter().zip(&self.pages).find(|(kept, _)| *kept == database).map(|(_, pages)| pages.as_ref())
    }

    /// Says what the database files will be once so many frames of their logs are taken into them. Durable when it returns.
    /// Nobody reads from the files before they are.
    pub(crate) fn announce(
        &self,
        layout: &Layout,
        keys: &Keyset,
        scope: &Scope,
        frames: [u64; 3],
    ) -> Result<(), PagesError> {
        let mut logs = Logs::new(layout);
        let mut record = PageRecord::default();
        for (which, ((pages, now), frames)) in record.0.iter_mut().zip(&self.pages).zip(frames).enumerate() {
            *pages = to_come(&mut logs, which, frames, now.count())?;
        }
        if record.0.iter().zip(&self.pages).all(|(pages, now)| same(pages, now)) {
            return Ok(());
        }
        let mut said = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Said { file, path } = &mut *said;
        let (next, bytes) = file.write(&record);
        let whole_length = self.pages.iter().map(|pages| pages.count() as u64 * 20).sum::<u64>() + SMALL;
        if next.length() > whole_length * GROWN {
            self.pages.iter().zip(&record.0).for_each(|(pages, record)| apply(pages, record));
            let all = self.pages.each_ref().map(|pages| whole(&pages.all()));
            *file = write_whole(path, key(keys), scope, &PageRecord(all))?;
            return Ok(());
        }
        let open = OpenOptions::new().write(true).open(path)?;
        // What a crash left behind what counts.
        open.set_len(file.length())?;
        open.write_all_at(&bytes, file.length())?;
        open.sync_all()?;
        *file = next;
        self.pages.iter().zip(&record.0).for_each(|(pages, record)| apply(pages, record));
        Ok(())
    }
}

fn same(record: &PagesOf, now: &Pages) -> bool {
    record.changed.is_empty() && usize::try_from(record.count) == Ok(now.count())
}

/// What the first so many frames of a log make of a file of so many pages.
fn to_come(logs: &mut Logs, which: usize, frames: u64, now: usize) -> Result<PagesOf, FramesError> {
    let mut count = u32::try_from(now).unwrap_or(u32::MAX);
    let mut changed = BTreeMap::new();
    logs.after(which, None, frames, |piece, _| {
        for frame in piece.bytes().chunks_exact(FRAME_HEADER + PAGE) {
            let (header, page) = frame.split_at(FRAME_HEADER);
            let number = header.first_chunk().map_or(0, |number| u32::from_be_bytes(*number));
            changed.insert(number.saturating_sub(1), digest(page));
        }
        count = u32::try_from(piece.stated().page_count).unwrap_or(u32::MAX);
        Ok::<_, FramesError>(())
    })?;
    // A file that was shortened has lost what was beyond its end.
    Ok(PagesOf { count, changed: changed.into_iter().filter(|(number, _)| *number < count).collect() })
}
