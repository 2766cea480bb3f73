//! Writing objects to S3: small ones in one request, large ones in parts. Both with the condition that there is no
//! object of the name, so that none is ever replaced; a large one exists only once it is completed.

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusty_s3::actions::CreateMultipartUpload;
use rusty_s3::{Credentials, S3Action as _};
use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use super::client::{Client, Failure, SIGNED_FOR, code};

/// What is sent at once, at most: also the memory that a large object takes.
pub(super) const PART: usize = 16 << 20;
/// S3 takes no more parts than this.
pub(super) const PARTS: usize = 10_000;

/// What conditions are tried with is no larger than this.
const TRIAL: usize = 64 << 10;

const ABSENT: (&str, &str) = ("if-none-match", "*");

/// An object that was not written.
#[derive(Debug)]
pub(super) enum NotWritten {
    Content(io::Error),
    Failure(Failure),
    /// It has more bytes than parts can hold.
    TooLarge,
}

impl From<Failure> for NotWritten {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Reads up to a part's bytes; fewer only at the end.
pub(super) fn read_part(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    content.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

impl Client {
    /// Writes an object whose content is at hand. Durable when it returns.
    pub(super) fn put_whole(&self, key: &str, content: &[u8]) -> Result<(), Failure> {
        self.put_if_absent(key, content)?;
        if content.len() <= TRIAL && self.conditions.get().is_none() {
            self.try_conditions(key, content);
        }
        Ok(())
    }

    /// Writes what was just written once more: a server that knows conditions refuses it, and need not be asked whether a
    /// name is taken from then on; from one that does not, nothing is lost by it.
    fn try_conditions(&self, key: &str, content: &[u8]) {
        let known = match self.put_if_absent(key, content) {
            Ok(()) => false,
            Err(Failure::Exists { .. }) => true,
            // Nothing was learnt.
            Err(_) => return,
        };
        // Another thread may have found the same.
        let _same = self.conditions.set(known);
    }

    fn put_if_absent(&self, key: &str, content: &[u8]) -> Result<(), Failure> {
        // The server compares: what arrived is what was sent.
        let checksum = ("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest(content)));
        let headers = [(ABSENT.0, ABSENT.1.to_owned()), checksum];
        let signed = |access: &Credentials| {
            let mut action = self.bucket.put_object(Some(access), key);
            for (name, value) in &headers {
                action.headers_mut().insert(*name, value.clone());
            }
            action.sign(SIGNED_FOR)
        };
        match self.send(&Method::PUT, signed, &headers, content) {
            Ok(_) => Ok(()),
            // An earlier try of ours may have arrived although its answer did not.
            Err(Failure::Exists { tried_before: true }) if self.holds(key, content)? => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Writes an object of any size, of which the first part was read. Gives its size.
    pub(super) fn put_in_parts(&self, key: &str, first: Vec<u8>, content: &mut dyn Read) -> Result<u64, NotWritten> {
        let upload = self.begin(key)?;
        match self.parts(key, &upload, first, content) {
            Ok((etags, size)) => match self.complete(key, &upload, &etags, size) {
                // Durable: the whole object.
                Ok(()) => Ok(size),
                Err(failure) => self.give_up(key, &upload, failure.into()),
            },
            Err(error) => self.give_up(key, &upload, error),
        }
    }

    fn begin(&self, key: &str) -> Result<String, NotWritten> {
        let signed = |access: &Credentials| self.bucket.create_multipart_upload(Some(access), key).sign(SIGNED_FOR);
        let answer = self.send(&Method::POST, signed, &[], &[])?;
        let text = answer.into_body().read_to_string().map_err(|error| broken(&error))?;
        let created = CreateMultipartUpload::parse_response(&text);
        Ok(created.map_err(|_| Failure::Answer(io::Error::other("an upload without a name")))?.upload_id().to_owned())
    }

    fn parts(
        &self,
        key: &str,
        upload: &str,
        first: Vec<u8>,
        content: &mut dyn Read,
    ) -> Result<(Vec<String>, u64), NotWritten> {
        let (mut part, mut etags, mut size) = (first, Vec::new(), 0);
        while !part.is_empty() {
            if etags.len() == PARTS {
                return Err(NotWritten::TooLarge);
            }
            etags.push(self.part(key, upload, etags.len(), &part)?);
            size += part.len() as u64;
            if part.len() < PART {
                break;
            }
            part = read_part(content).map_err(NotWritten::Content)?;
        }
        Ok((etags, size))
    }

    fn part(&self, key: &str, upload: &str, index: usize, part: &[u8]) -> Result<String, Failure> {
        let number = u16::try_from(index + 1).unwrap_or(u16::MAX);
        let signed = |access: &Credentials| self.bucket.upload_part(Some(access), key, number, upload).sign(SIGNED_FOR);
        let answer = self.send(&Method::PUT, signed, &[], part)?;
        let etag = answer.headers().get("etag").and_then(|value| value.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| Failure::Answer(io::Error::other("a part without an ETag")))
    }

    fn complete(&self, key: &str, upload: &str, etags: &[String], size: u64) -> Result<(), Failure> {
        let names = || etags.iter().map(String::as_str);
        let body = self.bucket.complete_multipart_upload(None, key, upload, names()).body();
        let signed = |access: &Credentials| {
            let mut action = self.bucket.complete_multipart_upload(Some(access), key, upload, names());
            action.headers_mut().insert(ABSENT.0, ABSENT.1);
            action.sign(SIGNED_FOR)
        };
        let headers = [(ABSENT.0, ABSENT.1.to_owned())];
        match self.send(&Method::POST, signed, &headers, body.as_bytes()) {
            // S3 begins to answer before it knows how this ends.
            Ok(answer) => match code(&answer.into_body().read_to_string().map_err(|error| broken(&error))?) {
                Some(code) => Err(Failure::Answer(io::Error::other(code.to_owned()))),
                None => Ok(()),
            },
            // The upload is gone, since an earlier try of ours completed it. One that is there still, beside an object of
            // the name, may be another's object: whoever knows its bytes compares them.
            Err(Failure::NotFound { .. }) if self.size(key)? == Some(size) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Takes back what was sent of an object. Best effort: parts that stay behind are in no listing, and a lifecycle
    /// rule of the bucket removes them.
    fn give_up(&self, key: &str, upload: &str, error: NotWritten) -> Result<u64, NotWritten> {
        let signed =
            |access: &Credentials| self.bucket.abort_multipart_upload(Some(access), key, upload).sign(SIGNED_FOR);
        drop(self.send(&Method::DELETE, signed, &[], &[]));
        Err(error)
    }

    /// Whether an object has exactly this content.
    fn holds(&self, key: &str, content: &[u8]) -> Result<bool, Failure> {
        let there = self.get(key, None)?;
        let mut bytes = Vec::new();
        let read = there.into_body().into_reader().take(content.len() as u64 + 1).read_to_end(&mut bytes);
        read.map_err(Failure::Unreachable)?;
        Ok(bytes == content)
    }
}

fn broken(error: &ureq::Error) -> Failure {
    Failure::Unreachable(io::Error::other(match error {
        ureq::Error::Timeout(_) => "no answer in time",
        _ => "the answer broke off",
    }))
}
