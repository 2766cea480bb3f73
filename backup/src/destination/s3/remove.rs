//! Removing objects, with a credential that may. A bucket with versions gives nothing up when an object is merely
//! deleted: the version itself is named, so that it is gone.

use rusty_s3::{Credentials, S3Action as _};
use ureq::http::Method;

use super::client::{Failure, SIGNED_FOR};
use super::{S3, is_sound};
use crate::destination::{RemoveError, Removing, Source as _};

/// Which version an answer is about; absent where the bucket keeps none.
const VERSION: &str = "x-amz-version-id";
/// Versions of one object that are removed at most: each object is written once, so there is one.
const VERSIONS: usize = 16;

/// What is there under a name.
enum There {
    Nothing,
    /// An object; of this version, if the bucket keeps them.
    Object(Option<String>),
}

impl S3 {
    fn there(&self, key: &str) -> Result<There, Failure> {
        let signed = |access: &Credentials| self.client.bucket.head_object(Some(access), key).sign(SIGNED_FOR);
        match self.client.send(&Method::HEAD, signed, &[], &[]) {
            Ok(answer) => {
                let version = answer.headers().get(VERSION).and_then(|version| version.to_str().ok());
                Ok(There::Object(version.map(str::to_owned)))
            }
            Err(Failure::NotFound { bucket: false }) => Ok(There::Nothing),
            Err(failure) => Err(failure),
        }
    }

    fn remove_one(&self, key: &str, version: Option<&str>) -> Result<(), Failure> {
        let signed = |access: &Credentials| {
            let mut action = self.client.bucket.delete_object(Some(access), key);
            if let Some(version) = version {
                action.query_mut().insert("versionId", version);
            }
            action.sign(SIGNED_FOR)
        };
        match self.client.send(&Method::DELETE, signed, &[], &[]) {
            Ok(_) | Err(Failure::NotFound { bucket: false }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

impl Removing for S3 {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        if !is_sound(path) {
            return Err(RemoveError::Path { path: path.to_owned() });
        }
        let (place, key, path) = (self.label(), self.key(path), path.to_owned());
        for _ in 0..VERSIONS {
            let removed = match self.there(&key) {
                Ok(There::Nothing) => return Ok(()),
                Ok(There::Object(version)) => self.remove_one(&key, version.as_deref()),
                Err(failure) => Err(failure),
            };
            match removed {
                Ok(()) => {}
                Err(Failure::Refused(source)) => return Err(RemoveError::Refused { place, path, source }),
                Err(failure) => return Err(RemoveError::Failed { place, path, source: failure.into_io() }),
            }
        }
        let source = std::io::Error::other("it comes back each time it is removed");
        Err(RemoveError::Failed { place, path, source })
    }
}
