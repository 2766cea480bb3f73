//! The audit log's file: entries appended in order, the tree's frontier, and the signed head.

use coffre_core::ids::GenerationId;
use coffre_core::merkle::{Frontier, Hash, leaf_hash};
use coffre_core::note::SigningKey;
use coffre_core::time::Timestamp;
use coffre_core::tlog::{StoredEntry, TILE_LEVELS, TILE_WIDTH, TreeHead};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::ReadError;
use crate::meta;
use crate::model::{LoggedEntry, SignedHead};

/// The key in `meta`, of `vault.db` and of `audit.db`, of the index of the first entry that was not pruned.
const MINIMUM_INDEX: &str = "minimum_index";
/// The key in `audit.db` of the end of the pruned entries that are removed.
const REMOVED: &str = "removed_below";

/// A leaf on its way into the log, with what is kept encrypted beside it.
pub(crate) struct Leaf {
    pub(crate) bytes: Vec<u8>,
    pub(crate) annotation: Option<Vec<u8>>,
}

/// The end of the log in memory: what the next entry builds on.
#[derive(Clone)]
pub(crate) struct Tail {
    pub(crate) frontier: Frontier,
    /// Where the entries of the newest write end: `vault.db` must know of them.
    pub(crate) written: u64,
    /// The newest entry's time: time never runs backwards in the log.
    pub(crate) time: Timestamp,
    pub(crate) head: SignedHead,
    /// The roots of the tiles that the newest entries completed.
    pub(crate) tiles: Vec<Hash>,
}

impl Tail {
    /// The end of an empty log.
    pub(crate) fn empty() -> Self {
        let head = SignedHead { size: 0, note: String::new() };
        Self { frontier: Frontier::new(), written: 0, time: Timestamp::from_micros(0), head, tiles: Vec::new() }
    }

    /// Which tile the first of [`tiles`](Self::tiles) is of.
    pub(crate) fn first_tile(&self) -> u64 {
        (self.frontier.size() / TILE_WIDTH).saturating_sub(self.tiles.len() as u64)
    }

    /// Reads the end of the log.
    pub(crate) fn load(audit: &Connection) -> Result<Self, ReadError> {
        let row = audit
            .query_row("SELECT size, written, time, frontier, note FROM head", [], |row| {
                Ok((row.get::<_, u64>(0)?, row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((size, written, time, frontier, note)) = row else { return Ok(Self::empty()) };
        let frontier = Frontier::from_bytes(&frontier).map_err(|_| ReadError::Format { what: "tree frontier" })?;
        let newest: Option<u64> = audit.query_row("SELECT max(idx) FROM entries", [], |row| row.get(0))?;
        if frontier.size() != size || newest.map_or(0, |index| index + 1) != size {
            return Err(ReadError::Format { what: "end of the log" });
        }
        Ok(Self {
            frontier,
            written,
            time: Timestamp::from_micros(time),
            head: SignedHead { size, note },
            tiles: Vec::new(),
        })
    }
}

/// The origin of a generation's log (C2SP tlog-checkpoint).
pub(crate) fn origin(signer_name: &str, generation: GenerationId) -> String {
    format!("{signer_name}/{generation}")
}

/// Appends leaves, the first so many of them of writes, and the signed head over them, within the
/// caller's transaction; gives the new end of the log.
pub(crate) fn append(
    audit: &Connection,
    tail: &Tail,
    leaves: &[Leaf],
    writes: usize,
    time: Timestamp,
    origin: &str,
    key: &SigningKey,
) -> Result<Tail, ReadError> {
    let (mut frontier, mut tiles) = (tail.frontier.clone(), Vec::new());
    let mut insert = audit.prepare_cached("INSERT INTO entries (idx, leaf, hash) VALUES (?1, ?2, ?3)")?;
    let mut annotate = audit.prepare_cached("INSERT INTO annotations (idx, sealed) VALUES (?1, ?2)")?;
    for leaf in leaves {
        let (index, hash) = (frontier.size(), leaf_hash(&leaf.bytes));
        insert.execute(params![index, leaf.bytes, hash.as_bytes()])?;
        if let Some(sealed) = &leaf.annotation {
            annotate.execute(params![index, sealed])?;
        }
        tiles.extend(frontier.append_noting(hash, TILE_LEVELS));
    }
    let size = frontier.size();
    let written = if writes == 0 { tail.written } else { tail.frontier.size() + writes as u64 };
    let head = TreeHead { origin: origin.to_owned(), size, root: frontier.root(), extensions: Vec::new() };
    let note = head.sign(key).map_err(|_| ReadError::Format { what: "tree head" })?.to_string();
    audit
        .prepare_cached(
            "INSERT OR REPLACE INTO head (only, size, written, time, frontier, note) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![size, written, time.as_micros(), frontier.to_bytes(), note])?;
    Ok(Tail { frontier, written, time, head: SignedHead { size, note }, tiles })
}

/// Puts reasons that were encrypted anew in the place of what they were, within the caller's transaction. What was pruned
/// meanwhile stays away.
pub(crate) fn replace_reasons(audit: &Connection, reasons: &[(u64, Vec<u8>)]) -> rusqlite::Result<()> {
    let mut replace = audit.prepare_cached("UPDATE annotations SET sealed = ?2 WHERE idx = ?1")?;
    reasons.iter().try_for_each(|(index, sealed)| replace.execute(params![index, sealed]).map(drop))
}

/// The index of the first entry that was not pruned (C2SP tlog-tiles).
pub(crate) fn minimum_index(audit: &Connection) -> Result<u64, ReadError> {
    number(audit, MINIMUM_INDEX)
}

fn number(database: &Connection, key: &str) -> Result<u64, ReadError> {
    meta::get(database, key)?
        .map_or(Ok(0), |value| value.parse().map_err(|_| ReadError::Format { what: "index of an entry" }))
}

fn set_number(database: &Connection, key: &str, value: u64) -> rusqlite::Result<()> {
    meta::set(database, key, &value.to_string())
}

/// Says in `vault.db`, with the entry that says so, that the log is to begin here.
pub(crate) fn prune_to(vault: &Connection, minimum_index: u64) -> Result<(), ReadError> {
    let told = number(vault, MINIMUM_INDEX)?;
    Ok(set_number(vault, MINIMUM_INDEX, told.max(minimum_index))?)
}

/// Lets the log begin where `vault.db` says: from here on nobody reads what stands before.
pub(crate) fn begin_where_told(vault: &Connection, audit: &Connection) -> Result<(), ReadError> {
    let told = number(vault, MINIMUM_INDEX)?;
    if told > minimum_index(audit)? {
        set_number(audit, MINIMUM_INDEX, told)?;
    }
    Ok(())
}

/// Removes some of the entries before the log's beginning, with what is kept beside them; their leaf hashes stay. Gives
/// the end of those that are removed, `None` if all are.
pub(crate) fn remove_pruned(audit: &Connection, most: u64) -> Result<Option<u64>, ReadError> {
    let (from, end) = (number(audit, REMOVED)?, minimum_index(audit)?);
    if from >= end {
        return Ok(None);
    }
    let to = end.min(from.saturating_add(most));
    audit.execute_batch("BEGIN IMMEDIATE")?;
    audit.prepare_cached("UPDATE entries SET leaf = x'' WHERE idx >= ?1 AND idx < ?2")?.execute([from, to])?;
    audit.prepare_cached("DELETE FROM annotations WHERE idx >= ?1 AND idx < ?2")?.execute([from, to])?;
    set_number(audit, REMOVED, to)?;
    audit.execute_batch("COMMIT")?;
    Ok(Some(to))
}

/// An index as the database compares it, whose numbers are signed. Callers may ask for any; no entry stands beyond.
fn in_database(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// Entries from an index on; pruned ones are passed over.
pub(crate) fn entries(audit: &Connection, from: u64, limit: usize) -> Result<Vec<LoggedEntry>, ReadError> {
    let from = from.max(minimum_index(audit)?);
    let mut statement = audit.prepare_cached("SELECT idx, leaf FROM entries WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
    let rows = statement.query_map(params![in_database(from), limit], |row| {
        Ok(LoggedEntry { index: row.get(0)?, leaf: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One entry.
pub(crate) fn entry(audit: &Connection, index: u64) -> Result<Option<LoggedEntry>, ReadError> {
    Ok(entries(audit, index, 1)?.into_iter().find(|entry| entry.index == index))
}

/// Leaf hashes from an index on.
pub(crate) fn leaf_hashes(audit: &Connection, from: u64, limit: usize) -> Result<Vec<Hash>, ReadError> {
    let mut statement = audit.prepare_cached("SELECT hash FROM entries WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
    let rows = statement.query_map(params![in_database(from), limit], |row| row.get::<_, [u8; 32]>(0))?;
    rows.map(|row| row.map(Hash::from_bytes).map_err(ReadError::from)).collect()
}

/// A page of entries with the leaf hashes stored beside them: what verification goes through.
pub(crate) fn hashed(audit: &Connection, from: u64, limit: usize) -> Result<Vec<StoredEntry<Vec<u8>>>, ReadError> {
    let minimum_index = minimum_index(audit)?;
    let mut statement =
        audit.prepare_cached("SELECT idx, leaf, hash FROM entries WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
    let rows = statement.query_map(params![in_database(from), limit], |row| {
        let index = row.get(0)?;
        let leaf = if index < minimum_index { None } else { Some(row.get(1)?) };
        Ok(StoredEntry { index, leaf, hash: Hash::from_bytes(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
