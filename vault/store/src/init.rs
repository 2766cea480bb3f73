//! Making a new vault: keys, root key files, empty databases with their first entry.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::canonical::CanonicalError;
use coffre_core::crypto::{Entropy, Scope, SecretKey};
use coffre_core::ids::{Environment, GenerationId, RequestId, VaultId};
use coffre_core::keyset::{Keyset, RootKey, signer_name};
use coffre_core::note::SigningKey;
use coffre_core::spool::ContentHash;
use coffre_core::time::Timestamp;
use rusqlite::Connection;
use thiserror::Error;

use crate::clock::Clock;
use crate::durable::{directory_of, sync_directory, write_new_private, write_private};
use crate::error::disk_is_full;
use crate::identity::{Identity, IdentityError};
use crate::kept_pages;
use crate::key_files::remember_recovery;
use crate::layout::{Database, Layout};
use crate::log_file::{self, Leaf, Tail};
use crate::meta;
use crate::open::{OpenError, create, signer};
use crate::root::{self, RootError};

/// What a new vault is to be.
#[derive(Debug, Clone)]
pub struct InitPlan {
    /// Its environment.
    pub environment: Environment,
    /// Who can open its backups: an age recipient; without one, an identity is made and written
    /// once to `recovery_identity_file`.
    pub recovery_recipient: Option<String>,
    /// Where a made recovery identity is written: outside the vault.
    pub recovery_identity_file: PathBuf,
}

/// Takes a made recovery identity away, before there is a vault that nobody could recover: its keys are not in their place
/// until this is done.
pub type HandOver<'h> = &'h mut dyn FnMut(&Identity, &Initialized) -> io::Result<()>;

/// A vault that was made.
#[derive(Debug, Clone)]
pub struct Initialized {
    /// Its identifier.
    pub vault: VaultId,
    /// Its verification key (C2SP signed-note vkey): to be pinned in configurations.
    pub verification_key: String,
    /// Its recovery recipient.
    pub recovery_recipient: String,
    /// Where the recovery identity was written, if one was made: to be taken offline.
    pub recovery_identity_file: Option<PathBuf>,
}

/// A vault that was not made. Nothing of it is left behind.
#[derive(Debug, Error)]
pub enum InitError {
    /// There is a vault already, or something else.
    #[error("{path} is not empty: choose an empty or new directory; an existing vault is never overwritten", path = path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Somebody began to make a vault, and did not come to its end. It was never opened.
    #[error(
        "{path} holds a vault whose making was cut short, before anything could be stored in it: remove that directory, destroy what was written or copied of its recovery identity, then run this again",
        path = path.display()
    )]
    HalfMade {
        /// The directory.
        path: PathBuf,
    },
    /// Others can read the directory.
    #[error("{path} can be read by others: run `chmod 700 {path}`, or choose a new directory", path = path.display())]
    Permissions {
        /// The directory.
        path: PathBuf,
    },
    /// The recovery identity would be written into the vault.
    #[error("the recovery identity must not be kept in the vault: choose a file outside of {path}", path = path.display())]
    IdentityInside {
        /// The vault's directory.
        path: PathBuf,
    },
    /// The recovery identity's file is there already.
    #[error("{path} exists: a recovery identity is written once and never over another file; choose another name", path = path.display())]
    IdentityExists {
        /// The file.
        path: PathBuf,
    },
    /// The recovery identity was not taken over.
    #[error(
        "the recovery identity was not kept, so no vault was made; see what was written of it, remove that, and run it again"
    )]
    HandOver(#[source] io::Error),
    /// The recovery recipient is not one.
    #[error(transparent)]
    Recipient(#[from] IdentityError),
    /// The keys could not be written.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The databases could not be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system refused.
    #[error("{path} cannot be written: check permissions and free space", path = path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl InitError {
    /// The same, unless a full disk is behind it.
    fn unless_full(self) -> Self {
        if disk_is_full(&self) { Self::Open(OpenError::Full) } else { self }
    }
}

/// Makes a vault in a new or empty directory that only its owner can read.
pub fn init(
    dir: &Path,
    plan: &InitPlan,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
) -> Result<Initialized, InitError> {
    let created = prepare(dir)?;
    let made = recovery(dir, plan).and_then(|(recipient, identity)| {
        let new = New { environment: &plan.environment, recipient, identity_file: identity.clone() };
        let made = fill(dir, new, clock.now(), entropy, &mut |_| Ok(()));
        if made.is_err()
            && let Some(path) = &identity
        {
            let _left_over = fs::remove_file(path);
        }
        made
    });
    if made.is_err() {
        clean(dir, created);
    }
    made.map_err(InitError::unless_full)
}

/// The same with a new recovery identity that never stands on a disk: it is handed over, to be split.
pub fn init_and_hand_over(
    dir: &Path,
    environment: &Environment,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
    hand_over: HandOver<'_>,
) -> Result<Initialized, InitError> {
    let created = prepare(dir)?;
    let identity = Identity::generate();
    let new = New { environment, recipient: identity.recipient(), identity_file: None };
    let made = fill(dir, new, clock.now(), entropy, &mut |vault| hand_over(&identity, vault));
    if made.is_err() {
        clean(dir, created);
    }
    made.map_err(InitError::unless_full)
}

/// What a new vault is.
struct New<'n> {
    environment: &'n Environment,
    recipient: String,
    identity_file: Option<PathBuf>,
}

/// Makes the directory or checks that it is empty and private; says whether it was made.
fn prepare(dir: &Path) -> Result<bool, InitError> {
    let failed = |source| InitError::Io { path: dir.to_owned(), source };
    match fs::metadata(dir) {
        Ok(metadata) => {
            let mut entries = fs::read_dir(dir).map_err(failed)?;
            if entries.next().is_some() {
                return Err(taken(dir));
            }
            if metadata.permissions().mode() & 0o077 != 0 {
                return Err(InitError::Permissions { path: dir.to_owned() });
            }
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
            Ok(true)
        }
        Err(error) => Err(failed(error)),
    }
}

/// What a directory that is not empty holds. Opening a vault makes its lock and its folder of documents.
fn taken(dir: &Path) -> InitError {
    let (layout, path) = (Layout::new(dir), dir.to_owned());
    let is_or_may_be = |file: &PathBuf| file.try_exists().unwrap_or(true);
    let was_a_vault = [layout.keys(), layout.lock(), layout.documents()].iter().any(is_or_may_be);
    if layout.server_identity().exists() && !was_a_vault {
        InitError::HalfMade { path }
    } else {
        InitError::NotEmpty { path }
    }
}

fn clean(dir: &Path, created: bool) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let _left_over = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    if created {
        let _left_over = fs::remove_dir(dir);
    }
}

/// The recovery recipient, and the file a made identity was written to.
fn recovery(dir: &Path, plan: &InitPlan) -> Result<(String, Option<PathBuf>), InitError> {
    if let Some(recipient) = &plan.recovery_recipient {
        return Ok((recipient.clone(), None));
    }
    let path = &plan.recovery_identity_file;
    let failed = |source| InitError::Io { path: path.clone(), source };
    let (inside, vault) = (directory_of(path).canonicalize().map_err(failed)?, dir.canonicalize().map_err(failed)?);
    if inside.starts_with(&vault) {
        return Err(InitError::IdentityInside { path: dir.to_owned() });
    }
    if path.exists() {
        return Err(InitError::IdentityExists { path: path.clone() });
    }
    let identity = Identity::generate();
    write_new_private(path, identity.to_text().as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => InitError::IdentityExists { path: path.clone() },
        _ => failed(error),
    })?;
    Ok((identity.recipient(), Some(path.clone())))
}

fn fill(
    dir: &Path,
    new: New<'_>,
    now: Timestamp,
    entropy: &mut dyn Entropy,
    before_it_is_one: &mut dyn FnMut(&Initialized) -> io::Result<()>,
) -> Result<Initialized, InitError> {
    let layout = Layout::new(dir);
    let scope = Scope { environment: new.environment.clone(), vault: VaultId::random(entropy) };
    let root = RootKey { scope, key: SecretKey::random(entropy) };
    let keys = Keyset::random(entropy);
    let recovery = root::write_root(&layout.root_recovery(), &root, &new.recipient)?;
    new_server_identity(&layout, &root)?;
    let connection = create(&layout, Database::Vault, &keys)?;
    create(&layout, Database::Keyring, &keys)?;
    create(&layout, Database::Index, &keys)?;
    let audit = create(&layout, Database::Audit, &keys)?;
    let generation = GenerationId::random(entropy);
    name_generation(&connection, generation, &new.recipient, recovery)?;
    let begin = Draft::new(Action::BeginGeneration, Decision::Allow, RequestId::random(entropy));
    let (origin, signer) = (log_file::origin(&signer_name(&root.scope), generation), signer(&root.scope, &keys)?);
    begin_log(&audit, &Tail::empty(), vec![begin], now, &origin, &signer)?;
    let vault = Initialized {
        vault: root.scope.vault,
        verification_key: signer.verification_key().to_string(),
        recovery_recipient: new.recipient,
        recovery_identity_file: new.identity_file,
    };
    drop((connection, audit));
    kept_pages::begin(&layout, &keys, &root.scope).map_err(OpenError::from)?;
    before_it_is_one(&vault).map_err(InitError::HandOver)?;
    // `keys.json` makes it a vault: it comes last.
    root::write_keys(&layout, &root, &keys, entropy)?;
    for directory in [dir, directory_of(dir)] {
        sync_directory(directory).map_err(|source| InitError::Io { path: directory.to_owned(), source })?;
    }
    Ok(vault)
}

/// Makes a server identity and the root key file it opens.
pub(crate) fn new_server_identity(layout: &Layout, root: &RootKey) -> Result<(), InitError> {
    let server = Identity::generate();
    let path = layout.server_identity();
    write_private(&path, server.to_text().as_bytes()).map_err(|source| InitError::Io { path, source })?;
    root::write_root(&layout.root_server(), root, &server.recipient())?;
    Ok(())
}

/// Writes which generation a vault is, who can recover it, and what the file for that is.
pub(crate) fn name_generation(
    vault: &Connection,
    generation: GenerationId,
    recipient: &str,
    recovery: ContentHash,
) -> Result<(), OpenError> {
    let write = || {
        meta::set(vault, "generation", &generation.to_string())?;
        meta::set(vault, "recovery_recipient", recipient)?;
        meta::set(vault, kept_pages::FACT, "1")?;
        remember_recovery(vault, recovery)
    };
    write().map_err(|source| OpenError::Database { file: Database::Vault.file_name(), source })
}

/// Writes the first entries of a generation: the log goes on where the parent's ended, under a new
/// origin.
pub(crate) fn begin_log(
    audit: &Connection,
    tail: &Tail,
    entries: Vec<Draft>,
    now: Timestamp,
    origin: &str,
    signer: &SigningKey,
) -> Result<(), OpenError> {
    let damaged = |detail: String| OpenError::Damaged { detail, source: None };
    let failed = |source| OpenError::Database { file: Database::Audit.file_name(), source };
    let leaf = |entry: Draft| Ok(Leaf { bytes: entry.at(now).leaf()?, annotation: None });
    let leaves: Result<Vec<Leaf>, CanonicalError> = entries.into_iter().map(leaf).collect();
    let leaves = leaves.map_err(|error| damaged(error.to_string()))?;
    audit.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    log_file::append(audit, tail, &leaves, 0, now, origin, signer).map_err(|error| damaged(error.to_string()))?;
    audit.execute_batch("COMMIT").map_err(failed)
}

#[cfg(test)]
mod tests;
