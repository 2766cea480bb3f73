//! Places that hold objects. A [`Source`] is read, a [`Destination`] is also written to, once per
//! object. What the objects are is not known here: paths and bytes only.
//!
//! There are a folder ([`FileSystem`]) and memory ([`Memory`]); others stand behind the same trait
//! and pass the same conformance suite (`tests/destinations/suite.rs`). Why not opendal's file system:
//! `docs/adr/007-own-file-system-destination.md`.

mod allowance;
mod bandwidth;
mod closed;
mod error;
mod file_system;
mod memory;
mod patience;
mod queue;
mod remove;
mod s3;
mod sftp;

use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;

use crate::observer::Observer;

pub(crate) use allowance::Allowance;
pub use bandwidth::Limited;
pub use closed::Closed;
pub use error::{PutError, SourceError};
pub use file_system::FileSystem;
pub use memory::Memory;
pub use remove::{RemoveError, Removing};
#[cfg(fuzzing)]
pub use s3::fuzzed as s3_listing;
pub use s3::{NoAccessKey, S3, S3Error, S3Settings};
pub use sftp::{Sftp, SftpSettings};

/// What lies directly in a folder; both lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Names of objects, and their sizes.
    pub objects: Vec<(String, u64)>,
    /// Names of folders that hold something.
    pub folders: Vec<String>,
}

/// A place to read objects from. Paths are relative, with `/` between their parts.
pub trait Source {
    /// What to call it in messages; holds no secret.
    fn label(&self) -> String;

    /// Reads an object, or a range of it.
    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError>;

    /// The size of an object; none if it is not there.
    fn size(&self, path: &str) -> Result<Option<u64>, SourceError>;

    /// What lies directly in a folder; nothing if it is not there.
    fn list(&self, folder: &str) -> Result<Contents, SourceError>;

    /// Makes objects, or all of a folder, ready to be read at once where that is quicker than one by one.
    fn prepare(&self, _paths: &[String], _observer: &mut dyn Observer) -> Result<(), SourceError> {
        Ok(())
    }

    /// Makes the names of a folder durable, where they can be seen before they are: what is read from it afterwards is
    /// still there after a power loss.
    fn settle(&self, _folder: &str) -> Result<(), SourceError> {
        Ok(())
    }

    /// A private file with an object's content that the caller may move away, if there is one.
    fn staged(&self, _path: &str) -> Option<PathBuf> {
        None
    }
}

/// A place to write objects to, each once.
pub trait Destination: Source {
    /// Writes an object from a reader to its end. When this returns, the object is durable; if the
    /// reader or the place fails, there is no object. An object that is there is not replaced.
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError>;

    /// Writes objects, none of which is there before those in front of it are; quicker than one by one where that can be.
    /// When this returns, all are durable. Those in front of one that fails may be there.
    fn put_in_order(&self, objects: &[(String, Vec<u8>)]) -> Result<(), PutError> {
        objects.iter().try_for_each(|(path, content)| self.put(path, &mut content.as_slice()).map(drop))
    }

    /// Writes one of many small objects, quicker than `put`: it is there, and durable, once `flush`
    /// returns, and may be there before. Whoever enqueues also flushes, or it may never be there.
    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.put(path, content)
    }

    /// Makes everything that was enqueued durable.
    fn flush(&self) -> Result<(), PutError> {
        Ok(())
    }

    /// How many bytes one object can have here at most, where there is such a bound.
    fn largest(&self) -> Option<u64> {
        None
    }

    /// Removes what interrupted writers left. Only while nobody writes: under the lock of the destination.
    fn tidy(&self) -> Result<(), PutError> {
        Ok(())
    }
}

/// Whether a path is relative and stays below its root.
fn is_sound(path: &str) -> bool {
    !path.is_empty()
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains('\0'))
}
