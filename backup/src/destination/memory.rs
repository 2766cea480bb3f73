//! A destination in memory, for tests and benchmarks. Forgets everything when dropped.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Contents, Destination, PutError, RemoveError, Removing, Source, SourceError, is_sound};

type Objects = BTreeMap<String, Arc<[u8]>>;

/// Objects in memory.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<Objects>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        // Every change is one insertion or removal: a thread that died cannot have left half of one.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &str) -> Result<Option<Arc<[u8]>>, SourceError> {
        if !is_sound(path) {
            return Err(SourceError::Path { path: path.to_owned() });
        }
        Ok(self.objects().get(path).cloned())
    }
}

impl Source for Memory {
    fn label(&self) -> String {
        "memory".to_owned()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        let found = self.find(path)?;
        let bytes = found.ok_or_else(|| SourceError::NotFound { place: self.label(), path: path.to_owned() })?;
        let range = range.unwrap_or(0..u64::MAX);
        let mut reader = Cursor::new(bytes);
        reader.set_position(range.start);
        Ok(Box::new(reader.take(range.end.saturating_sub(range.start))))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(self.find(path)?.map(|bytes| bytes.len() as u64))
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        if !folder.is_empty() && !is_sound(folder) {
            return Err(SourceError::Path { path: folder.to_owned() });
        }
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut contents = Contents::default();
        for (path, bytes) in self.objects().range(prefix.clone()..) {
            let Some(rest) = path.strip_prefix(&prefix) else { break };
            match rest.split_once('/') {
                None => contents.objects.push((rest.to_owned(), bytes.len() as u64)),
                Some((name, _)) if contents.folders.last().is_none_or(|last| last != name) => {
                    contents.folders.push(name.to_owned());
                }
                Some(_) => {}
            }
        }
        Ok(contents)
    }
}

impl Destination for Memory {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        if !is_sound(path) {
            return Err(PutError::Path { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        let read: io::Result<usize> = content.read_to_end(&mut bytes);
        read.map_err(|source| PutError::Content { path: path.to_owned(), source })?;
        let mut objects = self.objects();
        if objects.contains_key(path) {
            return Err(PutError::Exists { place: self.label(), path: path.to_owned() });
        }
        let size = bytes.len() as u64;
        objects.insert(path.to_owned(), bytes.into());
        Ok(size)
    }
}

impl Removing for Memory {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        if !is_sound(path) {
            return Err(RemoveError::Path { path: path.to_owned() });
        }
        self.objects().remove(path);
        Ok(())
    }
}
