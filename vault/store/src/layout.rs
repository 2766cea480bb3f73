//! Where each file of a vault stands. Names only; opens nothing.

use std::path::{Path, PathBuf};

use coffre_core::crypto::SecretKey;
use coffre_core::keyset::Keyset;

/// The files of a vault's directory.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// One of the four databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Records, grants, applications.
    Vault,
    /// Subject keys.
    Keyring,
    /// The audit log.
    Audit,
    /// Derived indexes.
    Index,
}

impl Database {
    /// The file's name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Vault => "vault.db",
            Self::Keyring => "keyring.db",
            Self::Audit => "audit.db",
            Self::Index => "index.db",
        }
    }

    /// Its key.
    pub(crate) const fn key(self, keys: &Keyset) -> &SecretKey {
        match self {
            Self::Vault => &keys.databases.vault,
            Self::Keyring => &keys.databases.keyring,
            Self::Audit => &keys.databases.audit,
            Self::Index => &keys.databases.index,
        }
    }
}

impl Layout {
    /// The layout of a vault in this directory.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A database file.
    pub fn database(&self, database: Database) -> PathBuf {
        self.root.join(database.file_name())
    }

    /// Its write-ahead log.
    pub fn wal(&self, database: Database) -> PathBuf {
        self.root.join(format!("{}-wal", database.file_name()))
    }

    /// The wrapped keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys.json")
    }

    /// The root key for the server identity.
    pub fn root_server(&self) -> PathBuf {
        self.root.join("root.server.age")
    }

    /// The root key for the recovery recipient.
    pub fn root_recovery(&self) -> PathBuf {
        self.root.join("root.recovery.age")
    }

    /// A new root key for the server identity, before it takes the place of the current one.
    pub fn next_root_server(&self) -> PathBuf {
        self.root.join("root.server.next.age")
    }

    /// A new root key for the recovery recipient, before it takes the place of the current one.
    pub fn next_root_recovery(&self) -> PathBuf {
        self.root.join("root.recovery.next.age")
    }

    /// The server identity, where it is not kept elsewhere.
    pub fn server_identity(&self) -> PathBuf {
        self.root.join("server.identity")
    }

    /// The encrypted documents.
    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    /// The last manifests, which the next backup continues.
    pub fn chain(&self) -> PathBuf {
        self.root.join("chain")
    }

    /// The roots of the log's full tiles: derived.
    pub fn tiles(&self) -> PathBuf {
        self.root.join("tiles")
    }

    /// The newest tree head that a witness cosigned.
    pub fn cosigned_head(&self) -> PathBuf {
        self.root.join("cosigned-head")
    }

    /// What the database files held at the last checkpoint.
    pub fn landmark(&self) -> PathBuf {
        self.chain().join("landmark.json")
    }

    /// What every page of the kept databases is.
    pub fn pages(&self) -> PathBuf {
        self.root.join("pages")
    }

    /// The same as somebody accepts it, before it takes the place of the current one.
    pub fn next_pages(&self) -> PathBuf {
        self.root.join("pages.next")
    }

    /// The digests of a kept database's pages.
    pub fn page_table(&self, database: Database) -> PathBuf {
        self.root.join(format!("{}-pages", database.file_name()))
    }

    /// Space that is kept for what must be possible on a full disk.
    pub fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// The results of drills.
    pub fn drills(&self) -> PathBuf {
        self.root.join("drills")
    }

    /// Where a drill restores to, unless it is elsewhere.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("drill-scratch")
    }

    /// The owner lock.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}
