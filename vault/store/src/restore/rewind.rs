//! Setting records back to a moment. What is restored is the newest state of the vault; `moment.db` beside it is
//! `vault.db` as it was. Records are taken from there, and nothing else is: grants and withdrawals,
//! restrictions, objections, holds, tombstones, applications and whatever tables come later stay as they are.
//!
//! | a record | then |
//! |---|---|
//! | changed since | has its former values, under a version number that it never had; what was set apart then is apart |
//! | made since | is left out, with its documents |
//! | made since, of somebody who exercised a right | stays as it is: an import would bring them again as somebody who never did |
//! | left out by an earlier restore | is brought back, with its documents, under a version number that it never had |
//! | erased since | stays erased |
//! | under a legal hold | stays as it is |
//! | of whoever made a request and has no other record | stays as it is, like the request |
//!
//! Documents are not set back: their names are shared by all generations and written once, grants rest
//! on them as evidence, and former versions can be had without a restore.

use std::collections::BTreeMap;

use coffre_core::audit::{Action, CHANGED_BACK, Draft};
use coffre_core::filing::REQUESTER;
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::restriction::Restriction;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::RestoreError;
use super::unnamed::Unnamed;
use crate::layout::Database;
use crate::rights::is_erased;
use crate::{rotation, schema};

/// How a record was set back: the `cause` of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Changed,
    LeftOut,
    BroughtBack,
}

impl How {
    const fn cause(self) -> &'static str {
        match self {
            Self::Changed => CHANGED_BACK,
            Self::LeftOut => "created-after-this-moment",
            Self::BroughtBack => "left-out-after-this-moment",
        }
    }
}

/// What was done to records.
#[derive(Debug, Default)]
pub(super) struct SetBack {
    named: BTreeMap<(How, String), Vec<SubjectId>>,
    /// What is brought back and no entry names any more.
    unnamed: BTreeMap<SubjectId, Unnamed>,
    /// Records that would have been set back, and stay as they are: under a legal hold, or of somebody who exercised a right.
    pub(super) held: u64,
    /// Records of the moment that were erased since.
    pub(super) erased: u64,
}

/// An entry names at most so many data subjects, to stay far below the longest leaf.
const NAMED: usize = 1_000;

impl SetBack {
    fn name(&mut self, how: How, kind: &str, subject: SubjectId) {
        self.named.entry((how, kind.to_owned())).or_default().push(subject);
    }

    fn count(&self, how: How) -> u64 {
        self.named.iter().filter(|((of, _), _)| *of == how).map(|(_, subjects)| subjects.len() as u64).sum()
    }

    /// How many records have former values, are left out, and are brought back.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.count(How::Changed), self.count(How::LeftOut), self.count(How::BroughtBack))
    }

    /// Finds what is brought back and was named by entries that are pruned.
    pub(super) fn find_unnamed(&mut self, vault: &Connection, audit: &Connection) -> Result<(), RestoreError> {
        let subjects = self.named.values().flatten().copied();
        self.unnamed = Unnamed::find(vault, audit, subjects).map_err(RestoreError::Record)?;
        Ok(())
    }

    /// The entries that name each of them.
    pub(super) fn entries(&self, begin: &Draft) -> Result<Vec<Draft>, RestoreError> {
        let mut entries = Vec::new();
        for ((how, kind), subjects) in &self.named {
            let kind: RecordTypeName = kind.parse().map_err(|_| RestoreError::record_type())?;
            let about = |subjects: &[SubjectId]| Draft {
                action: Action::Rewind,
                record_type: Some(kind.clone()),
                subjects: subjects.to_vec(),
                cause: Some(how.cause().to_owned()),
                target: None,
                parent: None,
                rewound: None,
                ..begin.clone()
            };
            entries.extend(subjects.chunks(NAMED).map(about));
            let unnamed = subjects.iter().filter_map(|subject| Some((subject, self.unnamed.get(subject)?)));
            for (subject, unnamed) in unnamed {
                let base = about(&[*subject]);
                entries.extend(unnamed.entries(&base));
            }
        }
        Ok(entries)
    }
}

struct Record {
    subject: SubjectId,
    kind: String,
    version: u32,
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { subject: SubjectId::from_bytes(row.get(0)?), kind: row.get(1)?, version: row.get(2)? })
}

const RECORDS: &str = "SELECT subject, record_type, version FROM records WHERE record_type <> ?1 ORDER BY subject";

/// Sets the records of `vault` back to what they are in `moment`, in one transaction.
pub(super) fn set_back(vault: &Connection, moment: &Connection, now: Timestamp) -> Result<SetBack, RestoreError> {
    let failed = |source| RestoreError::Database { file: Database::Vault.file_name(), source };
    vault.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    // Both may be of an earlier version: the one is written to, and the other lacks what it lacks.
    schema::bring_up_to_date(vault).map_err(failed)?;
    let tells_sources = schema::tells_sources(moment).map_err(failed)?;
    let setting = Setting { vault, moment, tells_sources, now };
    let done = setting.all().map_err(failed)?;
    vault.execute_batch("COMMIT").map_err(failed)?;
    Ok(done)
}

struct Setting<'c> {
    vault: &'c Connection,
    moment: &'c Connection,
    /// Whether its records say where their data come from.
    tells_sources: bool,
    now: Timestamp,
}

impl Setting<'_> {
    fn all(&self) -> rusqlite::Result<SetBack> {
        let mut done = SetBack::default();
        for then in self.moment.prepare(RECORDS)?.query_map([REQUESTER], record)? {
            let then = then?;
            let now = self.version_now(then.subject)?;
            match now {
                Some(version) if version == then.version => {}
                Some(_) if self.is_held(then.subject)? => done.held += 1,
                Some(version) => {
                    self.change_back(&then, version)?;
                    done.name(How::Changed, &then.kind, then.subject);
                }
                None if is_erased(self.vault, then.subject)? => done.erased += 1,
                None => {
                    self.bring_back(&then)?;
                    done.name(How::BroughtBack, &then.kind, then.subject);
                }
            }
        }
        for made in self.made_since()? {
            if self.is_held(made.subject)? || self.exercised_a_right(made.subject)? {
                done.held += 1;
            } else {
                self.leave_out(made.subject)?;
                done.name(How::LeftOut, &made.kind, made.subject);
            }
        }
        self.drop_orphans()?;
        // What comes from the moment may be of a former epoch.
        rotation::go_on(self.vault)?;
        // They name what may be left out now: a repetition creates it.
        self.vault.execute("DELETE FROM answered", [])?;
        Ok(done)
    }

    fn made_since(&self) -> rusqlite::Result<Vec<Record>> {
        let mut then = self.moment.prepare("SELECT 1 FROM records WHERE subject = ?1")?;
        let mut made = Vec::new();
        for record in self.vault.prepare(RECORDS)?.query_map([REQUESTER], record)? {
            let record = record?;
            if !then.exists([record.subject.as_bytes()])? {
                made.push(record);
            }
        }
        Ok(made)
    }

    /// Files of the moment that no row is of any more, as the document is gone or was encrypted anew: they were fetched, and go.
    fn drop_orphans(&self) -> rusqlite::Result<()> {
        let mut there =
            self.vault.prepare("SELECT 1 FROM documents WHERE document = ?1 AND version = ?2 AND epoch = ?3")?;
        let sql = "INSERT OR IGNORE INTO removed_documents (document, version) VALUES (?1, ?2)";
        let mut remove = self.vault.prepare(sql)?;
        let mut then = self.moment.prepare("SELECT document, version, epoch FROM documents")?;
        let mut rows = then.query([])?;
        while let Some(row) = rows.next()? {
            let (document, version): ([u8; 16], u32) = (row.get(0)?, row.get(1)?);
            if !there.exists(params![document, version, row.get::<_, u32>(2)?])? {
                remove.execute(params![document, version])?;
            }
        }
        Ok(())
    }

    fn version_now(&self, subject: SubjectId) -> rusqlite::Result<Option<u32>> {
        let mut statement = self.vault.prepare_cached("SELECT version FROM records WHERE subject = ?1")?;
        statement.query_row([subject.as_bytes()], |row| row.get(0)).optional()
    }

    fn is_held(&self, subject: SubjectId) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM holds WHERE subject = ?1 AND lifted_at IS NULL";
        self.vault.prepare_cached(sql)?.exists([subject.as_bytes()])
    }

    /// Whether a restriction, an objection, a withdrawal or a request says that the person did.
    fn exercised_a_right(&self, subject: SubjectId) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM records WHERE subject = ?1 AND restricted)
                       OR EXISTS (SELECT 1 FROM objections WHERE subject = ?1)
                       OR EXISTS (SELECT 1 FROM grants WHERE subject = ?1 AND withdrawn_at IS NOT NULL)
                       OR EXISTS (SELECT 1 FROM filings WHERE subject = ?1)";
        self.vault.prepare_cached(sql)?.query_row([subject.as_bytes()], |row| row.get(0))
    }

    /// The number that follows is one that no reader has seen: what was read before the restore cannot be
    /// written over what stands after it.
    fn change_back(&self, then: &Record, version: u32) -> rusqlite::Result<()> {
        self.vault
            .prepare_cached("DELETE FROM record_values WHERE subject = ?1")?
            .execute([then.subject.as_bytes()])?;
        self.copy_values(then.subject)?;
        self.set_apart(then.subject)?;
        let sql = "UPDATE records SET version = ?2, updated_at = ?3 WHERE subject = ?1";
        let (version, now) = (version.saturating_add(1), self.now.as_micros());
        self.vault.prepare_cached(sql)?.execute(params![then.subject.as_bytes(), version, now]).map(drop)
    }

    fn leave_out(&self, subject: SubjectId) -> rusqlite::Result<()> {
        // Its version stays known, as grants do, in case the record is brought back: no number is given twice.
        let version = "INSERT OR REPLACE INTO meta (key, value)
                       SELECT 'version:' || hex(subject), CAST(version AS TEXT) FROM records WHERE subject = ?1";
        self.vault.prepare_cached(version)?.execute([subject.as_bytes()])?;
        let files =
            "INSERT OR IGNORE INTO removed_documents SELECT document, version FROM documents WHERE subject = ?1";
        self.vault.prepare_cached(files)?.execute([subject.as_bytes()])?;
        for table in ["record_values", "documents", "erasure_proposals", "records"] {
            let sql = format!("DELETE FROM {table} WHERE subject = ?1");
            self.vault.prepare_cached(&sql)?.execute([subject.as_bytes()])?;
        }
        Ok(())
    }

    fn bring_back(&self, then: &Record) -> rusqlite::Result<()> {
        let subject = then.subject.as_bytes();
        let sources = if self.tells_sources { "sources" } else { "0" };
        let sql = format!("SELECT created_at, restricted, {sources} FROM records WHERE subject = ?1");
        let mut statement = self.moment.prepare_cached(&sql)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (created, restricted, sources) = statement.query_row([subject], read)?;
        // What was restricted was left out once, and its restriction kept so.
        let known = Restriction::from_stored(self.take_known("restricted", then.subject)?);
        let restricted = Restriction::from_stored(restricted).joined(known).stored();
        let version = u32::try_from(self.take_known("version", then.subject)?).unwrap_or_default().max(then.version);
        let insert = "INSERT INTO records (subject, record_type, version, created_at, updated_at, restricted, sources)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (version, now) = (version.saturating_add(1), self.now.as_micros());
        let row = params![subject, then.kind, version, created, now, restricted, sources];
        self.vault.prepare_cached(insert)?.execute(row)?;
        self.copy_values(then.subject)?;
        self.set_apart(then.subject)?;
        self.copy_documents(then.subject)
    }

    /// What was kept of a record that was left out, which is not kept any longer; 0 where nothing was.
    fn take_known(&self, what: &str, subject: SubjectId) -> rusqlite::Result<i64> {
        let key = params![what, subject.as_bytes()];
        let mut find =
            self.vault.prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1 || ':' || hex(?2)")?;
        let known = find.query_row(key, |row| row.get(0)).optional()?.unwrap_or_default();
        self.vault.prepare_cached("DELETE FROM meta WHERE key = ?1 || ':' || hex(?2)")?.execute(key)?;
        Ok(known)
    }

    /// What was set apart then, beside what is now. Where retention has removed it since, it would be in daily use again.
    fn set_apart(&self, subject: SubjectId) -> rusqlite::Result<()> {
        let mut read = self.moment.prepare_cached("SELECT category, since FROM archived WHERE subject = ?1")?;
        let sql = "INSERT OR IGNORE INTO archived (subject, category, since) VALUES (?1, ?2, ?3)";
        let mut write = self.vault.prepare_cached(sql)?;
        let mut rows = read.query([subject.as_bytes()])?;
        while let Some(row) = rows.next()? {
            write.execute(params![subject.as_bytes(), row.get::<_, String>(0)?, row.get::<_, i64>(1)?])?;
        }
        Ok(())
    }

    fn copy_values(&self, subject: SubjectId) -> rusqlite::Result<()> {
        let columns = "subject, category, version, epoch, written_at, sealed";
        self.copy("record_values", columns, 6, subject)
    }

    fn copy_documents(&self, subject: SubjectId) -> rusqlite::Result<()> {
        let columns = "document, version, subject, epoch, stored_at, sealed_length, sealed_sha256, note";
        self.copy("documents", columns, 8, subject)
    }

    fn copy(&self, table: &str, columns: &str, count: usize, subject: SubjectId) -> rusqlite::Result<()> {
        let mut read = self.moment.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE subject = ?1"))?;
        let places = vec!["?"; count].join(", ");
        let mut write = self.vault.prepare_cached(&format!("INSERT INTO {table} ({columns}) VALUES ({places})"))?;
        let mut rows = read.query([subject.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let values = (0..count).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<rusqlite::types::Value>>>()?;
            write.execute(rusqlite::params_from_iter(values))?;
        }
        Ok(())
    }
}
