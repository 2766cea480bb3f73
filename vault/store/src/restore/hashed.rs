//! Whether what a restored backup stores has the hashes that its log names, and nothing else is there.
//!
//! What is not there as an entry says is remembered up to the end of the log: a later entry may tell why. Once data keys
//! were rotated, that is all there was before. So the log is gone through in parts where it comes to too much, each for
//! some of the records.

use coffre_core::audit::{Action, Carried, CarriedOnce, DocumentRef, Entry, SealedValue, Standing};
use coffre_core::crypto::hex;
use coffre_core::drill::Slice;
use coffre_core::ids::{DocumentId, SubjectId};
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::log::PAGE;
use super::{Checking, DrillError, Offline, RestoreError, Watching};
use crate::error::ReadError;
use crate::log_file;
use crate::rights::is_erased;

/// Values and documents that are remembered at a time, at most: one takes some hundred bytes.
const REMEMBERED: usize = 1_000_000;
/// More parts there are not: records are told apart by two bytes.
const PARTS: u32 = 1 << 16;

/// How much of what is stored has the hash that the log names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) values: u64,
    pub(super) documents: u64,
}

impl Hashed {
    /// Goes through the log up to a head: what it says was written is there with that hash, or its record was erased.
    /// Then nothing else may be there.
    pub(super) fn check(offline: &Offline, size: u64, checking: &mut Watching<'_>) -> Result<Self, DrillError> {
        Self::within(REMEMBERED, (&offline.vault, &offline.audit), size, checking)
    }

    fn within(
        most: usize,
        (vault, audit): (&Connection, &Connection),
        size: u64,
        checking: &mut Watching<'_>,
    ) -> Result<Self, DrillError> {
        let mut of = 1;
        let hashed = loop {
            let most = if of < PARTS { most } else { usize::MAX };
            match Self::in_parts(of, most, (vault, audit), size, checking)? {
                Some(hashed) => break hashed,
                None => of *= 2,
            }
        };
        unlogged(vault, "values", "SELECT count(*) FROM record_values", hashed.values)?;
        unlogged(vault, "documents", "SELECT count(*) FROM documents", hashed.documents)?;
        Ok(hashed)
    }

    /// None where a part comes to too much.
    fn in_parts(
        of: u32,
        most: usize,
        databases: (&Connection, &Connection),
        size: u64,
        checking: &mut Watching<'_>,
    ) -> Result<Option<Self>, DrillError> {
        let mut hashed = Self::default();
        for index in 0..of {
            let Some(part) = Part::check(Slice { index, of }, most, databases, size, checking)? else {
                return Ok(None);
            };
            hashed.values += part.values;
            hashed.documents += part.documents;
        }
        Ok(Some(hashed))
    }
}

/// Some of the records, while the log is gone through for them.
struct Part {
    records: Slice,
    hashed: Hashed,
    /// What is not there as logged: right only if it was taken back or removed later.
    elsewhere: Vec<(u64, SubjectId, Absent)>,
    standing: Standing,
    /// How much of what was encrypted anew that holds.
    reencrypted: usize,
    /// What was carried over of pruned entries.
    once: CarriedOnce,
}

/// What is not there as logged.
enum Absent {
    Value(SealedValue),
    Document(DocumentRef),
}

impl Part {
    /// None where more than so much has to be remembered.
    fn check(
        records: Slice,
        most: usize,
        (vault, audit): (&Connection, &Connection),
        size: u64,
        checking: &mut Watching<'_>,
    ) -> Result<Option<Hashed>, DrillError> {
        let read = |error: ReadError| DrillError::from(RestoreError::Record(error));
        let once = CarriedOnce::new(log_file::minimum_index(audit).map_err(read)?);
        let (hashed, elsewhere, standing) = (Hashed::default(), Vec::new(), Standing::default());
        let mut part = Self { records, hashed, elsewhere, standing, reencrypted: 0, once };
        let mut next = 0;
        while next < size {
            checking(Checking::Values(next)).map_err(RestoreError::from)?;
            let page = log_file::entries(audit, next, PAGE).map_err(read)?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            for logged in page.iter().filter(|logged| logged.index < size) {
                let unreadable = |_| read(ReadError::Format { what: "log entry" });
                let entry = Entry::from_leaf(&logged.leaf).map_err(unreadable)?;
                part.entry(vault, logged.index, entry)?;
            }
            if part.elsewhere.len() + part.reencrypted > most {
                return Ok(None);
            }
        }
        part.check_elsewhere()?;
        Ok(Some(part.hashed))
    }

    fn entry(&mut self, vault: &Connection, index: u64, mut entry: Entry) -> Result<(), DrillError> {
        let records = self.records;
        // Each tells of one record, or of each by itself; what is told of others is for another part.
        entry.what.carried.retain(|of| records.holds(of.subject));
        let of_one = matches!(entry.what.action, Action::Reencrypt | Action::EraseCategories);
        if !of_one || entry.what.subjects.first().is_some_and(|subject| records.holds(*subject)) {
            self.standing.note(index, &entry);
        }
        let is_carried = entry.what.action == Action::CarryOver;
        for written in Carried::of(index, entry.what).into_iter().filter(|of| records.holds(of.subject)) {
            if written.reencrypted {
                self.reencrypted += written.values.len() + usize::from(written.document.is_some());
            }
            if !is_carried || self.once.counts(written.index) {
                self.written(vault, written)?;
            }
        }
        Ok(())
    }

    fn written(&mut self, vault: &Connection, written: Carried) -> Result<(), DrillError> {
        let Carried { index, subject, values, document, .. } = written;
        for value in values {
            match value_hash(vault, subject, value.category.as_str(), value.version)? {
                Some(found) if found == value.sha256 => self.hashed.values += 1,
                None if is_erased(vault, subject).map_err(failed)? => {}
                _ => self.elsewhere.push((index, subject, Absent::Value(value))),
            }
        }
        if let Some(document) = document.filter(|document| document.sha256.is_some()) {
            match document_hash(vault, document.id, document.version)? {
                Some(found) if document.sha256.as_ref() == Some(&found) => self.hashed.documents += 1,
                None if is_erased(vault, subject).map_err(failed)? => {}
                _ => self.elsewhere.push((index, subject, Absent::Document(document))),
            }
        }
        Ok(())
    }

    /// A restore to a moment takes away what was written since, retention what is past its time; and what was encrypted anew
    /// is there as the later entry says.
    fn check_elsewhere(&self) -> Result<(), DrillError> {
        for (entry, subject, absent) in &self.elsewhere {
            let (is_gone, what) = match absent {
                Absent::Value(value) => (self.standing.value_is_gone(*entry, *subject, value), "a value"),
                Absent::Document(document) => {
                    (self.standing.document_is_gone(*entry, *subject, document), "a document")
                }
            };
            if !is_gone {
                return Err(DrillError::NotAsLogged { what, entry: *entry, subject: Some(*subject) });
            }
        }
        Ok(())
    }
}

fn failed(source: rusqlite::Error) -> DrillError {
    RestoreError::Record(source.into()).into()
}

fn value_hash(
    vault: &Connection,
    subject: SubjectId,
    category: &str,
    version: u32,
) -> Result<Option<String>, DrillError> {
    let sql = "SELECT sealed FROM record_values WHERE subject = ?1 AND category = ?2 AND version = ?3";
    let mut statement = vault.prepare_cached(sql).map_err(failed)?;
    let row = statement.query_row(params![subject.as_bytes(), category, version], |row| row.get::<_, Vec<u8>>(0));
    Ok(row.optional().map_err(failed)?.map(|sealed| hex(&Sha256::digest(&sealed))))
}

fn document_hash(vault: &Connection, document: DocumentId, version: u32) -> Result<Option<String>, DrillError> {
    let sql = "SELECT sealed_sha256 FROM documents WHERE document = ?1 AND version = ?2";
    let mut statement = vault.prepare_cached(sql).map_err(failed)?;
    let row = statement.query_row(params![document.as_bytes(), version], |row| row.get::<_, Vec<u8>>(0));
    Ok(row.optional().map_err(failed)?.map(|hash| hex(&hash)))
}

fn unlogged(vault: &Connection, what: &'static str, sql: &str, logged: u64) -> Result<(), DrillError> {
    let stored: u64 = vault.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    match stored.checked_sub(logged) {
        Some(0) => Ok(()),
        other => Err(DrillError::Unlogged { what, count: other.unwrap_or_else(|| logged - stored) }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::audit::{Decision, Draft};
    use coffre_core::ids::RequestId;
    use coffre_core::time::Timestamp;

    use super::*;
    use crate::schema;

    /// How many records there are.
    const RECORDS: u8 = 40;

    struct Rotated {
        vault: Connection,
        audit: Connection,
        size: u64,
    }

    impl Rotated {
        /// Records of one value each, all of which was encrypted anew.
        fn new() -> Self {
            let [vault, audit] = [schema::VAULT, schema::AUDIT].map(|tables| {
                let database = Connection::open_in_memory().unwrap();
                database.execute_batch(tables).unwrap();
                database
            });
            let mut rotated = Self { vault, audit, size: 0 };
            for (action, sealed) in [(Action::Create, "before"), (Action::Reencrypt, "after")] {
                (0..RECORDS).for_each(|record| rotated.log(action, record, sealed));
            }
            (0..RECORDS).for_each(|record| rotated.store(record, "after"));
            rotated
        }

        fn log(&mut self, action: Action, record: u8, sealed: &str) {
            let sha256 = hex(&Sha256::digest(sealed));
            let draft = Draft {
                subjects: vec![SubjectId::from_bytes([record; 16])],
                values: vec![SealedValue { category: "contact".parse().unwrap(), version: 1, sha256 }],
                ..Draft::new(action, Decision::Allow, RequestId::from_bytes([0; 16]))
            };
            let leaf = draft.at(Timestamp::from_micros(0)).leaf().unwrap();
            let (sql, index) =
                ("INSERT INTO entries (idx, leaf, hash) VALUES (?1, ?2, ?3)", i64::try_from(self.size).unwrap());
            self.audit.execute(sql, params![index, leaf, [0_u8; 32]]).unwrap();
            self.size += 1;
        }

        fn store(&self, record: u8, sealed: &str) {
            let sql = "INSERT OR REPLACE INTO record_values (subject, category, version, epoch, written_at, sealed)
                       VALUES (?1, 'contact', 1, 1, 0, ?2)";
            self.vault.execute(sql, params![[record; 16], sealed.as_bytes()]).unwrap();
        }

        fn check(&self, most: usize) -> Result<Hashed, DrillError> {
            Hashed::within(most, (&self.vault, &self.audit), self.size, &mut |_| Ok(()))
        }
    }

    #[test]
    fn what_was_encrypted_anew_is_compared_in_as_many_parts_as_it_takes() {
        let rotated = Rotated::new();
        let all = Hashed { values: u64::from(RECORDS), documents: 0 };
        for most in [usize::MAX, 2 * usize::from(RECORDS), 30, 4] {
            assert_eq!(rotated.check(most).unwrap(), all, "{most}");
        }
        let databases = (&rotated.vault, &rotated.audit);
        let in_two = |most| Hashed::in_parts(2, most, databases, rotated.size, &mut |_| Ok(())).unwrap();
        assert_eq!((in_two(usize::from(RECORDS)), in_two(10)), (Some(all), None));
    }

    #[test]
    fn what_is_not_as_the_log_says_is_found_in_whichever_part_it_is() {
        for record in [0, 17, RECORDS - 1] {
            let rotated = Rotated::new();
            // As it was before, which the log named once.
            rotated.store(record, "before");
            let found = rotated.check(4);
            let entry = u64::from(RECORDS) + u64::from(record);
            assert!(matches!(found, Err(DrillError::NotAsLogged { entry: at, .. }) if at == entry), "{found:?}");
        }
        let rotated = Rotated::new();
        rotated.store(RECORDS, "of nobody");
        let found = rotated.check(4);
        assert!(matches!(found, Err(DrillError::Unlogged { count: 1, .. })), "{found:?}");
    }
}
