//! What the next manifest continues. The vault keeps its own copy of the last manifest of each side
//! in `chain/`, so that the chain goes on even when the spool was emptied.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::ids::GenerationId;
use coffre_core::note::SigningKey;
use coffre_core::spool::{self, Manifest, ObjectName, Ordinal, Parent, Pinned, Side, Signed};

use super::CaptureError;
use super::spool::Spool;
use crate::durable::{make_directory, write_private};
use crate::layout::{Database, Layout};
use crate::writer::Shared;

/// Descriptors of the database files, for copying and syncing them, opened before any connection and closed after all: closing one
/// in the owner's process would drop SQLite's locks on the file.
pub(crate) struct Descriptors {
    vault: File,
    audit: File,
    keyring: File,
}

impl Descriptors {
    pub(crate) fn open(layout: &Layout) -> io::Result<Self> {
        let open = |database| OpenOptions::new().read(true).write(true).open(layout.database(database));
        Ok(Self { vault: open(Database::Vault)?, audit: open(Database::Audit)?, keyring: open(Database::Keyring)? })
    }

    pub(crate) fn of(&self, database: Database) -> Option<&File> {
        match database {
            Database::Vault => Some(&self.vault),
            Database::Audit => Some(&self.audit),
            Database::Keyring => Some(&self.keyring),
            Database::Index => None,
        }
    }
}

/// The ends of a vault's chains.
pub(crate) struct Links {
    folder: PathBuf,
    pinned: Pinned,
}

impl Links {
    pub(crate) fn open(shared: &Shared) -> Self {
        let pinned = Pinned { scope: shared.scope.clone(), key: shared.signer.verification_key() };
        Self { folder: shared.layout.chain(), pinned }
    }

    pub(super) const fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    fn last_file(&self, side: Side) -> PathBuf {
        self.folder.join(format!("{}.note", side.folder()))
    }

    fn parent_file(folder: &Path, side: Side) -> PathBuf {
        folder.join(format!("{}.parent.json", side.folder()))
    }

    /// The last manifest of this generation. Those after the one that is remembered, as a crash leaves them in the
    /// spool only, are taken up: a manifest that may have been shipped is never replaced by another.
    pub(super) fn last<M: Manifest>(
        &self,
        spool: &Spool,
        generation: GenerationId,
    ) -> Result<Option<Signed<M>>, CaptureError> {
        let kept = match fs::read(self.last_file(M::SIDE)) {
            Ok(bytes) => Some(spool::open::<M>(&bytes, &self.pinned)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(CaptureError::Read(error)),
        };
        let mut last = kept.filter(|last| last.manifest.heading().generation == generation);
        loop {
            let number = last.as_ref().map_or(Ordinal::FIRST, |last| last.manifest.heading().number.next());
            let next = ObjectName::Manifest { generation, side: M::SIDE, number };
            let previous = last.as_ref().map(|last| last.sha256);
            match self.read::<M>(spool, &next)? {
                Some(found) if found.manifest.heading().previous == previous => last = Some(found),
                _ => return Ok(last),
            }
        }
    }

    /// A manifest in the spool, if it is there.
    pub(super) fn read<M: Manifest>(
        &self,
        spool: &Spool,
        name: &ObjectName,
    ) -> Result<Option<Signed<M>>, CaptureError> {
        let bytes = spool.read(name).map_err(CaptureError::Spool)?;
        Ok(bytes.map(|bytes| spool::open::<M>(&bytes, &self.pinned)).transpose()?)
    }

    /// What this generation was restored from, if it was.
    pub(super) fn parent<M: Manifest>(&self) -> Result<Option<Parent>, CaptureError> {
        match fs::read(Self::parent_file(&self.folder, M::SIDE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| CaptureError::Read(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CaptureError::Read(error)),
        }
    }

    /// Signs a manifest and writes it: into the spool, then beside the vault.
    pub(super) fn publish<M: Manifest>(
        &self,
        spool: &Spool,
        manifest: &M,
        signer: &SigningKey,
    ) -> Result<(), CaptureError> {
        let note = spool::sign(manifest, signer)?;
        spool.put(&manifest.name(), note.as_bytes()).map_err(CaptureError::Spool)?; // from here on it is a backup
        make_directory(&self.folder).map_err(CaptureError::Read)?;
        write_private(&self.last_file(M::SIDE), note.as_bytes()).map_err(CaptureError::Read)
    }
}

/// Remembers what a new generation was restored from.
pub(crate) fn remember_parent(layout: &Layout, side: Side, parent: &Parent) -> io::Result<()> {
    make_directory(&layout.chain())?;
    let mut bytes = serde_json::to_vec_pretty(parent)?;
    bytes.push(b'\n');
    write_private(&Links::parent_file(&layout.chain(), side), &bytes)
}
