//! Opening the files, at start and after a failure: what a crash left half done is finished.

use std::collections::BTreeSet;

use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::spool::DocumentName;
use rusqlite::Connection;
use thiserror::Error;

use super::files::Files;
use super::{Shared, erasures};
use crate::connection;
use crate::document::Kept;
use crate::error::ReadError;
use crate::history::Part;
use crate::index_file::{self, TaggedRecord, Update};
use crate::log_file::{self, Leaf, Tail};
use crate::model::LoggedEntry;
use crate::open::OpenError;
use crate::{index_state, keyring, rotation, subject_keys, values};

/// Files that cannot be brought into order.
#[derive(Debug, Error)]
pub(crate) enum RecoverError {
    #[error("a database could not be opened")]
    Open(#[source] rusqlite::Error),
    #[error("index.db could not be written")]
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
    #[error("{file} ends at {found}, but up to {indexed} was indexed before")]
    Shortened { file: &'static str, found: u64, indexed: u64 },
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

/// The files in order, the end of the log, and the newest change.
pub(crate) struct Recovered {
    pub(crate) files: Files,
    pub(crate) tail: Tail,
    pub(crate) change: u64,
}

/// Opens the files at start.
pub(crate) fn recover(shared: &Shared) -> Result<Recovered, RecoverError> {
    let files = open(shared)?;
    put_in_order(shared, files)
}

/// Opens the files again after a failure. Of the staged documents that the failed groups meant to
/// commit, those that are not committed go.
pub(super) fn reopen(shared: &Shared, undecided: &[Kept]) -> Result<Recovered, RecoverError> {
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
    index_state::ensure(shared)?;
    Files::open(&shared.layout, &shared.keys()).map_err(RecoverError::Open)
}

/// Appends pending entries that the log lacks; renames documents whose rows were committed; goes
/// through with erasures; lets a pruned log begin where it should; brings the index up to date.
fn put_in_order(shared: &Shared, files: Files) -> Result<Recovered, RecoverError> {
    take_up_epoch(shared, &files.vault)?;
    let mut tail = Tail::load(&files.audit)?;
    append_pending(shared, &files, &mut tail)?;
    place_documents(shared, &files.vault)?;
    erasures::finish(shared, &files)?;
    log_file::begin_where_told(&files.vault, &files.audit)?;
    let change = newest_change(&files.vault)?;
    match catch_up(shared, &files, change, tail.head.size) {
        Err(RecoverError::Index(error)) if connection::is_damage(&error) => shared.index.condemn(),
        caught_up => caught_up?,
    }
    Ok(Recovered { files, tail, change })
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
    let time = shared.clock.now().max(tail.time);
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
    Ok(vault.prepare_cached(sql)?.exists(rusqlite::params![document.as_bytes(), version, epoch])?)
}

/// The number of the newest change of a record.
pub(crate) fn newest_change(vault: &Connection) -> rusqlite::Result<u64> {
    let sql =
        "SELECT max(coalesce((SELECT max(change) FROM records), 0), coalesce((SELECT max(change) FROM tombstones), 0))";
    vault.query_row(sql, [], |row| row.get(0))
}

/// How many records or entries are indexed in one commit while catching up.
const STEP: usize = 2_000;

fn catch_up(shared: &Shared, files: &Files, change: u64, entries: u64) -> Result<(), RecoverError> {
    if shared.index.is_condemned() {
        return Ok(()); // the writer builds it anew
    }
    let known = index_file::progress(&files.index).map_err(RecoverError::Index)?;
    // The index is written last: it never knows more than the others, unless they lost something.
    for (file, found, indexed) in [("vault.db", change, known.change), ("the log", entries, known.entries)] {
        if indexed > found {
            return Err(RecoverError::Shortened { file, found, indexed });
        }
    }
    while !index_step(shared, files, (change, entries), STEP)? {}
    Ok(())
}

/// Indexes the next records, or entries of the log, up to an end; says whether all are in.
pub(super) fn index_step(
    shared: &Shared,
    files: &Files,
    (change, entries): (u64, u64),
    most: usize,
) -> Result<bool, RecoverError> {
    let mut known = index_file::progress(&files.index).map_err(RecoverError::Index)?;
    let indexed = if known.change < change {
        let (records, newest) = changed_records(shared, files, known.change, most)?;
        known.change = newest;
        index_file::apply(&files.index, &Update { records: &records, change: newest, ..Update::default() })
    } else if known.accesses < entries {
        let page = log_file::entries(&files.audit, known.accesses, most)?;
        let Some(last) = page.last() else { return Ok(true) };
        let until = last.index + 1;
        known.accesses = until;
        let accesses = Part { rows: accesses_in(&page), until: Some(until) };
        index_file::apply(&files.index, &Update { accesses, entries: until, ..Update::default() })
    } else {
        return Ok(true);
    };
    indexed.map_err(RecoverError::Index)?;
    // Said by the step that does the last of it: to be asked once more would never end while groups come in between.
    Ok(known.change >= change && known.accesses >= entries)
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

/// Some changed records and the newest of these changes.
fn changed_records(
    shared: &Shared,
    files: &Files,
    after: u64,
    most: usize,
) -> Result<(Vec<TaggedRecord>, u64), RecoverError> {
    let mut statement = files.vault.prepare_cached(
        "SELECT change, subject, record_type, version FROM records WHERE change > ?1
         UNION ALL SELECT change, subject, record_type, 0 FROM tombstones WHERE change > ?1
         ORDER BY change LIMIT ?2",
    )?;
    let rows = statement.query_map(rusqlite::params![after, most], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, [u8; 16]>(1)?, row.get::<_, String>(2)?, row.get::<_, u32>(3)?))
    })?;
    let (mut records, mut newest) = (Vec::new(), after);
    for row in rows {
        let (change, subject, kind, version) = row?;
        let kind: RecordTypeName = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
        let subject = SubjectId::from_bytes(subject);
        let tags = if version == 0 { BTreeSet::new() } else { tags_of(shared, files, &kind, subject, version)? };
        records.push((subject, tags));
        newest = change;
    }
    if records.is_empty() {
        return Err(RecoverError::Read(ReadError::Format { what: "change number" }));
    }
    Ok((records, newest))
}

fn tags_of(
    shared: &Shared,
    files: &Files,
    kind: &RecordTypeName,
    subject: SubjectId,
    version: u32,
) -> Result<BTreeSet<[u8; 16]>, RecoverError> {
    let keyset = shared.keys();
    let key = keyring::find(&files.keyring, &shared.scope, &keyset, kind, subject)?;
    let Some(key) = key else { return Ok(BTreeSet::new()) };
    let keys = subject_keys(&shared.scope, &keyset, kind, subject, &key);
    let fields: Vec<_> = shared.indexes.iter().filter(|i| &i.record_type == kind).map(|i| i.field.clone()).collect();
    let values = values::fields_at(&files.vault, &keys, &fields, version)?;
    Ok(index_file::tags(&shared.scope, &keyset, &shared.indexes, kind, &values))
}
