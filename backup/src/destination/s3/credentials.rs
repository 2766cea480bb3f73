//! The file with the access key, in the format of AWS's shared credentials. Only the profile `default` is read. Whoever
//! works for long looks at it again where the key is refused: another may have taken its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusty_s3::Credentials;
use thiserror::Error;
use zeroize::Zeroizing;

use super::S3Error;

/// A file that holds no access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "it has no {missing} under [default]: write it as AWS's shared credentials file is written, with the lines \
     `[default]`, `aws_access_key_id = …` and `aws_secret_access_key = …`"
)]
pub struct NoAccessKey {
    /// The line that is not there.
    pub missing: &'static str,
}

/// The access key of a bucket, and the file that it was read from.
pub(super) struct Access {
    file: PathBuf,
    key: Mutex<Arc<Credentials>>,
}

impl Access {
    /// Reads the key.
    pub(super) fn read(file: &Path) -> Result<Self, S3Error> {
        Ok(Self { file: file.to_owned(), key: Mutex::new(Arc::new(read(file)?)) })
    }

    /// The key that requests are signed with.
    pub(super) fn key(&self) -> Arc<Credentials> {
        Arc::clone(&self.lock())
    }

    /// Whether the file holds another key than one that was refused; requests are signed with that from then on.
    pub(super) fn is_replaced(&self, refused: &Credentials) -> bool {
        let Ok(found) = read(&self.file) else { return false };
        let is_another = found != *refused;
        if is_another {
            *self.lock() = Arc::new(found);
        }
        is_another
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Credentials>> {
        // Every change is one assignment.
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> Result<Credentials, S3Error> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|source| S3Error::File { path: file.to_owned(), source })?;
    let key = parse(&text).map_err(|source| S3Error::Credentials { path: file.to_owned(), source })?;
    Ok(match key.token {
        Some(token) => Credentials::new_with_token(key.id, key.secret.as_str(), token),
        None => Credentials::new(key.id, key.secret.as_str()),
    })
}

/// An access key.
struct AccessKey {
    id: String,
    secret: Zeroizing<String>,
    /// Of temporary credentials.
    token: Option<String>,
}

/// Reads the access key.
fn parse(text: &str) -> Result<AccessKey, NoAccessKey> {
    let (mut id, mut secret, mut token) = (None, None, None);
    let mut default = true;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(profile) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            default = profile.trim() == "default";
        } else if let (true, Some((name, value))) = (default, line.split_once('=')) {
            let value = value.trim().to_owned();
            match name.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(Zeroizing::new(value)),
                "aws_session_token" => token = Some(value),
                _ => {}
            }
        }
    }
    let id = id.ok_or(NoAccessKey { missing: "aws_access_key_id" })?;
    let secret = secret.ok_or(NoAccessKey { missing: "aws_secret_access_key" })?;
    Ok(AccessKey { id, secret, token })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::scripted;
    use super::*;
    use crate::destination::{Source as _, SourceError};

    #[test]
    fn a_key_that_took_the_place_of_a_refused_one_is_used_without_a_new_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = scripted::key_file(folder.path());
        let is_known = |asked: &str| asked.contains("X-Amz-Credential=NEW%2F");
        let bucket = scripted::bucket(&file, move |_, asked| {
            // One that has expired is called a bad request.
            if is_known(asked) { (200, "object".to_owned()) } else { (400, "<Code>ExpiredToken</Code>".to_owned()) }
        });
        let open = || bucket.open("a", None).map(drop);
        assert!(matches!(open(), Err(SourceError::Unreachable { .. })), "the file holds the same key still");
        fs::write(&file, "[default]\naws_access_key_id = NEW\n").unwrap();
        assert!(open().is_err(), "half a key is none");
        scripted::write_key(&file, "NEW");
        open().unwrap();
        fs::remove_file(&file).unwrap();
        open().unwrap();
    }

    #[test]
    fn who_was_refused_with_an_older_key_than_the_one_in_use_asks_again_with_that() {
        let folder = tempfile::tempdir().unwrap();
        let file = scripted::key_file(folder.path());
        let access = Access::read(&file).unwrap();
        let refused = access.key();
        assert!(!access.is_replaced(&refused));
        scripted::write_key(&file, "NEW");
        // Several ask side by side, and each is refused by itself.
        assert!(access.is_replaced(&refused) && access.is_replaced(&refused));
        assert_eq!(access.key().key(), "NEW");
        assert!(!access.is_replaced(&access.key()));
    }

    #[test]
    fn the_profile_default_is_read() {
        let text = "# ours\n[other]\naws_access_key_id = X\n[default]\naws_access_key_id = A\n\
                    aws_secret_access_key=s/e=c\nregion = eu\n[more]\naws_secret_access_key = Y\n";
        let key = parse(text).unwrap();
        assert_eq!((key.id.as_str(), key.secret.as_str(), key.token), ("A", "s/e=c", None));
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |text| parse(text).map(drop).unwrap_err().missing;
        assert_eq!(missing(""), "aws_access_key_id");
        assert_eq!(missing("aws_access_key_id = A"), "aws_secret_access_key");
        assert_eq!(missing("[other]\naws_access_key_id = A\naws_secret_access_key = B"), "aws_access_key_id");
    }
}
