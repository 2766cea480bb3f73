//! Reading objects from S3. An object never changes, so a download that broke off goes on where it was.

use std::io::{self, Read};
use std::ops::Range;

use rusty_s3::{Credentials, S3Action as _};
use ureq::http::{Method, Response, StatusCode};
use ureq::{Body, BodyReader};

use super::client::{Client, Failure, SIGNED_FOR};
use crate::destination::patience::Patience;

impl Client {
    /// Asks for an object, or a range of it that is not empty.
    pub(super) fn get(&self, key: &str, range: Option<&Range<u64>>) -> Result<Response<Body>, Failure> {
        let signed = |access: &Credentials| self.bucket.get_object(Some(access), key).sign(SIGNED_FOR);
        let bytes = range.map(|range| ("range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1))));
        let answer = self.send(&Method::GET, signed, bytes.as_slice(), &[])?;
        if range.is_some() && answer.status() != StatusCode::PARTIAL_CONTENT {
            // Its bytes would be taken for those of another place in the object.
            return Err(Failure::Answer(io::Error::other("all of an object in place of the part asked for")));
        }
        Ok(answer)
    }

    /// The size of an object; none if it is not there.
    pub(super) fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        let signed = |access: &Credentials| self.bucket.head_object(Some(access), key).sign(SIGNED_FOR);
        match self.send(&Method::HEAD, signed, &[], &[]) {
            Ok(answer) => length(&answer).map(Some),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Opens an object, or a range of it; what lies beyond the end is left out.
    pub(super) fn download(&self, key: String, range: Option<&Range<u64>>) -> Result<Download<'_>, Failure> {
        if range.is_some_and(Range::is_empty) {
            return Ok(Download { client: self, key, at: 0, end: 0, body: None });
        }
        let at = range.map_or(0, |range| range.start);
        match self.get(&key, range) {
            Ok(answer) => {
                let end = at.saturating_add(length(&answer)?);
                let body = Some(answer.into_body().into_reader());
                Ok(Download { client: self, key, at, end, body })
            }
            Err(Failure::Range) => Ok(Download { client: self, key, at, end: at, body: None }),
            Err(failure) => Err(failure),
        }
    }
}

fn length(answer: &Response<Body>) -> Result<u64, Failure> {
    let stated = answer.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    stated.ok_or_else(|| Failure::Answer(io::Error::other("an answer without a length")))
}

/// An object being read.
pub(super) struct Download<'c> {
    client: &'c Client,
    key: String,
    at: u64,
    end: u64,
    body: Option<BodyReader<'static>>,
}

impl Download<'_> {
    fn reopen(&mut self) -> io::Result<()> {
        let answer = self.client.get(&self.key, Some(&(self.at..self.end))).map_err(Failure::into_io)?;
        self.body = Some(answer.into_body().into_reader());
        Ok(())
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut patience = Patience::default();
        while self.at < self.end && !buffer.is_empty() {
            let error = match &mut self.body {
                Some(body) => match body.read(buffer) {
                    Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
                    Ok(read) => {
                        self.at += read as u64;
                        return Ok(read);
                    }
                    Err(error) => error,
                },
                None => io::Error::from(io::ErrorKind::NotConnected),
            };
            self.body = None;
            if !patience.wait() {
                return Err(error);
            }
            self.reopen()?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::scripted;
    use super::*;

    #[test]
    fn all_of_an_object_is_not_taken_for_the_part_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = scripted::bucket(&scripted::key_file(folder.path()), |_, _| (200, "object".to_owned()));
        let mut all = String::new();
        bucket.client.download("a".to_owned(), None).unwrap().read_to_string(&mut all).unwrap();
        assert_eq!(all, "object");
        let part = bucket.client.download("a".to_owned(), Some(&(2..4))).map(drop);
        assert!(matches!(part, Err(Failure::Answer(_))), "{part:?}");
    }
}
