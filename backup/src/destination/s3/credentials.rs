//! The file with the access key, in the format of AWS's shared credentials. Only the profile `default` is read.

use thiserror::Error;
use zeroize::Zeroizing;

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

/// An access key.
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
    /// Of temporary credentials.
    pub(super) token: Option<String>,
}

/// Reads the access key.
pub(super) fn parse(text: &str) -> Result<AccessKey, NoAccessKey> {
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
    use super::*;

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
