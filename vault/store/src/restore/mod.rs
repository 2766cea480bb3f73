//! The vault half of a restore: files that were fetched and checked without keys are opened with the
//! recovery identity, checked once more from the inside, and become a new generation.
//!
//! Whom the newest keyring knows to be erased stays erased, however old the restored point is.
//!
//! Checked: every page's MAC and the databases' structure, the log's tree against its signed head,
//! every value and every document. Only then is a new server identity made; without it the vault
//! does not open, so a restore that was cut short is never mistaken for a finished one.

mod drill;
mod erasures;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use coffre_core::audit::{Action, Decision, Draft, OperatorKnown, Parent as LogParent};
use coffre_core::crypto::{Entropy, Scope};
use coffre_core::drill::Slice;
use coffre_core::ids::{DocumentId, GenerationId, RequestId, SubjectId};
use coffre_core::keyset::{Keyset, SubjectKeys, signer_name};
use coffre_core::note::VerificationKey;
use coffre_core::record::{Category, RecordTypeName};
use coffre_core::spool::{ContentHash, Parent, Side};
use coffre_core::time::Timestamp;
use coffre_core::tlog::{HeadError, LogFault, StoredEntry, TreeHead, verify_entries};
use coffre_core::tombstone::{Tombstone, TombstoneError};
use rusqlite::Connection;
use thiserror::Error;

pub use self::drill::{DrillError, Drilled};
use self::erasures::Missed;
use crate::capture::remember_parent;
use crate::connection::{self, Use};
use crate::document::{DocumentFolder, Located};
use crate::error::{ReadError, disk_is_full};
use crate::identity::Identity;
use crate::init::{InitError, begin_log, name_generation, new_server_identity};
use crate::layout::{Database, Layout};
use crate::log_file::{self, Tail};
use crate::open::{OpenError, Owned, own, signer};
use crate::root::{self, RootError, Unwrapped};
use crate::{keyring, subject_keys, values};

/// What was fetched, and the key that it must be signed by.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The vault's verification key, as it is pinned in a configuration.
    pub key: VerificationKey,
    /// The main manifest that was restored.
    pub main: Parent,
    /// The keyring manifest that was restored.
    pub keyring: Parent,
    /// Who restores: the account on the host.
    pub operator: Option<String>,
}

/// A vault that was restored and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its new generation.
    pub generation: GenerationId,
    /// Records whose values all decrypt.
    pub records: u64,
    /// Document versions that decrypt to their end.
    pub documents: u64,
    /// Bytes of those documents.
    pub document_bytes: u64,
    /// Data subjects that were erased after the restored point, and stay erased.
    pub erased: u64,
    /// Entries of the log, which agree with its signed head.
    pub entries: u64,
    /// The recovery recipient.
    pub recovery_recipient: String,
}

/// What is being checked, for a display of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checking {
    /// A database's pages.
    Pages(Database),
    /// The log: entries so far.
    Log(u64),
    /// Hashes of what the log says was written: entries so far.
    Values(u64),
    /// Records so far.
    Records(u64),
    /// Documents so far.
    Documents(u64),
}

/// A restored vault that is not to be used. Nothing of what was fetched is changed.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The identity does not open it.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The backup is of another vault than the pinned one.
    #[error("the backup is not of the vault that the verification key names: check --vault-key")]
    OtherVault,
    /// A database does not open.
    #[error("{file} does not open with the vault's key: fetch it again from another copy")]
    Database {
        /// Which file.
        file: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A page's MAC or the structure is wrong.
    #[error("{file} is damaged ({detail}): fetch it again from another copy")]
    Pages {
        /// Which file.
        file: &'static str,
        /// What the check said.
        detail: String,
    },
    /// The manifest holds no usable tree head.
    #[error("the manifest's tree head is not usable: choose another backup")]
    Head(#[source] HeadError),
    /// The log does not agree with its head.
    #[error("the audit log does not agree with its signed head")]
    Log(#[source] LogFault),
    /// An erasure that cannot be believed.
    #[error(
        "keyring.db has no sound tombstone for record {subject}, which it calls erased: fetch the keyring again from another copy"
    )]
    Tombstone {
        /// The record.
        subject: SubjectId,
        /// What is wrong with it; nothing where it is of another record.
        #[source]
        source: Option<TombstoneError>,
    },
    /// A record does not decrypt.
    #[error("a record cannot be read")]
    Record(#[source] ReadError),
    /// A document does not decrypt.
    #[error("document {document} cannot be read: fetch it again from another copy")]
    Document {
        /// Which document.
        document: DocumentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The new generation could not be written.
    #[error("the new generation could not be written: check permissions and free space")]
    Write(#[source] io::Error),
    /// The new server identity could not be written.
    #[error(transparent)]
    Identity(#[from] InitError),
}

/// The databases of a vault that is not running.
struct Offline {
    vault: Connection,
    keyring: Connection,
    audit: Connection,
}

impl Offline {
    fn open(layout: &Layout, keys: &Keyset, checking: &mut dyn FnMut(Checking)) -> Result<Self, RestoreError> {
        let mut open = |database: Database, key| {
            checking(Checking::Pages(database));
            let file = database.file_name();
            let failed = |source| RestoreError::Database { file, source };
            let connection = connection::open(&layout.database(database), key, Use::Write).map_err(failed)?;
            check_pages(&connection, file).map(|()| connection)
        };
        Ok(Self {
            vault: open(Database::Vault, &keys.databases.vault)?,
            keyring: open(Database::Keyring, &keys.databases.keyring)?,
            audit: open(Database::Audit, &keys.databases.audit)?,
        })
    }
}

fn check_pages(connection: &Connection, file: &'static str) -> Result<(), RestoreError> {
    for (check, sound) in [("PRAGMA cipher_integrity_check", None), ("PRAGMA integrity_check", Some("ok"))] {
        let failed = |source: rusqlite::Error| {
            let full = disk_is_full(&source);
            if full { OpenError::Full.into() } else { RestoreError::Pages { file, detail: source.to_string() } }
        };
        let mut statement = connection.prepare(check).map_err(failed)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let found = rows.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if let Some(detail) = found.into_iter().find(|row| Some(row.as_str()) != sound) {
            return Err(RestoreError::Pages { file, detail });
        }
    }
    Ok(())
}

impl RestoreError {
    /// The same, unless a full disk is behind it, which proves nothing against the backup.
    fn unless_full(self) -> Self {
        if disk_is_full(&self) { Self::Open(OpenError::Full) } else { self }
    }
}

/// Checks fetched files from the inside and makes them a vault of a new generation.
pub fn finish_restore(
    dir: &Path,
    recovery: &Identity,
    fetched: &Fetched,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    checking: &mut dyn FnMut(Checking),
) -> Result<Restored, RestoreError> {
    finish(dir, recovery, fetched, now, entropy, checking).map_err(RestoreError::unless_full)
}

fn finish(
    dir: &Path,
    recovery: &Identity,
    fetched: &Fetched,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    checking: &mut dyn FnMut(Checking),
) -> Result<Restored, RestoreError> {
    let Owned { layout, lock: _lock } = own(dir)?;
    let Unwrapped { root, keys, root_file, .. } = root::unwrap(&layout, &layout.root_recovery(), recovery)?;
    if signer(&root.scope, &keys)?.verification_key() != fetched.key {
        return Err(RestoreError::OtherVault);
    }
    let offline = Offline::open(&layout, &keys, checking)?;
    let head = check_log(&offline.audit, fetched, checking)?;
    let missed = Missed::find(&offline.vault, &offline.keyring, &fetched.key)?;
    let folder = DocumentFolder::open(&layout.documents()).map_err(RestoreError::Write)?;
    let inside = Inside { folder: &folder, scope: &root.scope, root_file, keys: &keys, offline: &offline };
    let (records, documents, document_bytes) = inside.check(&missed.subjects(), Slice::ALL, checking)?;
    let (generation, recovery_recipient) = inside.begin_generation(fetched, &head, &missed, now, entropy)?;
    erasures::remove_files(&offline.vault, &folder)?;
    remember_parent(&layout, Side::Main, &fetched.main).map_err(RestoreError::Write)?;
    remember_parent(&layout, Side::Keyring, &fetched.keyring).map_err(RestoreError::Write)?;
    // From here on the vault opens.
    new_server_identity(&layout, &root)?;
    let (erased, entries) = (missed.iter().len() as u64, head.size);
    Ok(Restored { generation, records, documents, document_bytes, erased, entries, recovery_recipient })
}

/// The cause in the log of an erasure that the restored point does not have yet.
const ERASED_SINCE: &str = "erased-after-this-backup";

/// How many rows are read at a time.
const PAGE: usize = 1_000;

fn check_log(
    audit: &Connection,
    fetched: &Fetched,
    checking: &mut dyn FnMut(Checking),
) -> Result<TreeHead, RestoreError> {
    let note = fetched.main.audit_head.as_deref().unwrap_or_default();
    let head = TreeHead::open(note.as_bytes(), &fetched.key, None).map_err(RestoreError::Head)?;
    let mut next = 0;
    let mut page = Vec::new().into_iter();
    let entries = std::iter::from_fn(|| {
        if page.len() == 0 {
            match log_file::hashed(audit, next, PAGE) {
                Ok(rows) => page = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
            checking(Checking::Log(next));
        }
        let (entry, hash) = page.next()?;
        next = entry.index + 1;
        Some(Ok(StoredEntry { index: entry.index, leaf: entry.leaf, hash }))
    });
    let report = verify_entries(entries, std::slice::from_ref(&head)).map_err(RestoreError::Log)?;
    if report.unsigned > 0 {
        // A restore that was cut short after it began its generation: its entry is not in the head.
        tracing::info!(entries = report.unsigned, "entries of an earlier attempt to restore follow the signed head");
    }
    Ok(head)
}

/// A vault seen from the inside.
struct Inside<'r> {
    folder: &'r DocumentFolder,
    scope: &'r Scope,
    /// What the file is that the recovery identity opened.
    root_file: ContentHash,
    keys: &'r Keyset,
    offline: &'r Offline,
}

impl Inside<'_> {
    /// Decrypts every value of every version, and every document to its end, of all in a slice but the erased.
    fn check(
        &self,
        erased: &BTreeSet<SubjectId>,
        slice: Slice,
        checking: &mut dyn FnMut(Checking),
    ) -> Result<(u64, u64, u64), RestoreError> {
        let (mut records, mut documents, mut bytes) = (0, 0, 0);
        checking(Checking::Records(0));
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
            let format = |_| RestoreError::Record(ReadError::Format { what: "record type" });
            let kind: RecordTypeName = kind.parse().map_err(format)?;
            self.check_record(subject, &kind)?;
            records += 1;
            let (more, length) = self.check_documents(subject, &kind)?;
            documents += more;
            bytes += length;
            if records % 500 == 0 {
                checking(Checking::Records(records));
                checking(Checking::Documents(documents));
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
        run(&subject_keys(self.scope, kind, subject, &key))
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
    /// says it twice, and never not at all.
    fn begin_generation(
        &self,
        fetched: &Fetched,
        head: &TreeHead,
        missed: &Missed,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<(GenerationId, String), RestoreError> {
        let generation = GenerationId::random(entropy);
        let mut begin = Draft::new(Action::BeginGeneration, Decision::Allow, RequestId::random(entropy));
        begin.operator.clone_from(&fetched.operator);
        begin.operator_known = fetched.operator.is_some().then_some(OperatorKnown::LocalAccount);
        begin.parent = Some(LogParent {
            generation: fetched.main.generation,
            origin: head.origin.clone(),
            size: head.size,
            root: head.root.to_string(),
        });
        let erase = |tombstone: &Tombstone| Draft {
            action: Action::Erase,
            record_type: Some(tombstone.record_type.clone()),
            subjects: vec![tombstone.subject],
            cause: Some(ERASED_SINCE.to_owned()),
            parent: None,
            ..begin.clone()
        };
        let entries = std::iter::once(begin.clone()).chain(missed.iter().map(erase)).collect();
        let tail = Tail::load(&self.offline.audit).map_err(RestoreError::Record)?;
        let origin = log_file::origin(&signer_name(self.scope), generation);
        let signer = signer(self.scope, self.keys)?;
        begin_log(&self.offline.audit, &tail, entries, now.max(tail.time), &origin, &signer)?;
        let failed = |source| RestoreError::Database { file: Database::Vault.file_name(), source };
        let sql = "SELECT value FROM meta WHERE key = 'recovery_recipient'";
        let recipient = self.offline.vault.query_row(sql, [], |row| row.get::<_, String>(0)).map_err(failed)?;
        self.offline.vault.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        missed.remove(&self.offline.vault).map_err(failed)?;
        name_generation(&self.offline.vault, generation, &recipient, self.root_file)?;
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

/// Whether a directory holds files that were fetched and are not yet a vault that opens.
pub fn is_unfinished(dir: &Path) -> bool {
    let layout = Layout::new(dir);
    layout.keys().exists() && File::open(layout.root_server()).is_err()
}
