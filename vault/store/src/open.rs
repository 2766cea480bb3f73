//! Opening a vault: from a directory of sealed files to a running writer and its readers.

mod error;

use std::fs::{self, File, OpenOptions as FileOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::keyset::{Keyset, signer_name};
use coffre_core::note::{KeyName, SigningKey};
use coffre_core::search::SearchIndex;
use coffre_core::spool::ContentHash;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::capture::Descriptors;
use crate::clock::Clock;
use crate::connection::{self, Use};
use crate::document::DocumentFolder;
use crate::identity::Identity;
use crate::kept_pages::{self, KeptPages, PagesError};
use crate::key_files::{KeyFiles, remember_recovery, remembered_recovery};
use crate::layout::{Database, Layout};
use crate::log_file::origin;
use crate::readers::Readers;
use crate::root::Unwrapped;
use crate::store::Store;
use crate::writer::{KEPT, Recovered, Shared, recover, sweep};
use crate::{meta, rotate, schema};
pub use error::OpenError;

/// How to open a vault.
#[derive(Clone)]
pub struct OpenOptions {
    /// Which fields are searchable, by the record types.
    pub indexes: Vec<SearchIndex>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How many reader connections.
    pub readers: usize,
}

/// A directory that this process alone may use, while the lock lives.
pub(crate) struct Owned {
    pub(crate) layout: Layout,
    pub(crate) lock: File,
}

/// Takes the owner lock of a vault's directory.
pub(crate) fn own(dir: &Path) -> Result<Owned, OpenError> {
    // What the disk or the permissions hide is there all the same.
    let absent = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoVault { path: dir.to_owned() },
        _ => OpenError::Io(error),
    };
    let metadata = fs::metadata(dir).map_err(absent)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(OpenError::Permissions { path: dir.to_owned() });
    }
    let layout = Layout::new(dir);
    fs::metadata(layout.keys()).map_err(absent)?;
    let lock =
        FileOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(layout.lock())?;
    take(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(Owned { layout, lock })
}

/// Whether a process has the vault in this directory open; where there is no vault, none has. It only looks: nobody is
/// kept from opening the vault, and two who look at once do not take each other for its owner.
pub fn is_open(dir: &Path) -> Result<bool, OpenError> {
    let lock = match File::open(Layout::new(dir).lock()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match take(&lock, FlockOperation::NonBlockingLockShared) {
        Err(OpenError::Locked) => Ok(true),
        looked => looked.map(|()| false),
    }
}

/// A former owner that has just ended can hold the lock for a moment longer, in a child process that it
/// was starting.
fn take(lock: &File, how: FlockOperation) -> Result<(), OpenError> {
    for _ in 0..20 {
        match flock(lock, how) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            taken => return taken.map_err(|error| OpenError::Io(error.into())),
        }
    }
    Err(OpenError::Locked)
}

/// Everything that serves an opened vault, ready to be started.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) readers: Readers,
    pub(crate) recovered: Recovered,
    pub(crate) generation: GenerationId,
    pub(crate) recovery_recipient: String,
}

/// Opens the databases of a vault whose keys are known.
pub(crate) fn open_with(layout: Layout, unwrapped: Unwrapped, options: &OpenOptions) -> Result<Opened, OpenError> {
    let pages = layout.pages();
    open_by(pages, layout, unwrapped, options)
}

/// The same, by the pages that stand in a file.
pub(crate) fn open_by(
    pages: PathBuf,
    layout: Layout,
    unwrapped: Unwrapped,
    options: &OpenOptions,
) -> Result<Opened, OpenError> {
    let Unwrapped { root, keys, keys_file, .. } = unwrapped;
    let pages = KeptPages::load(pages, &layout, &keys, &root.scope)?;
    let Described { generation, recovery_recipient, recovery, has_pages } = describe(&layout, &keys)?;
    let pages = match pages {
        Some(pages) => pages,
        None if has_pages => return Err(PagesError::Io(io::ErrorKind::NotFound.into()).into()),
        None => first_pages(&layout, &keys, &root.scope)?,
    };
    let key_files = KeyFiles { keys: keys_file, recovery };
    if let Err(fault) = key_files.read(&layout) {
        tracing::error!(%fault, "the vault can be served, but not be backed up");
    }
    let signer = signer(&root.scope, &keys)?;
    let origin = origin(&signer_name(&root.scope), generation);
    let folder = DocumentFolder::open(&layout.documents())?;
    let descriptors = Descriptors::open(&layout)?;
    let shared = Arc::new(Shared::new(
        layout,
        root.scope.clone(),
        keys,
        signer,
        origin,
        options.indexes.clone(),
        Arc::clone(&options.clock),
        folder,
        descriptors,
        key_files,
        pages,
    ));
    let recovered = recover(&shared)?;
    sweep(&shared, &recovered.files.vault)?;
    let readers =
        Readers::open(&shared, options.readers).map_err(|source| OpenError::Database { file: "a database", source })?;
    Ok(Opened { shared, readers, recovered, generation, recovery_recipient })
}

/// The key that signs tree heads and manifests.
pub(crate) fn signer(scope: &coffre_core::crypto::Scope, keys: &Keyset) -> Result<SigningKey, OpenError> {
    let name = KeyName::new(&signer_name(scope))
        .map_err(|error| OpenError::Damaged { detail: error.to_string(), source: None })?;
    Ok(SigningKey::from_seed(name, keys.signing_seed.expose()))
}

/// Creates a database with its tables.
pub(crate) fn create(layout: &Layout, database: Database, keys: &Keyset) -> Result<Connection, OpenError> {
    let tables = match database {
        Database::Vault => schema::VAULT,
        Database::Keyring => schema::KEYRING,
        Database::Audit => schema::AUDIT,
        Database::Index => schema::INDEX,
    };
    let version = schema::version(database);
    let failed = |source| OpenError::Database { file: database.file_name(), source };
    drop(crate::durable::create_private(&layout.database(database))?);
    let connection = connection::open_own(layout, keys, database, Use::Create).map_err(failed)?;
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {version}; COMMIT"))
        .map_err(failed)?;
    Ok(connection)
}

/// What a vault says of itself.
struct Described {
    generation: GenerationId,
    recovery_recipient: String,
    /// What `root.recovery.age` should be.
    recovery: ContentHash,
    /// Whether its pages were written down.
    has_pages: bool,
}

/// A vault of an older version, whose pages nobody has written down yet.
fn first_pages(layout: &Layout, keys: &Keyset, scope: &Scope) -> Result<KeptPages, OpenError> {
    kept_pages::begin(layout, keys, scope)?;
    let pages =
        KeptPages::load(layout.pages(), layout, keys, scope)?.ok_or(PagesError::Io(io::ErrorKind::NotFound.into()))?;
    let failed = |source| OpenError::Database { file: Database::Vault.file_name(), source };
    let vault = connection::open_own(layout, keys, Database::Vault, Use::Write);
    vault.and_then(|vault| meta::set(&vault, kept_pages::FACT, "1")).map_err(failed)?;
    Ok(pages)
}

/// Refuses a file of a database whose format this version does not know.
pub(crate) fn check_format(connection: &Connection, database: Database, file: &'static str) -> Result<(), OpenError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    let found: i32 = found.map_err(|source| OpenError::of(file, source))?;
    let known = schema::version(database);
    if found > known {
        return Err(OpenError::Newer { file, found, known });
    }
    if found < schema::VERSION {
        return Err(OpenError::Older { file, found, known: schema::VERSION });
    }
    Ok(())
}

/// Checks the formats and reads what the vault says of itself.
fn describe(layout: &Layout, keys: &Keyset) -> Result<Described, OpenError> {
    let mut told = None;
    for database in KEPT {
        let file = database.file_name();
        let failed = |source| OpenError::of(file, source);
        let connection = connection::open_own(layout, keys, database, Use::Write).map_err(failed)?;
        check_format(&connection, database, file)?;
        if database == Database::Vault {
            let fact = |key: &str| meta::required(&connection, key).map_err(failed);
            let has_pages = meta::get(&connection, kept_pages::FACT).map_err(failed)?.is_some();
            told = Some((fact("generation")?, fact("recovery_recipient")?, recovery(&connection, layout)?, has_pages));
        }
    }
    let damaged = || OpenError::Damaged { detail: "vault.db names no generation".to_owned(), source: None };
    let (generation, recovery_recipient, recovery, has_pages) = told.ok_or_else(damaged)?;
    Ok(Described { generation: generation.parse().map_err(|_| damaged())?, recovery_recipient, recovery, has_pages })
}

/// What `root.recovery.age` should be. A vault that has not written it down yet does so now.
fn recovery(vault: &Connection, layout: &Layout) -> Result<ContentHash, OpenError> {
    let failed = |source| OpenError::Database { file: Database::Vault.file_name(), source };
    if let Some(remembered) = remembered_recovery(vault).map_err(failed)? {
        return Ok(remembered);
    }
    let found = ContentHash::of(&fs::read(layout.root_recovery())?);
    remember_recovery(vault, found).map_err(failed)?;
    Ok(found)
}

impl Store {
    /// Opens a vault with the server identity: takes the owner lock, unwraps the keys, finishes what
    /// a crash left, and starts the writer.
    pub fn open(dir: &Path, identity: &Identity, options: &OpenOptions) -> Result<Self, OpenError> {
        let owned = own(dir)?;
        let unwrapped =
            rotate::unwrap(&owned.layout, identity).map_err(|error| OpenError::from(error).unless_full())?;
        let opened = open_with(owned.layout, unwrapped, options).map_err(OpenError::unless_full)?;
        Self::start(opened, owned.lock, identity.clone())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::clock::{SystemClock, SystemEntropy};
    use crate::init::{InitPlan, init};
    use crate::root;

    #[test]
    fn a_vault_of_another_format_is_refused_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, recovery_identity_file) = (folder.path().join("vault"), folder.path().join("recovery"));
        let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
        init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
        let layout = Layout::new(&vault);
        let identity = Identity::read(&layout.server_identity()).unwrap();
        let open = || {
            let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
            Store::open(&vault, &identity, &options).map(|store| store.close())
        };
        let Unwrapped { keys, .. } = root::unwrap(&layout, &layout.root_server(), &identity).unwrap();
        for (database, key) in [
            (Database::Keyring, &keys.databases.keyring),
            (Database::Vault, &keys.databases.vault),
            (Database::Audit, &keys.databases.audit),
        ] {
            let set = |version: i32| {
                let connection = connection::open(&layout.database(database), key, Use::Write).unwrap();
                connection.pragma_update(None, "user_version", version).unwrap();
            };
            let file = database.file_name();
            set(1);
            let refused = open().unwrap_err();
            assert!(matches!(refused, OpenError::Older { found: 1, known: schema::VERSION, .. }), "{refused}");
            let told = format!(
                "{file} has format 1, this version of coffre knows none before {}: use the coffre that made",
                schema::VERSION
            );
            assert!(refused.to_string().starts_with(&told), "{refused}");
            let now = schema::version(database);
            let newer = now + 1;
            set(newer);
            let refused = open().unwrap_err();
            assert!(matches!(refused, OpenError::Newer { known, .. } if known == now), "{refused}");
            assert!(refused.to_string().starts_with(&format!("{file} has format {newer}")), "{refused}");
            // The oldest that is known is of the newest version from here on.
            set(schema::VERSION);
            open().unwrap();
            let connection = connection::open(&layout.database(database), key, Use::Write).unwrap();
            let found: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!(found, now, "{file}");
        }
    }
}
