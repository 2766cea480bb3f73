//! A destination that this host cannot open, as where the file with its access key is not there: whoever goes to it is told
//! why, and goes on to the others.

use std::io::{self, Read};
use std::ops::Range;

use super::{Contents, Destination, PutError, RemoveError, Removing, Source, SourceError};

/// A destination that lets nobody in, and why.
#[derive(Debug)]
pub struct Closed {
    label: String,
    why: String,
}

impl Closed {
    /// The destination that is called so.
    pub fn new(label: String, why: String) -> Self {
        Self { label, why }
    }

    fn cause(&self) -> io::Error {
        io::Error::other(self.why.clone())
    }

    fn refused(&self) -> SourceError {
        SourceError::Refused { place: self.label(), source: self.cause() }
    }
}

impl Source for Closed {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn open(&self, _path: &str, _range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        Err(self.refused())
    }

    fn size(&self, _path: &str) -> Result<Option<u64>, SourceError> {
        Err(self.refused())
    }

    fn list(&self, _folder: &str) -> Result<Contents, SourceError> {
        Err(self.refused())
    }
}

impl Destination for Closed {
    fn put(&self, _path: &str, _content: &mut dyn Read) -> Result<u64, PutError> {
        Err(PutError::Refused { place: self.label(), source: self.cause() })
    }
}

impl Removing for Closed {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        Err(RemoveError::Refused { place: self.label(), path: path.to_owned(), source: self.cause() })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::ending::{Ending, Ends as _};

    #[test]
    fn whoever_goes_there_is_told_why_it_is_closed() {
        let closed = Closed::new("a bucket".to_owned(), "the key is not there".to_owned());
        for error in [closed.size("a").err(), closed.list("").err(), closed.open("a", None).err()] {
            let error = error.unwrap();
            assert_eq!(error.ending(), Ending::WrongKey);
            assert!(error.to_string().starts_with("a bucket does not let us in (the key is not there): "), "{error}");
        }
        let (put, removed) = (closed.put("a", &mut &b""[..]).unwrap_err(), closed.remove("a").unwrap_err());
        assert_eq!([put.ending(), removed.ending()], [Ending::WrongKey; 2]);
    }
}
