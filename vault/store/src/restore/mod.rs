//! The vault half of a restore: files that were fetched and checked without keys are opened with the
//! recovery identity, checked once more from the inside, and become a new generation.
//!
//! Whom the newest keyring knows to be erased stays erased, however old the restored point is. A restore to a moment
//! sets records back and nothing else: `rewind`.
//!
//! Checked: every page's MAC and the databases' structure, the log's tree against its signed head,
//! every value and every document. Only then is a new server identity made; without it the vault
//! does not open, so a restore that was cut short is never mistaken for a finished one.

mod drill;
mod erasures;
mod error;
mod hashed;
mod inside;
mod log;
mod rewind;
mod unnamed;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use coffre_core::crypto::Entropy;
use coffre_core::drill::Slice;
use coffre_core::ids::GenerationId;
use coffre_core::keyset::{Keyset, RootKey};
use coffre_core::note::VerificationKey;
use coffre_core::spool::{Parent, Side};
use coffre_core::time::Timestamp;
use rusqlite::Connection;

pub use self::drill::{DrillError, Drilled};
use self::erasures::Missed;
pub use self::error::RestoreError;
use self::inside::Inside;
use self::log::{Beginning, Heads};
use crate::capture::remember_parent;
use crate::connection::{self, Use};
use crate::document::DocumentFolder;
use crate::durable::sync_directory;
use crate::error::disk_is_full;
use crate::identity::Identity;
use crate::init::new_server_identity;
use crate::kept_pages;
use crate::layout::{Database, Layout};
use crate::open::{OpenError, Owned, check_format, own, signer};
use crate::root::{self, Unwrapped};

/// What was fetched, and the key that it must be signed by.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The vault's verification key, as it is pinned in a configuration.
    pub key: VerificationKey,
    /// The main manifest that was restored.
    pub main: Parent,
    /// The keyring manifest that was restored.
    pub keyring: Parent,
    /// The moment that records are set back to; none where everything is the newest.
    pub moment: Option<Moment>,
    /// What of the log could not be had and was given up knowingly, if anything was.
    pub lost: Option<String>,
    /// Who restores: the account on the host.
    pub operator: Option<String>,
}

/// A moment before the newest, with `vault.db` as it was then in the file [`MOMENT`].
#[derive(Debug, Clone)]
pub struct Moment {
    /// The generation that was captured then.
    pub generation: GenerationId,
    /// When.
    pub time: Timestamp,
    /// The signed tree head of the log then.
    pub audit_head: String,
}

/// The file beside `vault.db` that holds it as it was at the moment to restore to. It goes with the restore.
pub const MOMENT: &str = "moment.db";

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
    /// What was done to records to set them back.
    pub set_back: Option<RecordsSetBack>,
    /// Entries of the log, which agree with its signed head.
    pub entries: u64,
    /// The recovery recipient: of the identity that opened it.
    pub recovery_recipient: String,
    /// Who had been made the recovery recipient after the base was taken, if somebody had: the restored vault is not theirs until
    /// the recovery identity is replaced again.
    pub replaced_by: Option<String>,
}

/// How many records were set back, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsSetBack {
    /// Those that have former values again.
    pub changed: u64,
    /// Those that were made since and are left out.
    pub left_out: u64,
    /// Those that an earlier restore had left out.
    pub brought_back: u64,
    /// Those that stay as they are: under a legal hold or, made since, of somebody who exercised a right.
    pub held: u64,
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

/// Whoever watches asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopped;

/// Is told what is being checked, and may have it stopped there.
type Watching<'w> = dyn FnMut(Checking) -> Result<(), Stopped> + 'w;

/// The databases of a vault that is not running.
struct Offline {
    vault: Connection,
    keyring: Connection,
    audit: Connection,
    /// `vault.db` as it was.
    moment: Option<Connection>,
}

impl Offline {
    fn open(layout: &Layout, keys: &Keyset, rewinds: bool, checking: &mut Watching<'_>) -> Result<Self, RestoreError> {
        let mut open = |database: Database, file: &'static str, key| {
            let failed = |source| RestoreError::Database { file, source };
            let connection = connection::open(&layout.root().join(file), key, Use::Write).map_err(failed)?;
            check_format(&connection, database, file)?;
            for check in PAGE_CHECKS {
                checking(Checking::Pages(database))?;
                check_pages(&connection, file, check)?;
            }
            Ok::<_, RestoreError>(connection)
        };
        let mut newest = |database: Database, key| open(database, database.file_name(), key);
        Ok(Self {
            vault: newest(Database::Vault, &keys.databases.vault)?,
            keyring: newest(Database::Keyring, &keys.databases.keyring)?,
            audit: newest(Database::Audit, &keys.databases.audit)?,
            moment: rewinds.then(|| open(Database::Vault, MOMENT, &keys.databases.vault)).transpose()?,
        })
    }
}

/// Each asks for complaints; the second has a word for none.
const PAGE_CHECKS: [(&str, Option<&str>); 2] =
    [("PRAGMA cipher_integrity_check", None), ("PRAGMA integrity_check", Some("ok"))];

fn check_pages(
    connection: &Connection,
    file: &'static str,
    (check, sound): (&str, Option<&str>),
) -> Result<(), RestoreError> {
    let failed = |source: rusqlite::Error| {
        let full = disk_is_full(&source);
        if full { OpenError::Full.into() } else { RestoreError::Pages { file, detail: source.to_string() } }
    };
    let mut statement = connection.prepare(check).map_err(failed)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let found = rows.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let complaint = found.into_iter().find(|row| Some(row.as_str()) != sound);
    complaint.map_or(Ok(()), |detail| Err(RestoreError::Pages { file, detail }))
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
    let mut watching = |at: Checking| {
        checking(at);
        Ok(())
    };
    finish(dir, recovery, fetched, now, entropy, &mut watching).map_err(RestoreError::unless_full)
}

fn finish(
    dir: &Path,
    recovery: &Identity,
    fetched: &Fetched,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    checking: &mut Watching<'_>,
) -> Result<Restored, RestoreError> {
    let Owned { layout, lock: _lock } = own(dir)?;
    let Unwrapped { root, keys, root_file, .. } = root::unwrap(&layout, &layout.root_recovery(), recovery)?;
    if signer(&root.scope, &keys)?.verification_key() != fetched.key {
        return Err(RestoreError::OtherVault);
    }
    let mut offline = Offline::open(&layout, &keys, fetched.moment.is_some(), checking)?;
    let heads = Heads::of(fetched)?;
    heads.check(&offline.audit, fetched, checking)?;
    let set_back = match &offline.moment {
        Some(moment) => {
            let mut done = rewind::set_back(&offline.vault, moment, now)?;
            done.find_unnamed(&offline.vault, &offline.audit)?;
            Some(done)
        }
        None => None,
    };
    let missed = Missed::find(&offline.vault, &offline.keyring, &fetched.key)?;
    let folder = DocumentFolder::open(&layout.documents()).map_err(RestoreError::Write)?;
    let inside = Inside { folder: &folder, scope: &root.scope, root_file, keys: &keys, offline: &offline };
    let (records, documents, document_bytes) = inside.check(&missed.subjects(), Slice::ALL, checking)?;
    let recovery_recipient = recovery.recipient();
    let recipient = recovery_recipient.as_str();
    let epoch = new_epoch(&layout, &root, &keys, entropy)?;
    let beginning =
        Beginning { fetched, heads: &heads, missed: &missed, set_back: set_back.as_ref(), recipient, epoch };
    let (generation, newest_recipient) = inside.begin_generation(&beginning, now, entropy)?;
    let replaced_by = Some(newest_recipient).filter(|newest| *newest != recovery_recipient);
    erasures::remove_files(&offline.vault, &folder, keys.epochs.newest())?;
    if let Some(moment) = offline.moment.take() {
        drop(moment);
        remove_moment(&layout).map_err(RestoreError::Write)?;
    }
    remember_parent(&layout, Side::Main, &fetched.main).map_err(RestoreError::Write)?;
    remember_parent(&layout, Side::Keyring, &fetched.keyring).map_err(RestoreError::Write)?;
    drop(offline);
    kept_pages::begin(&layout, &keys, &root.scope).map_err(OpenError::from)?;
    // From here on the vault opens.
    new_server_identity(&layout, &root)?;
    let known_erased = set_back.as_ref().map_or(0, |done| done.erased);
    let (erased, entries) = (known_erased + missed.iter().len() as u64, heads.newest.size);
    let set_back = set_back.map(|done| {
        let (changed, left_out, brought_back) = done.counts();
        RecordsSetBack { changed, left_out, brought_back, held: done.held }
    });
    Ok(Restored {
        generation,
        records,
        documents,
        document_bytes,
        erased,
        set_back,
        entries,
        recovery_recipient,
        replaced_by,
    })
}

/// Makes the secret of a data epoch that nothing was written under. Documents are named by their epoch, and written once at every
/// destination: a version that was shipped there, lost, and is stored again after the restore is another object.
fn new_epoch(layout: &Layout, root: &RootKey, keys: &Keyset, entropy: &mut dyn Entropy) -> Result<u32, RestoreError> {
    let mut keys = keys.clone();
    let epoch = keys.epochs.announce(entropy);
    root::write_keys(layout, root, &keys, entropy)?;
    Ok(epoch)
}

/// Removes the older `vault.db` with what SQLite left beside it.
fn remove_moment(layout: &Layout) -> io::Result<()> {
    for suffix in ["-shm", "-wal", ""] {
        match fs::remove_file(layout.root().join(format!("{MOMENT}{suffix}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_directory(layout.root())
}

/// Whether a directory holds files that were fetched and are not yet a vault that opens.
pub fn is_unfinished(dir: &Path) -> bool {
    let layout = Layout::new(dir);
    layout.keys().exists() && File::open(layout.root_server()).is_err()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::clock::{SystemClock, SystemEntropy};
    use crate::init::{InitPlan, init};
    use crate::schema;

    /// Before it is checked and written to: it would be of this version's format from then on.
    #[test]
    fn a_backup_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, recovery_identity_file) = (folder.path().join("vault"), folder.path().join("recovery"));
        let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
        init(&dir, &plan, &SystemClock, &mut SystemEntropy).unwrap();
        let layout = Layout::new(&dir);
        let identity = Identity::read(&layout.server_identity()).unwrap();
        let Unwrapped { keys, .. } = root::unwrap(&layout, &layout.root_server(), &identity).unwrap();
        let opened = |version: i32| {
            let vault = connection::open_own(&layout, &keys, Database::Vault, Use::Write).unwrap();
            vault.pragma_update(None, "user_version", version).unwrap();
            drop(vault);
            Offline::open(&layout, &keys, false, &mut |_| Ok(())).map(drop)
        };
        let older = opened(schema::VERSION - 1);
        assert!(matches!(older, Err(RestoreError::Open(OpenError::Older { .. }))), "{older:?}");
        let newer = opened(schema::VAULT_VERSION + 1);
        assert!(matches!(newer, Err(RestoreError::Open(OpenError::Newer { .. }))), "{newer:?}");
        let known = opened(schema::VERSION);
        assert!(!matches!(known, Err(RestoreError::Open(_))), "{known:?}");
    }
}
