//! Where document files stand: `documents/<aa>/<name>`, and staging beside them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffre_core::keyset::Epochs;
use coffre_core::spool::DocumentName;

use crate::durable::{make_directory, sync_directories, sync_directory};
use crate::epoch::Epoch;

/// A staged file that a group is about to commit.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The name it was uploaded under.
    pub(crate) upload: String,
    /// The name that its row says.
    pub(crate) name: String,
    /// What it is encrypted under, in use until its row is committed or known not to be.
    pub(super) _epoch: Arc<Epoch>,
}

/// The folder of the encrypted documents.
#[derive(Debug, Clone)]
pub(crate) struct DocumentFolder {
    root: PathBuf,
}

impl DocumentFolder {
    /// The folder at this path, made if it is not there.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let folder = Self { root: root.to_owned() };
        make_directory(root)?;
        make_directory(&folder.staging())?;
        // Also where a crash came between the two.
        root.parent().map_or(Ok(()), sync_directory)?;
        sync_directory(root)?;
        Ok(folder)
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    fn place(&self, name: &str) -> PathBuf {
        // Spread by the identifier's first byte, so that no directory grows too long.
        self.root.join(name.get(..2).unwrap_or("00")).join(name)
    }

    pub(crate) fn path(&self, name: DocumentName) -> PathBuf {
        self.place(&name.to_string())
    }

    /// Where a file stands whose row is about to be committed, or just was.
    fn staged_path(&self, name: DocumentName) -> PathBuf {
        self.staging().join(name.to_string())
    }

    /// Gives staged files the names of their rows, which are about to be committed; durable after it.
    /// Their content is already.
    pub(crate) fn name_all(&self, kept: &[Kept]) -> io::Result<()> {
        let staging = self.staging();
        for file in kept {
            fs::rename(staging.join(&file.upload), staging.join(&file.name))?;
        }
        sync_directory(&staging)
    }

    /// Opens a document's file, which is in staging for the moment between its commit and its rename.
    pub(crate) fn open_file(&self, name: DocumentName) -> io::Result<File> {
        let path = self.path(name);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                File::open(self.staged_path(name)).or_else(|_| File::open(&path))
            }
            opened => opened,
        }
    }

    /// Renames staged files to their places: after it, their names are durable.
    pub(crate) fn place_all(&self, names: &[&str]) -> io::Result<()> {
        let mut directories: Vec<PathBuf> = Vec::new();
        for directory in names.iter().filter_map(|name| Some(self.place(name).parent()?.to_owned())) {
            if !directories.contains(&directory) {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
                directories.push(directory);
            }
        }
        sync_directory(&self.root)?; // new directories are durable: what is moved into one must not go with it
        for name in names {
            fs::rename(self.staging().join(name), self.place(name))?;
        }
        sync_directories(&directories)?; // the files are durable under their names
        sync_directory(&self.staging()) // and they are gone from staging
    }

    /// The names of staged files, left by a crash or an upload under way.
    pub(crate) fn staged(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.staging())?;
        entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Removes a staged file, if it is there.
    pub(crate) fn discard(&self, name: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.staging().join(name)))
    }

    /// Removes a document's file, if it is there.
    pub(crate) fn remove(&self, name: DocumentName) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.path(name)))
    }

    /// Removes documents' files and those of former epochs, if they are there; after it, they stay away.
    pub(crate) fn remove_all(&self, names: &[DocumentName]) -> io::Result<()> {
        let mut directories: Vec<PathBuf> = Vec::new();
        for name in names {
            self.remove_up_to(*name)?;
            let directory = self.root.join(name.shard());
            if !directories.contains(&directory) && directory.exists() {
                directories.push(directory);
            }
        }
        sync_directories(&directories)
    }

    /// Removes a document's file and those of former epochs, if they are there.
    pub(crate) fn remove_up_to(&self, name: DocumentName) -> io::Result<()> {
        (Epochs::FIRST..=name.epoch).try_for_each(|epoch| self.remove(DocumentName { epoch, ..name }))
    }
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
