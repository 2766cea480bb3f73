//! Which database files of this process are watched.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::Pages;

/// By the path that SQLite opens them by, which has no links in it.
static WATCHED: OnceLock<Mutex<HashMap<PathBuf, Arc<Pages>>>> = OnceLock::new();

fn watched() -> MutexGuard<'static, HashMap<PathBuf, Arc<Pages>>> {
    WATCHED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file is watched while this lives, and by connections that were opened meanwhile for as long as they are open.
#[derive(Debug)]
pub struct Watched(PathBuf);

/// Watches a database file that is there: connections opened from now on, with [`vfs_name`](crate::vfs_name), read nothing from it
/// but its pages.
pub fn watch(file: &Path, pages: Arc<Pages>) -> io::Result<Watched> {
    let file = file.canonicalize()?;
    watched().insert(file.clone(), pages);
    Ok(Watched(file))
}

impl Drop for Watched {
    fn drop(&mut self) {
        watched().remove(&self.0);
    }
}

/// The pages of a file that is watched, by the bytes of its path.
pub(crate) fn find(path: &[u8]) -> Option<Arc<Pages>> {
    watched().get(Path::new(OsStr::from_bytes(path))).cloned()
}
