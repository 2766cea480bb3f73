//! The pages that the three kept databases have, in the file `pages`, in a table for each database, and as digests of the tables' blocks in memory;
//! every reading of a page is compared with it ([`coffre_pages`]). The format is in `coffre_core::page_file`.
//!
//! What is taken into a database file is announced first: what the pages will be is durable before SQLite writes any. Until all of them are
//! written they stand in the write-ahead log, where they are read from; so a crash at any point leaves nothing that is read and not known.
//! How far each log was announced is remembered: what comes next begins there.
//!
//! When what was announced has become long, it is *folded*: written into the tables, beside what they say, durable; then `pages` is written
//! anew, and says that they are others. A crash between the two leaves a file that says what the tables still say, too.
//!
//! Pages that somebody accepts as they are stand beside the file, in `pages.next`, until the entry that says so is durable; only then do they
//! take its place. Up to then the tables are left alone.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coffre_core::crypto::{Scope, SecretKey};
use coffre_core::keyset::Keyset;
use coffre_core::page_file::{NotOurs, PageFile, PageRecord, PageTables, PagesOf, PagesSaid, TableOf};
use coffre_core::spool::{Gathered, WalPosition};
use coffre_pages::{Block, Digest, Folded, PAGE, Pages, Watched, digest, watch};
use thiserror::Error;

use crate::capture::{FramesError, Logs};
use crate::durable::{sync_directory, write_private};
use crate::layout::{Database, Layout};
use crate::writer::KEPT;

/// The fact in `meta` of `vault.db` that the file is there.
pub(crate) const FACT: &str = "pages";
/// A frame of a write-ahead log: its header, and a page.
const FRAME_HEADER: usize = 24;
/// What was announced is folded when it takes so many bytes, some 200,000 pages: a start reads no more than that. Tests do it often.
const LONG: u64 = if cfg!(test) { 1 << 11 } else { 4 << 20 };
/// Bytes of a log that are looked at together: their digests are all that is kept.
const PIECE: usize = 256 << 10;
/// Pages of a database that are read at a time when it is written down whole.
const AT_A_TIME: usize = 1 << 18;

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
    file: Mutex<Growing>,
    _watched: [Watched; 3],
}

/// The file `pages`, or the one that takes its place, and how long it was when it was written.
struct Growing {
    file: PageFile,
    path: PathBuf,
    from: u64,
    /// It is to be folded before anything else is announced: it is long, or it could not be written and may be either file.
    is_due: bool,
    /// How far each log is announced.
    places: [Option<WalPosition>; 3],
}

impl Growing {
    /// The file anew, with tables that are durable.
    fn write(path: &Path, key: &SecretKey, scope: &Scope, tables: &PageTables) -> Result<Self, PagesError> {
        let (file, bytes) = PageFile::begin(tables, key, scope);
        write_private(path, &bytes)?;
        Ok(Self { from: file.length(), file, path: path.to_owned(), is_due: false, places: [None; 3] })
    }
}

const fn key(keys: &Keyset) -> &SecretKey {
    &keys.databases.vault
}

/// Writes down what the database files hold now. Nothing has them open: closing a file drops its locks.
pub(crate) fn begin(layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<(), PagesError> {
    let mut tables = PageTables::default();
    for (database, table) in KEPT.into_iter().zip(&mut tables.0) {
        *table = written_down(layout, database)?;
    }
    Growing::write(&layout.pages(), key(keys), scope, &tables).map(drop)
}

/// The same, to be accepted: in force once [`KeptPages::accept`] has returned. It rests on the tables that are there, and names every page.
pub(crate) fn begin_next(layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<(), PagesError> {
    let now = fs::read(layout.pages()).ok().and_then(|bytes| PageFile::read(&bytes, key(keys), scope).ok());
    let mut tables = now.and_then(|(_, said)| said.tables).unwrap_or_default();
    let mut record = PageRecord::default();
    for ((database, table), pages) in KEPT.into_iter().zip(&mut tables.0).zip(&mut record.0) {
        if !layout.page_table(database).is_file() {
            *table = TableOf::default();
        }
        let read = |digests: Vec<Digest>| {
            let from = pages.count;
            pages.changed.extend((from..).zip(digests));
            pages.count = u32::try_from(pages.changed.len()).unwrap_or(u32::MAX);
            Ok(())
        };
        read_through(layout, database, read)?;
    }
    let (file, mut bytes) = PageFile::begin(&tables, key(keys), scope);
    bytes.extend(file.write(&record).1);
    Ok(write_private(&layout.next_pages(), &bytes)?)
}

fn written_down(layout: &Layout, database: Database) -> io::Result<TableOf> {
    let pages = Pages::by(table(layout, database, true)?, of_table(&TableOf::default()));
    let mut written = TableOf::default();
    read_through(layout, database, |digests| {
        let from = pages.count();
        pages.change(from + digests.len(), (from..).zip(digests));
        let folded = pages.fold()?;
        written = as_table(&folded);
        pages.is_folded(folded);
        Ok(())
    })?;
    Ok(written)
}

/// Reads a database file through; takes the digests of some pages at a time.
fn read_through(
    layout: &Layout,
    database: Database,
    mut take: impl FnMut(Vec<Digest>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = File::open(layout.database(database))?;
    let mut page = Vec::with_capacity(PAGE);
    loop {
        let mut digests: Vec<Digest> = Vec::new();
        while digests.len() < AT_A_TIME {
            page.clear();
            io::Read::by_ref(&mut file).take(PAGE as u64).read_to_end(&mut page)?;
            if page.len() < PAGE {
                break;
            }
            digests.push(digest(&page));
        }
        let is_last = digests.len() < AT_A_TIME;
        take(digests)?;
        if is_last {
            return Ok(());
        }
    }
}

/// The file of a table; made, or begun anew, where nothing rests on what it says.
fn table(layout: &Layout, database: Database, anew: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(anew).truncate(anew).mode(0o600);
    options.open(layout.page_table(database))
}

fn of_table(table: &TableOf) -> Folded {
    let blocks = table.blocks.iter().map(|(place, digest)| Block { place: *place, digest: *digest }).collect();
    Folded { count: index(table.count), blocks }
}

fn as_table(folded: &Folded) -> TableOf {
    let blocks = folded.blocks.iter().map(|block| (block.place, block.digest)).collect();
    TableOf { count: u32::try_from(folded.count).unwrap_or(u32::MAX), blocks }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn apply(pages: &Pages, record: &PagesOf) {
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
        let (file, PagesSaid { tables, changes }) = PageFile::read(&bytes, key(keys), scope)?;
        // Of the first version, or to be accepted: every page is a change.
        let is_due = tables.is_none() || path != layout.pages();
        let tables = tables.unwrap_or_default();
        let mut pages = Vec::with_capacity(KEPT.len());
        for (database, said) in KEPT.into_iter().zip(&tables.0) {
            pages.push(Arc::new(Pages::by(table(layout, database, said.blocks.is_empty())?, of_table(said))));
        }
        let pages: [Arc<Pages>; 3] = pages.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        for record in &changes {
            pages.iter().zip(&record.0).for_each(|(pages, record)| apply(pages, record));
        }
        let [keyring, vault, audit] = &pages;
        let watched = |database, pages: &Arc<Pages>| watch(&layout.database(database), Arc::clone(pages));
        let watched =
            [watched(Database::Keyring, keyring)?, watched(Database::Vault, vault)?, watched(Database::Audit, audit)?];
        let (from, _) = PageFile::begin(&tables, key(keys), scope);
        let growing = Growing { file, path, from: from.length(), is_due, places: [None; 3] };
        let kept = Self { pages, file: Mutex::new(growing), _watched: watched };
        kept.fold_if_due(&mut kept.growing(), layout, keys, scope)?;
        Ok(Some(kept))
    }

    fn growing(&self) -> MutexGuard<'_, Growing> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the tables say what was announced, and begins the file anew, if it is time. What fails is done again with the same bytes, so it does not
    /// matter which of the two files a crash leaves.
    fn fold_if_due(
        &self,
        growing: &mut Growing,
        layout: &Layout,
        keys: &Keyset,
        scope: &Scope,
    ) -> Result<(), PagesError> {
        // What is not accepted yet leaves the tables to what is.
        if !growing.is_due || growing.path != layout.pages() {
            return Ok(());
        }
        let [keyring, vault, audit] = self.pages.each_ref().map(|pages| pages.fold());
        let folded = [keyring?, vault?, audit?];
        // Durable: the tables, of which nobody knows yet.
        let tables = PageTables(folded.each_ref().map(as_table));
        let places = growing.places;
        *growing = Growing { places, ..Growing::write(&layout.pages(), key(keys), scope, &tables)? };
        // Durable: that they are others.
        self.pages.iter().zip(folded).for_each(|(pages, folded)| pages.is_folded(folded));
        Ok(())
    }

    /// Puts the file in its place, if it stands beside it. Durable when it returns.
    pub(crate) fn accept(&self, layout: &Layout) -> Result<(), PagesError> {
        let mut growing = self.growing();
        fs::rename(&growing.path, layout.pages())?;
        growing.path = layout.pages();
        Ok(sync_directory(layout.root())?)
    }

    /// The pages of one of them.
    pub(crate) fn of(&self, database: Database) -> Option<&Pages> {
        KEPT.into_iter().zip(&self.pages).find(|(kept, _)| *kept == database).map(|(_, pages)| pages.as_ref())
    }

    /// Says what the database files will be once so many frames of their logs are taken into them. Durable when it returns.
    /// Until they are, nobody reads what these frames change from the files: whoever reads does it in a view of no fewer frames.
    pub(crate) fn announce(
        &self,
        layout: &Layout,
        keys: &Keyset,
        scope: &Scope,
        frames: [u64; 3],
    ) -> Result<(), PagesError> {
        let mut growing = self.growing();
        let mut logs = Logs::new(layout);
        let (mut record, mut places) = (PageRecord::default(), [None; 3]);
        let of_each = record.0.iter_mut().zip(&mut places).zip(growing.places).zip(&self.pages).zip(frames);
        for (which, ((((pages, place), known), now), frames)) in of_each.enumerate() {
            let known = known.filter(|known| logs.holds(which, known)); // or it began anew
            let frames = frames.max(known.map_or(0, |known| known.frames));
            (*pages, *place) = to_come(&mut logs, which, known, frames, now.count())?;
        }
        if record.0.iter().zip(&self.pages).all(|(pages, now)| same(pages, now)) {
            return Ok(());
        }
        self.fold_if_due(&mut growing, layout, keys, scope)?;
        let (next, bytes) = growing.file.write(&record);
        let open = OpenOptions::new().write(true).open(&growing.path)?;
        // What a crash left behind what counts.
        open.set_len(growing.file.length())?;
        open.write_all_at(&bytes, growing.file.length())?;
        open.sync_all()?;
        (growing.file, growing.places) = (next, places);
        self.pages.iter().zip(&record.0).for_each(|(pages, record)| apply(pages, record));
        growing.is_due = growing.file.length() - growing.from > LONG;
        if let Err(error) = self.fold_if_due(&mut growing, layout, keys, scope) {
            tracing::warn!(%error, "what pages were announced could not be folded; the next checkpoint begins with that");
        }
        Ok(())
    }
}

fn same(record: &PagesOf, now: &Pages) -> bool {
    record.changed.is_empty() && usize::try_from(record.count) == Ok(now.count())
}

/// What is done with a frame: its number, the page's number from zero, the page.
type Visit<'v> = dyn FnMut(u64, u32, &[u8]) -> io::Result<()> + 'v;

/// Writes into a database file what the first so many frames of its log say, as SQLite did. They are in the log still.
pub(crate) fn write_again(layout: &Layout, database: Database, frames: u64, file: &File) -> Result<(), PagesError> {
    let Some(which) = KEPT.into_iter().position(|kept| kept == database) else { return Ok(()) };
    let through = |visit: &mut Visit<'_>| {
        let mut frame = 0;
        Logs::new(layout).after(which, None, frames, PIECE, |piece, _| {
            for (number, page) in pages_of(piece) {
                visit(frame, number, page)?;
                frame += 1;
            }
            Ok::<_, PagesError>(())
        })
    };
    // Each page once, as it is: somebody may be reading it.
    let mut newest = BTreeMap::new();
    through(&mut |frame, number, _| {
        newest.insert(number, frame);
        Ok(())
    })?;
    through(&mut |frame, number, page| match newest.get(&number) {
        Some(newest) if *newest == frame => file.write_all_at(page, u64::from(number) * PAGE as u64),
        _ => Ok(()),
    })
}

/// The pages in frames, by their numbers from zero.
fn pages_of(piece: &Gathered) -> impl Iterator<Item = (u32, &[u8])> {
    piece.bytes().chunks_exact(FRAME_HEADER + PAGE).map(|frame| {
        let (header, page) = frame.split_at(FRAME_HEADER);
        let number = header.first_chunk().map_or(0, |number| u32::from_be_bytes(*number));
        (number.saturating_sub(1), page)
    })
}

/// What the frames of a log after a place (the first ones, if none), up to a number, make of a file of so many pages; and the place
/// after them.
fn to_come(
    logs: &mut Logs,
    which: usize,
    mut place: Option<WalPosition>,
    frames: u64,
    now: usize,
) -> Result<(PagesOf, Option<WalPosition>), FramesError> {
    let mut count = u32::try_from(now).unwrap_or(u32::MAX);
    let mut changed = BTreeMap::new();
    logs.after(which, place, frames, PIECE, |piece, _| {
        changed.extend(pages_of(piece).map(|(number, page)| (number, digest(page))));
        count = u32::try_from(piece.page_count()).unwrap_or(u32::MAX);
        place = Some(piece.place());
        Ok::<_, FramesError>(())
    })?;
    // A file that was shortened has lost what was beyond its end.
    let changed = changed.into_iter().filter(|(number, _)| *number < count).collect();
    Ok((PagesOf { count, changed }, place))
}
