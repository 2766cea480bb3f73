//! A consistent view for reading. Content comes out undisclosed.
//!
//! A snapshot holds the reader gate: take one, read, drop it, within 100 ms; never keep one across
//! a stream or an await. It is used on a blocking thread.

mod documents;
mod grants;
mod log;
mod oversight;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLockReadGuard};

use coffre_core::crypto::SecretKey;
use coffre_core::grant::Grant;
use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::search::SearchIndex;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::connection;
use crate::disclosure::{Claim, Undisclosed};
use crate::error::{ReadError, Unavailable};
use crate::keyring::WrappedKey;
use crate::layout::Database;
use crate::model::{Hit, RecordState, VersionInfo};
use crate::readers::{Reader, Readers};
use crate::remembered::Known;
use crate::values::OfCategory;
use crate::writer::Shared;
use crate::{index_file, keyring, subject_keys, values};
pub(crate) use documents::{DOCUMENT, located};
pub(crate) use grants::{grant_of, grant_row};

/// A consistent view of the vault, or of as much as is remembered of it.
pub struct Snapshot<'s> {
    shared: &'s Shared,
    /// What a view of the databases has; none where only what is remembered is looked at.
    opened: Option<Opened<'s>>,
    /// The file in which a damaged page was met: nothing more is asked of this view.
    spoiled: Cell<Option<&'static str>>,
    access_point: u64,
    /// The data subject looked at, as far as they are known.
    subject: RefCell<Looked>,
}

/// The way to the databases.
struct Opened<'s> {
    readers: &'s Readers,
    reader: Option<Reader>,
    /// The moment before the view began.
    moment: u64,
    _gate: RwLockReadGuard<'s, ()>,
}

/// What one look at a data subject came across.
#[derive(Default)]
struct Looked {
    /// As they are remembered: the same for the whole look.
    remembered: Option<Arc<Known>>,
    /// As they were read.
    state: Option<(SubjectId, RecordTypeName, RecordState)>,
    grants: Option<(SubjectId, Arc<[Grant]>)>,
}

impl<'s> Snapshot<'s> {
    pub(crate) fn begin(shared: &'s Shared, readers: &'s Readers) -> Result<Self, ReadError> {
        if shared.watch.is_abandoned() {
            // Sealed: what goes through much, a view at a time, would hold the keys to its end.
            return Err(Unavailable::Stopping.into());
        }
        let gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        let reader = Some(readers.take(shared)?);
        // Before the view begins: a change after this point makes decisions on this view move.
        let mut snapshot = Self::at_this_point(shared);
        snapshot.opened = Some(Opened { readers, reader, moment: shared.remembered.moment(), _gate: gate });
        snapshot.ask(|reader| Ok(reader.vault.prepare_cached("BEGIN")?.execute([])?))?;
        Ok(snapshot)
    }

    /// A view of what is remembered.
    pub(crate) fn at_this_point(shared: &'s Shared) -> Self {
        let (access_point, subject) = (shared.access.point(), RefCell::default());
        Self { shared, opened: None, spoiled: Cell::new(None), access_point, subject }
    }

    /// Asks the databases, and gives the answer only if every page that it rests on was sound. After a
    /// page that was not, every question to this view is answered by that error.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let reader = self.opened.as_ref().and_then(|opened| opened.reader.as_ref()).ok_or(ReadError::NotRemembered)?;
        if let Some(file) = self.spoiled.get() {
            return Err(damaged(file, None));
        }
        let answer = question(reader);
        if let Some(database) = reader.damaged() {
            if database == Database::Index {
                self.shared.index.condemn();
            }
            self.spoiled.set(Some(database.file_name()));
            return Err(damaged(database.file_name(), answer.err()));
        }
        if let Err(ReadError::Database(error)) = &answer
            && connection::is_spoiled_by(error)
        {
            self.spoiled.set(Some("a database"));
        }
        answer
    }

    /// Asks the index, unless it is being built anew; if it turns out to be damaged, it is from now on.
    fn ask_index<T>(&self, question: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.shared.index.check()?;
        let answer = self.ask(|reader| question(&reader.index));
        match answer {
            Err(ReadError::Database(error)) if connection::is_damage(&error) => {
                self.shared.index.condemn();
                Err(Unavailable::Index.into())
            }
            // Condemned meanwhile, it is no longer written: newer entries may be neither in it nor in memory.
            answer => self.shared.index.check().map_err(ReadError::from).and(answer),
        }
    }

    pub(crate) const fn shared(&self) -> &'s Shared {
        self.shared
    }

    /// Whether this is a view of what is remembered.
    pub const fn is_remembered(&self) -> bool {
        self.opened.is_none()
    }

    /// Whether all pages that this view came across were sound; if not, it answers nothing more.
    pub const fn is_sound(&self) -> bool {
        self.spoiled.get().is_none()
    }

    /// The access state this view saw: goes into `Depends`.
    pub const fn access_point(&self) -> u64 {
        self.access_point
    }

    /// A record's state; `None` for one that does not exist, is of another type, or was erased.
    pub fn record(&self, kind: &RecordTypeName, subject: SubjectId) -> Result<Option<RecordState>, ReadError> {
        let read = |row: &Row<'_>| {
            let state = RecordState {
                version: row.get(0)?,
                created_at: Timestamp::from_micros(row.get(1)?),
                updated_at: Timestamp::from_micros(row.get(2)?),
                restricted: row.get(3)?,
                archived: BTreeSet::new(),
                objects: row.get(5)?,
            };
            Ok((state, row.get::<_, Option<String>>(4)?))
        };
        if self.opened.is_none() {
            let known = self.recall(subject)?;
            return if known.kind == *kind { Ok(Some(known.state.clone())) } else { Err(ReadError::NotRemembered) };
        }
        let found = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT version, created_at, updated_at, restricted,
                        (SELECT group_concat(category) FROM archived WHERE archived.subject = records.subject),
                        EXISTS (SELECT 1 FROM filings INDEXED BY filings_by_subject
                                WHERE filings.subject = records.subject AND kind = 'objection'
                                AND state IN ('open', 'waiting'))
                 FROM records WHERE subject = ?1 AND record_type = ?2",
            )?;
            Ok(statement.query_row(params![subject.as_bytes(), kind.as_str()], read).optional()?)
        })?;
        let Some((mut state, archived)) = found else { return Ok(None) };
        for name in archived.iter().flat_map(|names| names.split(',')) {
            state.archived.insert(name.parse().map_err(|_| ReadError::Format { what: "category" })?);
        }
        self.subject.borrow_mut().state = Some((subject, kind.clone(), state.clone()));
        Ok(Some(state))
    }

    /// A data subject as they are remembered: the same for as long as this view is looked through.
    fn recall(&self, subject: SubjectId) -> Result<Arc<Known>, ReadError> {
        let mut looked = self.subject.borrow_mut();
        if let Some(known) = looked.remembered.as_ref().filter(|known| known.subject == subject) {
            return Ok(Arc::clone(known));
        }
        let known = self.shared.remembered.recall(subject).ok_or(ReadError::NotRemembered)?;
        looked.remembered = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Remembers a data subject of whom this view has shown everything that a look needs: those who look through it one after
    /// the other may have looked at parts of several.
    fn remember(&self, subject: SubjectId, key: WrappedKey, values: Vec<OfCategory>) {
        let Looked { state, grants, .. } = self.subject.take();
        if let (Some(opened), Some((with_state, kind, state)), Some((with_grants, grants))) =
            (&self.opened, state, grants)
            && with_state == subject
            && with_grants == subject
        {
            let known = Known { kind, subject, state, grants, key, values, tags: None };
            self.shared.remembered.remember(known, opened.moment);
        }
    }

    /// Runs something with a subject's keys; gives `erased` where the key was destroyed meanwhile
    /// (the disclosure will then be found to have moved).
    pub(crate) fn with_keys<T>(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        erased: T,
        run: impl FnOnce(&Reader, &SubjectKeys<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let shared = self.shared;
        let keys = shared.keys();
        self.ask(|reader| match keyring::find(&reader.keyring, &shared.scope, &keys, kind, subject)? {
            Some(key) => run(reader, &subject_keys(&shared.scope, &keys, kind, subject, &key)),
            None => Ok(erased),
        })
    }

    /// Some fields of a record as it is now. Fields without a value are absent from the content.
    pub fn fields(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        fields: &[FieldPath],
    ) -> Result<Undisclosed<Fields>, ReadError> {
        if self.opened.is_some() {
            return self.fields_up_to(kind, subject, u32::MAX, fields);
        }
        let known = self.recall(subject)?;
        let content = known.fields(self.shared, fields)?.ok_or(ReadError::NotRemembered)?;
        Ok(Undisclosed::new(Claim::fields(subject, fields.to_vec()), content))
    }

    /// Some fields of a record as they were in a version; `None` when there is no such version.
    pub fn fields_at(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        version: u32,
        fields: &[FieldPath],
    ) -> Result<Option<Undisclosed<Fields>>, ReadError> {
        let current = self.record(kind, subject)?.map_or(0, |state| state.version);
        if version == 0 || version > current {
            return Ok(None);
        }
        self.fields_up_to(kind, subject, version, fields).map(Some)
    }

    fn fields_up_to(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        version: u32,
        fields: &[FieldPath],
    ) -> Result<Undisclosed<Fields>, ReadError> {
        let Shared { scope, .. } = self.shared;
        let keys = &self.shared.keys();
        let found = self.ask(|reader| {
            let Some(wrapped) = keyring::find_wrapped(&reader.keyring, subject)? else { return Ok(None) };
            let values = values::sealed_at(&reader.vault, subject, fields, version)?;
            let key = wrapped.open(scope, keys, kind, subject)?;
            let content = values::open_fields(&subject_keys(scope, keys, kind, subject, &key), &values, fields)?;
            Ok(Some((content, wrapped, values)))
        })?;
        let content = match found {
            Some((content, wrapped, values)) => {
                if version == u32::MAX {
                    self.remember(subject, wrapped, values);
                }
                content
            }
            // Erased meanwhile: the disclosure will be found to have moved.
            None => Fields::default(),
        };
        Ok(Undisclosed::new(Claim::fields(subject, fields.to_vec()), content))
    }

    /// A record's versions, oldest first.
    pub fn versions(&self, subject: SubjectId) -> Result<Vec<VersionInfo>, ReadError> {
        let rows = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT version, written_at, category FROM record_values WHERE subject = ?1 ORDER BY version, category",
            )?;
            let rows = statement.query_map([subject.as_bytes()], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        let mut versions: Vec<VersionInfo> = Vec::new();
        for (version, at, category) in rows {
            let category = category.parse().map_err(|_| ReadError::Format { what: "category" })?;
            match versions.last_mut() {
                Some(last) if last.version == version => last.categories.push(category),
                _ => versions.push(VersionInfo { version, at: Timestamp::from_micros(at), categories: vec![category] }),
            }
        }
        Ok(versions)
    }

    /// The records a term finds, those written like it before those that sound like it: as it is now, whatever this view is of.
    pub fn find(&self, index: &SearchIndex, value: &str, limit: usize) -> Result<Vec<Hit>, ReadError> {
        let (scope, keys) = (&self.shared.scope, &self.shared.keys());
        let (terms, tag) = (&self.shared.terms, |term: &_| index_file::tag(scope, keys, index, term));
        self.ask_index(|connection| index_file::find(connection, terms, tag, &index.terms(value), limit))
    }

    /// Whether a record with this value in this index was erased. Of what was not found, a view that began later is asked.
    pub fn was_erased(&self, index: &SearchIndex, value: &str) -> Result<bool, ReadError> {
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached("SELECT 1 FROM erased_terms WHERE tag = ?1")?;
            for term in index.terms(value) {
                let tag = index_file::tag(&self.shared.scope, &self.shared.keys(), index, &term);
                if statement.exists([tag])? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// All records of a type, in order of identifier, after one.
    pub fn records(
        &self,
        kind: &RecordTypeName,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectId>, ReadError> {
        let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT subject FROM records WHERE record_type = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
            )?;
            let subject = |row: &Row<'_>| row.get(0).map(SubjectId::from_bytes);
            let rows = statement.query_map(params![kind.as_str(), after, limit], subject)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A subject's key; `None` when there is no such record.
    pub(crate) fn subject_key(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
    ) -> Result<Option<SecretKey>, ReadError> {
        if self.record(kind, subject)?.is_none() {
            return Ok(None);
        }
        let (scope, keys) = (&self.shared.scope, &self.shared.keys());
        self.ask(|reader| keyring::find(&reader.keyring, scope, keys, kind, subject))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let sound = self.is_sound();
        let Some(Opened { readers, reader, .. }) = &mut self.opened else { return };
        let Some(reader) = reader.take() else { return };
        // A reader that met damage would answer zeros; one whose transaction cannot be ended would
        // starve checkpoints. Neither is handed out again.
        if sound && (reader.vault.is_autocommit() || ended(&reader.vault).is_ok()) {
            readers.give_back(reader);
        } else {
            drop(reader);
            readers.give_up();
        }
    }
}

fn ended(vault: &Connection) -> rusqlite::Result<()> {
    vault.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// What is told of a damaged page; of the index, which is derived, only that it is not there now.
fn damaged(file: &'static str, source: Option<ReadError>) -> ReadError {
    if file == Database::Index.file_name() {
        Unavailable::Index.into()
    } else {
        ReadError::Damaged { file, source: source.map(Box::new) }
    }
}
