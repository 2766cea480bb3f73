//! Removing objects, with a credential that may. A bucket that keeps former versions gives nothing up by it, and says so.

use rusty_s3::S3Action as _;
use ureq::http::Method;

use super::client::Failure;
use super::{S3, SIGNED_FOR};
use crate::destination::{RemoveError, Removing, Source as _};

/// What a server answers with that only marks the object as removed.
const MARKER: &str = "x-amz-delete-marker";

impl Removing for S3 {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        let (place, key, path) = (self.label(), self.key(path), path.to_owned());
        let signed = || self.client.bucket.delete_object(Some(&self.client.credentials), &key).sign(SIGNED_FOR);
        match self.client.send(&Method::DELETE, signed, &[], &[]) {
            Ok(answer) if answer.headers().contains_key(MARKER) => Err(RemoveError::Versioned { place, path }),
            Ok(_) | Err(Failure::NotFound { bucket: false }) => Ok(()),
            Err(Failure::Refused(source)) => Err(RemoveError::Denied { place, path, source }),
            Err(failure) => Err(RemoveError::Failed { place, path, source: failure.into_io() }),
        }
    }
}
