//! The terms by which records are found, in `index.db`: keyed hashes, so each is at a place of its own.
//!
//! | table | what it says | order |
//! |---|---|---|
//! | `terms` | under which tag which data subject is found | by the tag |
//! | `tagged` | the same by the data subject: what is to go when the tags are others | by the data subject |
//! | `gathered` | the tags of those that changed lately, whatever the other two say | as they came |
//!
//! To bring a term to its place is to decrypt, authenticate and encrypt a page. So changes are gathered first, in memory and in a table that
//! grows at its end, and a search looks there too. When many have come together they are sorted in, in the order of each table, so that a page is
//! brought in for all that belong on it. What an interrupted process had not sorted in it finds in `gathered`.
//!
//! Who is erased is not gathered: the terms go with the commit.

mod gathered;
mod sorting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use coffre_core::ids::SubjectId;
use rusqlite::{Connection, Row, params};

use gathered::Gathered;
use sorting::Sorting;

/// The blind tag of a term.
pub(crate) type Tag = [u8; 16];

/// A record and its tags now; none for an erased record.
pub(crate) type TaggedRecord = (SubjectId, BTreeSet<Tag>);

/// So many tags are sorted in together: eight or so data subjects for each page of a million's terms. Tests do it often.
const MANY: usize = if cfg!(test) { 48 } else { 1 << 17 };

/// So many rows are sorted in together, however few data subjects they are of: a start reads them, and without an end the table would
/// grow where the same are changed all the time.
const ROWS: i64 = if cfg!(test) { 32 } else { 1 << 15 };

/// All terms: those in the tables' order, and those on their way there.
#[derive(Default)]
pub(crate) struct Terms {
    gathered: RwLock<Gathered>,
    /// The writer's alone.
    sorting: Mutex<Sorting>,
    /// The newest row of `gathered`. No place is given twice while something is sorted in, whose rows go by where they end.
    newest: AtomicI64,
    /// The last row that is in its place or being sorted in.
    begun: AtomicI64,
}

/// What a commit does to the terms, to be shown once it is committed.
#[must_use]
#[derive(Default)]
pub(crate) struct Written {
    gathered: Vec<(SubjectId, Arc<[Tag]>)>,
    gone: BTreeSet<SubjectId>,
    /// A sorting has come to its end.
    sorted: bool,
}

impl Terms {
    fn gathered(&self) -> RwLockReadGuard<'_, Gathered> {
        self.gathered.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Gathered> {
        self.gathered.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn sorting(&self) -> MutexGuard<'_, Sorting> {
        self.sorting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what a file says, and nothing else.
    pub(crate) fn load(&self, index: &Connection) -> rusqlite::Result<()> {
        let mut statement = index.prepare("SELECT subject, tags FROM gathered ORDER BY position")?;
        let rows = statement
            .query_map([], |row| Ok((SubjectId::from_bytes(row.get(0)?), from_bytes(&row.get::<_, Vec<u8>>(1)?))))?;
        let mut gathered = Gathered::default();
        for row in rows {
            let (subject, tags) = row?;
            gathered.take_up(subject, tags);
        }
        gathered.taken_up();
        let ends = "SELECT min(position) - 1, max(position) FROM gathered";
        let number = |row: &Row<'_>, column| row.get::<_, Option<i64>>(column);
        let (begun, newest) = index.query_row(ends, [], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
        self.begun.store(begun.unwrap_or(0), Ordering::Relaxed);
        self.newest.store(newest.unwrap_or(0), Ordering::Relaxed);
        *self.sorting() = Sorting::default();
        *self.change() = gathered;
        Ok(())
    }

    /// Writes the tags of some records within the caller's transaction, and sorts in a part of what was gathered before: twice as much as came,
    /// so that it comes to an end.
    pub(crate) fn write(&self, index: &Connection, records: &[TaggedRecord]) -> rusqlite::Result<Written> {
        if records.is_empty() {
            return Ok(Written::default());
        }
        // Before anything is gathered: what a sorting is begun with is in memory.
        self.begin_if(MANY);
        // Somebody may be in a group more than once: the last counts.
        let newest: BTreeMap<SubjectId, &BTreeSet<Tag>> =
            records.iter().map(|(subject, tags)| (*subject, tags)).collect();
        let mut written = Written::default();
        let mut gather = index.prepare_cached("INSERT INTO gathered (position, subject, tags) VALUES (?1, ?2, ?3)")?;
        let mut work = 0;
        for (subject, tags) in newest {
            if tags.is_empty() {
                written.gone.insert(subject);
                continue;
            }
            let tags: Arc<[Tag]> = tags.iter().copied().collect();
            let position = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
            gather.execute(params![position, subject.as_bytes(), tags.concat()])?;
            work += 4 * (1 + tags.len());
            written.gathered.push((subject, tags));
        }
        self.forget(index, &written.gone)?;
        written.sorted = self.sorting().go_on(index, work)?;
        Ok(written)
    }

    /// Those that are gone have no terms any more, nor any on their way.
    fn forget(&self, index: &Connection, gone: &BTreeSet<SubjectId>) -> rusqlite::Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        for subject in gone {
            // A sorting under way may have brought some to their places.
            let mut tags: BTreeSet<Tag> = self.gathered().tags_of(*subject);
            tags.extend(sorting::tags_of(index, *subject)?.iter());
            tags.iter().try_for_each(|tag| sorting::remove(index, *tag, *subject))?;
            index.prepare_cached("DELETE FROM tagged WHERE subject = ?1")?.execute([subject.as_bytes()])?;
        }
        if gone.iter().any(|subject| self.gathered().has(*subject)) {
            let mut statement = index.prepare_cached("SELECT position, subject FROM gathered")?;
            let rows =
                statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, SubjectId::from_bytes(row.get(1)?))))?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let mut forget = index.prepare_cached("DELETE FROM gathered WHERE position = ?1")?;
            for (position, _) in rows.iter().filter(|(_, subject)| gone.contains(subject)) {
                forget.execute([position])?;
            }
        }
        self.sorting().leave_out(gone);
        Ok(())
    }

    /// Begins to sort in what was gathered, if that is so much and nothing else is being sorted in.
    fn begin_if(&self, least: usize) {
        let mut sorting = self.sorting();
        let (begun, newest) = (self.begun.load(Ordering::Relaxed), self.newest.load(Ordering::Relaxed));
        if sorting.is_idle() && (self.gathered().tags() >= least || newest - begun >= ROWS) {
            *sorting = Sorting::begin(self.change().begin_sorting(), newest);
            self.begun.store(newest, Ordering::Relaxed);
        }
    }

    /// Sorts in so many rows of whatever was gathered, within the caller's transaction.
    pub(crate) fn sort_rest(&self, index: &Connection, rows: usize) -> rusqlite::Result<Written> {
        self.begin_if(1);
        Ok(Written { sorted: self.sorting().go_on(index, rows)?, ..Written::default() })
    }

    /// Whether all terms are in their places.
    pub(crate) fn are_sorted(&self) -> bool {
        self.sorting().is_idle() && self.gathered().tags() == 0
    }

    /// Shows what is committed.
    pub(crate) fn written(&self, written: Written) {
        let Written { gathered: new, gone, sorted } = written;
        let mut gathered = self.change();
        if sorted {
            gathered.end_sorting();
        }
        for subject in gone {
            gathered.forget(subject);
        }
        for (subject, tags) in new {
            gathered.add(subject, &tags);
        }
    }

    /// The data subjects that are found under a tag, in order, at most so many.
    pub(crate) fn find(&self, index: &Connection, tag: Tag, limit: usize) -> rusqlite::Result<Vec<SubjectId>> {
        // Held while the table is asked: what is sorted in meanwhile is in one of the two.
        let gathered = self.gathered();
        let mut found = gathered.under(tag);
        let mut statement = index.prepare_cached("SELECT subject FROM terms WHERE tag = ?1 ORDER BY subject")?;
        let rows = statement.query_map([tag], |row| row.get(0).map(SubjectId::from_bytes))?;
        let mut sorted = 0;
        for subject in rows {
            let subject = subject?;
            if sorted == limit {
                break;
            }
            if !gathered.has(subject) {
                found.push(subject);
                sorted += 1;
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
    }
}

fn from_bytes(bytes: &[u8]) -> Arc<[Tag]> {
    bytes.as_chunks().0.into()
}

#[cfg(test)]
mod tests;
