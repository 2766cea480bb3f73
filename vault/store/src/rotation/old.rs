//! What still stands under a former epoch, looked up a little at a time: a view is short, whatever the vault's size.

use coffre_core::audit::Entry;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::RecordTypeName;
use coffre_core::spool::DocumentName;
use rusqlite::{Connection, params};

use crate::clock::SystemEntropy;
use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;
use crate::{log_file, reason};

/// Data subjects that are looked at in one view.
const WINDOW: usize = 256;
/// Reasons that are encrypted anew in one view and one commit.
const REASONS: usize = 256;

/// A data subject of whom something is of a former epoch.
pub(super) struct Old {
    pub(super) kind: RecordTypeName,
    pub(super) subject: SubjectId,
    /// Whether values or notes are.
    pub(super) rows: bool,
    /// Which documents are.
    pub(super) documents: Vec<DocumentName>,
}

/// The data subjects after one, as far as they were looked at.
pub(super) struct Window {
    pub(super) old: Vec<Old>,
    /// The last one looked at; `None` behind the last.
    pub(super) last: Option<SubjectId>,
}

/// Reasons from an entry on, encrypted anew.
pub(super) struct Reasons {
    /// Each with the index of its entry.
    pub(super) renewed: Vec<(u64, Vec<u8>)>,
    /// How many do not open.
    pub(super) failed: u64,
    /// Where to go on; `None` behind the last.
    pub(super) next: Option<u64>,
}

impl Snapshot<'_> {
    /// Looks at some data subjects after one for what is of an epoch before this one.
    pub(super) fn before_epoch(&self, after: Option<SubjectId>, epoch: u32) -> Result<Window, ReadError> {
        self.ask(|reader| {
            let after = after.map_or_else(Vec::new, |after| after.as_bytes().to_vec());
            let mut living = reader.keyring.prepare_cached(
                "SELECT subject, record_type FROM subject_keys WHERE subject > ?1 AND wrapped IS NOT NULL
                 ORDER BY subject LIMIT ?2",
            )?;
            let living = living.query_map(params![after, WINDOW], |row| {
                Ok((SubjectId::from_bytes(row.get(0)?), row.get::<_, String>(1)?))
            })?;
            let mut window = Window { old: Vec::new(), last: None };
            for row in living {
                let (subject, kind) = row?;
                window.last = Some(subject);
                let (rows, documents) =
                    (has_rows(&reader.vault, subject, epoch)?, documents(&reader.vault, subject, epoch)?);
                if rows || !documents.is_empty() {
                    let kind = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
                    window.old.push(Old { kind, subject, rows, documents });
                }
            }
            Ok(window)
        })
    }

    /// Encrypts the next reasons anew that are of an epoch before this one, from an entry on. Those of the erased stay as they are:
    /// nobody can read them.
    pub(super) fn renewed_reasons(&self, from: u64, epoch: u32) -> Result<Reasons, ReadError> {
        let (page, entries) = self.ask(|reader| {
            let mut statement = reader
                .audit
                .prepare_cached("SELECT idx, sealed FROM annotations WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
            let rows = statement
                .query_map(params![from, REASONS], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
            let page = rows.collect::<Result<Vec<_>, _>>()?;
            let entries = page.iter().map(|(index, _)| log_file::entry(&reader.audit, *index));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            Ok((page, entries))
        })?;
        let mut reasons = Reasons { renewed: Vec::new(), failed: 0, next: page.last().map(|(index, _)| index + 1) };
        for ((index, sealed), logged) in page.into_iter().zip(entries) {
            let Some(logged) = logged else { continue };
            let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?.what;
            let (former, subject, bytes) = reason::split(&sealed)?;
            let (true, Some(kind)) = (former < epoch, entry.record_type) else { continue };
            let about = entry.request;
            let renew = |_: &Reader, keys: &SubjectKeys<'_>| {
                let plain = keys.open_note(reason::NOTE, about.as_bytes(), former, bytes);
                let plain = plain.map_err(|source| ReadError::Value { subject, source })?;
                let sealed = keys.seal_note(reason::NOTE, about.as_bytes(), epoch, &plain, &mut SystemEntropy);
                let sealed = sealed.map_err(|_| ReadError::Format { what: "reason" })?;
                Ok(Some(reason::joined(epoch, subject, &sealed)))
            };
            match self.with_keys(&kind, subject, None, renew) {
                Ok(renewed) => reasons.renewed.extend(renewed.map(|sealed| (index, sealed))),
                Err(error @ (ReadError::Value { .. } | ReadError::KeyMissing { .. })) => {
                    tracing::error!(%error, entry = index, "a reason could not be encrypted anew");
                    reasons.failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(reasons)
    }
}

fn has_rows(vault: &Connection, subject: SubjectId, epoch: u32) -> rusqlite::Result<bool> {
    let mut statement = vault.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM record_values WHERE subject = ?1 AND epoch < ?2)
             OR EXISTS (SELECT 1 FROM holds WHERE subject = ?1 AND epoch < ?2)
             OR EXISTS (SELECT 1 FROM filing_steps WHERE subject = ?1 AND epoch < ?2 AND sealed IS NOT NULL)",
    )?;
    statement.query_row(params![subject.as_bytes(), epoch], |row| row.get(0))
}

fn documents(vault: &Connection, subject: SubjectId, before: u32) -> rusqlite::Result<Vec<DocumentName>> {
    let mut statement = vault.prepare_cached(
        "SELECT document, version, epoch FROM documents WHERE subject = ?1 AND epoch < ?2 ORDER BY document, version",
    )?;
    let rows = statement.query_map(params![subject.as_bytes(), before], |row| {
        let document = DocumentId::from_bytes(row.get(0)?);
        Ok(DocumentName { document, version: row.get(1)?, epoch: row.get(2)? })
    })?;
    rows.collect()
}
