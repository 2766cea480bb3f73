//! A restored vault seen from the inside: every value and every document decrypts, and then a new generation begins.

use std::collections::BTreeSet;
use std::io::{self, Read};

use coffre_core::crypto::{Entropy, Scope};
use coffre_core::drill::Slice;
use coffre_core::ids::{GenerationId, SubjectId};
use coffre_core::keyset::{Keyset, SubjectKeys, signer_name};
use coffre_core::record::{Category, RecordTypeName};
use coffre_core::spool::ContentHash;
use coffre_core::time::Timestamp;

use super::log::Beginning;
use super::{Checking, Offline, RestoreError, Watching};
use crate::document::{DocumentFolder, Located};
use crate::error::ReadError;
use crate::init::{begin_log, name_generation};
use crate::layout::Database;
use crate::log_file::{self, Tail};
use crate::open::signer;
use crate::{keyring, meta, rotation, subject_keys, values};

/// A vault seen from the inside.
pub(super) struct Inside<'r> {
    pub(super) folder: &'r DocumentFolder,
    pub(super) scope: &'r Scope,
    /// What the file is that the recovery identity opened.
    pub(super) root_file: ContentHash,
    pub(super) keys: &'r Keyset,
    pub(super) offline: &'r Offline,
}

impl Inside<'_> {
    /// Decrypts every value of every version, and every document to its end, of all in a slice but the erased.
    pub(super) fn check(
        &self,
        erased: &BTreeSet<SubjectId>,
        slice: Slice,
        checking: &mut Watching<'_>,
    ) -> Result<(u64, u64, u64), RestoreError> {
        let (mut records, mut documents, mut bytes) = (0, 0, 0);
        checking(Checking::Records(0))?;
        let read = |error: rusqlite::Error| RestoreError::Record(error.into());
        let mut statement =
            self.offline.vault.prepare("SELECT subject, record_type FROM records ORDER BY subject").map_err(read)?;
        let rows = statement
            .query_map([], |row| Ok((SubjectId::from_bytes(row.get(0)?), row.get::<_, String>(1)?)))
            .map_err(read)?;
        for row in rows {
            let (subject, kind) = row.map_err(read)?;
            if erased.contains(&subject) || !slice.holds(subject) {
                continue;
            }
            let kind: RecordTypeName = kind.parse().map_err(|_| RestoreError::record_type())?;
            self.check_record(subject, &kind)?;
            records += 1;
            let (more, length) = self.check_documents(subject, &kind)?;
            documents += more;
            bytes += length;
            if records % 100 == 0 {
                checking(Checking::Records(records))?;
                checking(Checking::Documents(documents))?;
            }
        }
        Ok((records, documents, bytes))
    }

    fn with_keys<T>(
        &self,
        subject: SubjectId,
        kind: &RecordTypeName,
        run: impl FnOnce(&SubjectKeys<'_>) -> Result<T, RestoreError>,
    ) -> Result<T, RestoreError> {
        let found = keyring::find(&self.offline.keyring, self.scope, self.keys, kind, subject);
        let key = found.map_err(RestoreError::Record)?;
        let key = key.ok_or(RestoreError::Record(ReadError::KeyMissing { subject }))?;
        run(&subject_keys(self.scope, self.keys, kind, subject, &key))
    }

    fn check_record(&self, subject: SubjectId, kind: &RecordTypeName) -> Result<(), RestoreError> {
        let read = |error: rusqlite::Error| RestoreError::Record(error.into());
        let mut statement = self
            .offline
            .vault
            .prepare_cached("SELECT category, version FROM record_values WHERE subject = ?1")
            .map_err(read)?;
        let rows = statement
            .query_map([subject.as_bytes()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)))
            .map_err(read)?;
        let values = rows.collect::<Result<Vec<_>, _>>().map_err(read)?;
        self.with_keys(subject, kind, |keys| {
            for (category, version) in values {
                let format = |_| RestoreError::Record(ReadError::Format { what: "category" });
                let category: Category = category.parse().map_err(format)?;
                values::category_at(&self.offline.vault, keys, &category, version).map_err(RestoreError::Record)?;
            }
            Ok(())
        })
    }

    fn check_documents(&self, subject: SubjectId, kind: &RecordTypeName) -> Result<(u64, u64), RestoreError> {
        let read = |error: rusqlite::Error| RestoreError::Record(error.into());
        let sql = format!("SELECT {} FROM documents WHERE subject = ?1", crate::snapshot::DOCUMENT);
        let mut statement = self.offline.vault.prepare_cached(&sql).map_err(read)?;
        let rows = statement.query_map([subject.as_bytes()], crate::snapshot::located).map_err(read)?;
        let documents = rows.collect::<Result<Vec<_>, _>>().map_err(read)?;
        if documents.is_empty() {
            return Ok((0, 0));
        }
        self.with_keys(subject, kind, |keys| {
            let mut bytes = 0;
            for document in &documents {
                bytes += read_to_end(document, self.folder, keys)
                    .map_err(|source| RestoreError::Document { document: document.document, source })?;
            }
            Ok((documents.len() as u64, bytes))
        })
    }

    /// The log goes on under a new origin: its next entry says what it was restored from, and those after it
    /// who stays erased. They come before the rows go: a run that is cut short in between and repeated
    /// says it twice, and never not at all. Also gives whom the newest state was for, who may be somebody else: the recovery
    /// identity was replaced after the base was taken.
    pub(super) fn begin_generation(
        &self,
        beginning: &Beginning<'_>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<(GenerationId, String), RestoreError> {
        let generation = GenerationId::random(entropy);
        let entries = beginning.entries(entropy)?;
        let tail = Tail::load(&self.offline.audit).map_err(RestoreError::Record)?;
        let origin = log_file::origin(&signer_name(self.scope), generation);
        let signer = signer(self.scope, self.keys)?;
        begin_log(&self.offline.audit, &tail, entries, now.max(tail.time), &origin, &signer)?;
        let failed = |source| RestoreError::Database { file: Database::Vault.file_name(), source };
        let recipient = meta::required(&self.offline.vault, "recovery_recipient").map_err(failed)?;
        self.offline.vault.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        beginning.missed.remove(&self.offline.vault).map_err(failed)?;
        name_generation(&self.offline.vault, generation, beginning.recipient, self.root_file)?;
        rotation::begin_restored(&self.offline.vault, beginning.epoch).map_err(failed)?;
        self.offline.vault.execute_batch("COMMIT").map_err(failed)?;
        Ok((generation, recipient))
    }
}

fn read_to_end(document: &Located, folder: &DocumentFolder, keys: &SubjectKeys<'_>) -> io::Result<u64> {
    let mut reader = document.open(folder, keys).map_err(io::Error::other)?;
    let mut buffer = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(length),
            read => length += read as u64,
        }
    }
}
