//! A bucket that this host cannot open, as where the file with its access key is not there: whoever goes to it is told
//! why, and goes on to the others. It is opened as soon as its files let it be.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::OnceLock;

use super::{Contents, Destination, PutError, RemoveError, Removing, S3, S3Settings, Source, SourceError};

/// A bucket that lets nobody in until its files are as they should be.
#[derive(Debug)]
pub struct Closed {
    label: String,
    settings: S3Settings,
    opened: OnceLock<S3>,
}

impl Closed {
    /// The bucket of these settings, which is called so.
    pub fn new(label: String, settings: S3Settings) -> Self {
        Self { label, settings, opened: OnceLock::new() }
    }

    /// The bucket, or why it is not open yet.
    fn bucket(&self) -> Result<&S3, io::Error> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        match S3::new(&self.settings) {
            // Another thread may have opened it meanwhile.
            Ok(bucket) => Ok(self.opened.get_or_init(|| bucket)),
            Err(error) => Err(io::Error::other(error.of_a_file().unwrap_or_else(|| error.to_string()))),
        }
    }

    fn to_read(&self) -> Result<&S3, SourceError> {
        self.bucket().map_err(|source| SourceError::Refused { place: self.label(), source })
    }

    fn to_write(&self) -> Result<&S3, PutError> {
        self.bucket().map_err(|source| PutError::Refused { place: self.label(), source })
    }
}

impl Source for Closed {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        self.to_read()?.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.to_read()?.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.to_read()?.list(folder)
    }
}

impl Destination for Closed {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.to_write()?.put(path, content)
    }

    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.to_write()?.enqueue(path, content)
    }

    fn flush(&self) -> Result<(), PutError> {
        self.to_write()?.flush()
    }

    fn largest(&self) -> Option<u64> {
        self.opened.get()?.largest()
    }

    fn tidy(&self) -> Result<(), PutError> {
        self.bucket().map_or(Ok(()), S3::tidy)
    }
}

impl Removing for Closed {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        let refused = |source| RemoveError::Refused { place: self.label(), path: path.to_owned(), source };
        self.bucket().map_err(refused)?.remove(path)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::s3::scripted;
    use super::*;
    use crate::ending::{Ending, Ends as _};

    #[test]
    fn whoever_goes_there_is_told_why_it_is_closed_until_its_key_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let settings = scripted::settings(&file, |_, _| (200, "object".to_owned()));
        let closed = Closed::new("a bucket".to_owned(), settings);
        for error in [closed.size("a").err(), closed.list("").err(), closed.open("a", None).err()] {
            let error = error.unwrap();
            assert_eq!(error.ending(), Ending::WrongKey);
            let told = error.to_string();
            assert!(told.starts_with("a bucket does not let us in (") && told.contains("cannot be read"), "{told}");
        }
        let (put, removed) = (closed.put("a", &mut &b""[..]).unwrap_err(), closed.remove("a").unwrap_err());
        assert_eq!([put.ending(), removed.ending()], [Ending::WrongKey; 2]);

        scripted::write_key(&file, "A");
        let mut content = String::new();
        closed.open("a", None).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content, "object");
    }
}
