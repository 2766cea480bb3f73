//! Opening the files, at start and after a failure: what a crash left half done is finished.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::PoisonError;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::spool::DocumentName;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use thiserror::Error;

use super::checkpoint::checkpoint_index;
use super::files::Files;
use super::{CHECKPOINT_PAGES, Shared, erasures};
use crate::connection::{self, Use};
use crate::document::Kept;
use crate::error::ReadError;
use crate::history::Part;
use crate::index_file::{self, Through, Update};
use crate::layout::Database;
use crate::log_file::{self, Leaf, Tail};
use crate::model::LoggedEntry;
use crate::open::OpenError;
use crate::terms::{Tag, TaggedRecord};
use crate::{index_state, keyring, rotation, schema, subject_keys, values};

/// Files that cannot be brought into order.
#[derive(Debug, Error)]
pub(crate) enum RecoverError {
    #[error("a database could not be opened")]
    Open(#[source] rusqlite::Error),
    #[error("index.db could not be read or written")]
    Index(#[source] rusqlite::Error),
    #[error("index.db could not be made anew")]
    NewIndex(#[source] Box<OpenError>),
    #[error("stored data could not be read")]
    Read(#[from] ReadError),
    #[error("the documents folder could not be put in order")]
    Documents(#[source] std::io::Error),
    #[error("the log ends at entry {log}, but a committed write says that it goes on at {pending}")]
    LogBehind { log: u64, pending: u64 },
    #[error("vault.db ends with the write whose entries end at {records}, but the log holds writes up to {log}")]
    RecordsBehind { records: u64, log: u64 },
    #[error("entry {index} of the log is not the one that vault.db was committed with")]
    OtherLog { index: u64 },
    #[error(
        "vault.db is written under data epoch {used}, and keys.json knows epochs up to {known}: put back the newest keys.json, which backups hold"
    )]
    OlderKeys { used: u32, known: u32 },
    #[error("the log ends at {found}, but up to {indexed} was indexed before")]
    Shortened { found: u64, indexed: u64 },
}

impl RecoverError {
    /// Whether something that is stored is damaged: what is made of it cannot be made for now.
    pub(super) fn is_damage(&self) -> bool {
        use ReadError::{Damaged, Database, Format, KeyMissing, Value};
        match self {
            Self::Read(Database(error)) => connection::is_damage(error),
            Self::Read(error) => {
                matches!(error, Damaged { .. } | Format { .. } | KeyMissing { .. } | Value { .. })
            }
            _ => false,
        }
    }

    /// What is behind it, for the log of the process.
    pub(super) fn cause(&self) -> String {
        self.source().map_or_else(String::new, ToString::to_string)
    }
}

impl From<OpenError> for RecoverError {
    fn from(error: OpenError) -> Self {
        Self::NewIndex(Box::new(error))
    }
}

impl From<rusqlite::Error> for RecoverError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(ReadError::Database(error))
    }
}

/// The files in order, and the end of the log.
pub(crate) struct Recovered {
    pub(crate) files: Files,
    pub(crate) tail: Tail,
}

/// Opens the files at start.
pub(crate) fn recover(shared: &Shared) -> Result<Recovered, RecoverError> {
    index_state::ensure(shared)?;
    let files = open(shared)?;
    put_in_order(shared, files)
}

/// Opens the files again after a failure. Of the staged documents that the failed groups meant to
/// commit, those that are not committed go.
pub(super) fn reopen(shared: &Shared, undecided: &[Kept]) -> Result<Recovered, RecoverError> {
    if index_state::ensure(shared)? {
        // Filled between groups: searches wait for it, and nobody else.
        shared.index.condemn();
    }
    let files = open(shared)?;
    files.overwrite_failed()?;
    let recovered = put_in_order(shared, files)?;
    for file in undecided {
        shared.folder.discard(&file.upload).map_err(RecoverError::Documents)?;
        if !is_committed(&recovered.files.vault, &file.name)? {
            shared.folder.discard(&file.name).map_err(RecoverError::Documents)?;
        }
    }
    Ok(recovered)
}

fn open(shared: &Shared) -> Result<Files, RecoverError> {
    Files::open(&shared.layout, &shared.keys()).map_err(RecoverError::Open)
}

/// Appends pending entries that the log lacks; renames documents whose rows were committed; goes
/// through with erasures; lets a pruned log begin where it should; brings the index up to date.
fn put_in_order(shared: &Shared, files: Files) -> Result<Recovered, RecoverError> {
    schema::bring_up_to_date(&files.vault)?;
    take_up_epoch(shared, &files.vault)?;
    let mut tail = Tail::load(&files.audit)?;
    append_pending(shared, &files, &mut tail)?;
    place_documents(shared, &files.vault)?;
    erasures::finish(shared, &files, tail.time)?;
    log_file::begin_where_told(&files.vault, &files.audit)?;
    match catch_up(shared, &files, tail.head.size) {
        Err(RecoverError::Index(error)) if connection::is_damage(&error) => shared.index.condemn(),
        caught_up => caught_up?,
    }
    Ok(Recovered { files, tail })
}

/// What is written from here on is of the epoch that `vault.db` says.
fn take_up_epoch(shared: &Shared, vault: &Connection) -> Result<(), RecoverError> {
    let used = rotation::epoch(vault)?;
    let known = shared.keys().epochs.newest();
    if used > known {
        return Err(RecoverError::OlderKeys { used, known });
    }
    shared.epoch.begin(used);
    Ok(())
}

/// Brings the log up to the last write that `vault.db` has committed. Short of that, either may have
/// lost what was committed to it (a damaged write-ahead log ends at the damage, silently): the other
/// remembers.
fn append_pending(shared: &Shared, files: &Files, tail: &mut Tail) -> Result<(), RecoverError> {
    let pending = pending(&files.vault)?;
    let log = tail.head.size;
    let end = pending.last().map_or(0, |(index, _)| index + 1);
    if end < tail.written {
        return Err(RecoverError::RecordsBehind { records: end, log: tail.written });
    }
    let Some((first, _)) = pending.first() else { return Ok(()) };
    if *first > log {
        return Err(RecoverError::LogBehind { log, pending: *first });
    }
    if *first < log {
        return is_logged(&files.audit, &pending);
    }
    let leaves: Vec<Leaf> = pending.into_iter().map(|(_, leaf)| leaf).collect();
    // What comes after them is no earlier, whatever the clock shows by now.
    let said = leaves.iter().filter_map(|leaf| Entry::from_leaf(&leaf.bytes).ok()).map(|entry| entry.time).max();
    let time = said.map_or(tail.time, |said| said.max(tail.time));
    files.audit.execute_batch("BEGIN IMMEDIATE")?;
    *tail = log_file::append(&files.audit, tail, &leaves, leaves.len(), time, &shared.origin, &shared.signer)?;
    files.audit.execute_batch("COMMIT")?;
    tracing::info!(entries = leaves.len(), "appended the entries of writes that were committed before a crash");
    Ok(())
}

/// The entries of the last write that `vault.db` has committed.
fn pending(vault: &Connection) -> rusqlite::Result<Vec<(u64, Leaf)>> {
    let mut statement = vault.prepare("SELECT idx, leaf, annotation FROM pending ORDER BY idx")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, Leaf { bytes: row.get(1)?, annotation: row.get(2)? })))?;
    rows.collect()
}

/// Whether the log has the entries of the last write where it should.
fn is_logged(audit: &Connection, pending: &[(u64, Leaf)]) -> Result<(), RecoverError> {
    for (index, leaf) in pending {
        if log_file::entry(audit, *index)?.is_none_or(|entry| entry.leaf != leaf.bytes) {
            return Err(RecoverError::OtherLog { index: *index });
        }
    }
    Ok(())
}

/// Staged files whose rows are committed go to their places. Others stay: they may be uploads under
/// way; the sweep at start removes what nobody writes any more.
fn place_documents(shared: &Shared, vault: &Connection) -> Result<(), RecoverError> {
    let mut committed = Vec::new();
    for name in shared.folder.staged().map_err(RecoverError::Documents)? {
        if is_committed(vault, &name)? {
            committed.push(name);
        }
    }
    if committed.is_empty() {
        return Ok(());
    }
    let committed: Vec<&str> = committed.iter().map(String::as_str).collect();
    shared.folder.place_all(&committed).map_err(RecoverError::Documents)
}

/// Removes staged files without a row. Only before anybody can upload.
pub(crate) fn sweep(shared: &Shared, vault: &Connection) -> Result<(), RecoverError> {
    for name in shared.folder.staged().map_err(RecoverError::Documents)? {
        if !is_committed(vault, &name)? {
            shared.folder.discard(&name).map_err(RecoverError::Documents)?;
        }
    }
    Ok(())
}

/// Whether a row says this name. The name of an upload that no commit has let through is said by none.
fn is_committed(vault: &Connection, name: &str) -> Result<bool, RecoverError> {
    let Ok(DocumentName { document, version, epoch }) = name.parse() else { return Ok(false) };
    let sql = "SELECT 1 FROM documents WHERE document = ?1 AND version = ?2 AND epoch = ?3";
    Ok(vault.prepare_cached(sql)?.exists(params![document.as_bytes(), version, epoch])?)
}

/// How many records or entries are indexed in one commit while catching up.
const STEP: usize = 2_000;
/// What was indexed is taken into `index.db` whenever its write-ahead log has so many pages: filling the file writes many times its size. Tests
/// do it often.
pub(super) const INDEXED: u64 = if cfg!(test) { 32 } else { CHECKPOINT_PAGES };
/// So many steps are done before anybody is served: more than a crash leaves to be caught up, and seconds at most. What is
/// left then is filled between groups.
const AT_ONCE: usize = if cfg!(test) { 5 } else { 10 };

fn catch_up(shared: &Shared, files: &Files, entries: u64) -> Result<(), RecoverError> {
    if shared.index.is_condemned() {
        return Ok(()); // the writer builds it anew
    }
    let known = index_file::progress(&files.index).map_err(RecoverError::Index)?;
    // The index is written last: it never knows more than the log, unless that lost something.
    if known.entries > entries {
        return Err(RecoverError::Shortened { found: entries, indexed: known.entries });
    }
    if known.records.is_none() && known.entries < log_file::minimum_index(&files.audit)? {
        shared.index.condemn(); // what changed since then is not in the log any more
        return Ok(());
    }
    shared.terms.load(&files.index).map_err(RecoverError::Index)?;
    for _ in 0..AT_ONCE {
        match index_step(shared, files, entries, STEP) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if error.is_damage() => {
                // Searches wait; everything else is served.
                tracing::error!(%error, cause = error.cause(), "index.db could not be caught up");
                shared.index.condemn();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    shared.index.fill();
    Ok(())
}

/// What the index is made of, through connections of its own: one that met a damaged page is of no use any more, and the writer's
/// are for its commits.
struct Stored {
    vault: Connection,
    keyring: Connection,
    audit: Connection,
}

impl Stored {
    fn open(shared: &Shared) -> rusqlite::Result<Self> {
        let keys = shared.keys();
        // Opening reads a page.
        let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        let open = |database| connection::open_own(&shared.layout, &keys, database, Use::Read);
        Ok(Self { vault: open(Database::Vault)?, keyring: open(Database::Keyring)?, audit: open(Database::Audit)? })
    }

    /// Refuses what was read once a damaged page was met.
    fn check(&self) -> Result<(), ReadError> {
        let all = [(Database::Vault, &self.vault), (Database::Keyring, &self.keyring), (Database::Audit, &self.audit)];
        let damaged = all.into_iter().find(|(_, connection)| connection::met_damage(connection));
        damaged.map_or(Ok(()), |(database, _)| Err(ReadError::Damaged { file: database.file_name(), source: None }))
    }
}

/// Indexes the next records, or entries of the log up to an end; says whether all are in.
pub(super) fn index_step(shared: &Shared, files: &Files, entries: u64, most: usize) -> Result<bool, RecoverError> {
    let known = index_file::progress(&files.index).map_err(RecoverError::Index)?;
    if known.records.is_none() && known.entries >= entries && known.accesses >= entries {
        return Ok(true);
    }
    let stored = Stored::open(shared).map_err(RecoverError::Open)?;
    let records;
    let mut update = Update::default();
    if let Some(after) = known.records {
        records = records_after(shared, &stored, &after, most)?;
        // What changes from here on is found in the log.
        update.entries = if after.is_empty() { entries } else { 0 };
        let last = records.last().filter(|_| records.len() == most);
        update.through = Some(last.map_or(Through::All, |(subject, _)| Through::UpTo(*subject)));
    } else {
        // Both at a time, and said by the step that does the last of it: it would never end while groups come in between.
        let page = log_file::entries(&stored.audit, known.entries, most)?;
        records = records_in(shared, &stored, &page)?;
        update.entries = end_of(&page, entries);
        let page = log_file::entries(&stored.audit, known.accesses, most)?;
        update.accesses = Part { rows: accesses_in(&page), until: Some(end_of(&page, entries)) };
    }
    stored.check()?;
    update.records = &records;
    let is_last = update.entries >= entries && update.accesses.until.is_some_and(|until| until >= entries);
    index_file::apply(&files.index, &shared.terms, &update).map_err(RecoverError::Index)?;
    checkpoint_index(shared, files, INDEXED);
    Ok(is_last)
}

/// Where a page of entries ends; the last ends with the log.
fn end_of(page: &[LoggedEntry], entries: u64) -> u64 {
    page.last().map_or(entries, |last| last.index + 1)
}

/// Whom some entries are about, in order of the subjects.
fn accesses_in(page: &[LoggedEntry]) -> Vec<(SubjectId, u64)> {
    let about = |entry: &LoggedEntry| {
        let index = entry.index;
        index_file::subjects_of(&entry.leaf).into_iter().map(move |subject| (subject, index))
    };
    let mut accesses: Vec<_> = page.iter().flat_map(about).collect();
    accesses.sort_unstable();
    accesses
}

/// Some records in order of the data subjects, with their tags.
fn records_after(
    shared: &Shared,
    stored: &Stored,
    after: &[u8],
    most: usize,
) -> Result<Vec<TaggedRecord>, RecoverError> {
    let mut statement =
        stored.vault.prepare_cached("SELECT subject FROM records WHERE subject > ?1 ORDER BY subject LIMIT ?2")?;
    let rows = statement.query_map(params![after, most], |row| row.get(0).map(SubjectId::from_bytes))?;
    let subjects = rows.collect::<Result<Vec<_>, _>>()?;
    subjects.into_iter().map(|subject| Ok((subject, tags_of(shared, stored, subject)?))).collect()
}

/// Whom some entries may have changed, with their tags now.
fn records_in(shared: &Shared, stored: &Stored, page: &[LoggedEntry]) -> Result<Vec<TaggedRecord>, RecoverError> {
    let changed = page.iter().filter_map(|entry| Entry::from_leaf(&entry.leaf).ok()).filter(changes);
    let subjects: BTreeSet<SubjectId> = changed.flat_map(|entry| entry.what.subjects).collect();
    subjects.into_iter().map(|subject| Ok((subject, tags_of(shared, stored, subject)?))).collect()
}

/// Whether an entry may be of a change; most are of reads.
const fn changes(entry: &Entry) -> bool {
    !matches!(entry.what.action, Action::Read | Action::ReadVersions | Action::ReadDocument | Action::Search)
}

/// The tags of a data subject now: none where there is no record.
fn tags_of(shared: &Shared, stored: &Stored, subject: SubjectId) -> Result<BTreeSet<Tag>, RecoverError> {
    let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?));
    let mut statement = stored.vault.prepare_cached("SELECT record_type, version FROM records WHERE subject = ?1")?;
    let Some((kind, version)) = statement.query_row([subject.as_bytes()], row).optional()? else {
        return Ok(BTreeSet::new());
    };
    let kind: RecordTypeName = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
    let keyset = shared.keys();
    let Some(key) = keyring::find(&stored.keyring, &shared.scope, &keyset, &kind, subject)? else {
        return Ok(BTreeSet::new());
    };
    let keys = subject_keys(&shared.scope, &keyset, &kind, subject, &key);
    let fields: Vec<_> = shared.indexes.iter().filter(|i| i.record_type == kind).map(|i| i.field.clone()).collect();
    let values = values::fields_at(&stored.vault, &keys, &fields, version)?;
    Ok(index_file::tags(&shared.scope, &keyset, &shared.indexes, &kind, &values))
}
