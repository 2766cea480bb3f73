//! The key file of an officer: a name and a seed, in an age file that opens with a passphrase, or in clear. Its format is
//! in `docs/formats/approvals.md`. What the key signs is not known here.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coffre_core::approval::{Officer, OfficerError};
use coffre_core::note::{KeyName, SigningKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::new_file;

/// What the text begins with.
const FIRST: &str = "coffre officer key v1";
/// What an age file begins with.
const AGE: &[u8] = b"age-encryption.org/";
/// The most work for a passphrase, as a power of two (4 GiB of memory): more than age chooses for a second on any machine, so that a
/// key of a fast one opens on a slow or busy one.
const MOST_WORK: u8 = 22;

/// A key file that was not written or not read.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    /// There is one already.
    #[error("{} exists: a key is never written over another file; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("{} can be read by others: run `chmod 600` on it, and make a new key if somebody may have copied it", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
    },
    /// It is none.
    #[error("{} is no officer's key file: name the one that `coffre officer keygen` wrote", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is another one.
    #[error("{} does not open with this passphrase: type it again; if it is lost, the other officers have to replace this key", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// What age said.
        #[source]
        source: age::DecryptError,
    },
    /// It is not what was written.
    #[error("{} is damaged: take a copy of it; if there is none, the other officers have to replace this key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What age said.
        #[source]
        source: age::DecryptError,
    },
    /// The name is none of an officer.
    #[error(transparent)]
    Officer(#[from] OfficerError),
    /// It could not be encrypted.
    #[error("the key could not be encrypted: try again")]
    Encrypt(#[source] age::EncryptError),
    /// The system refused.
    #[error("{} cannot be read or written: check the path, its permissions and the space left", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// An officer's key.
pub(crate) struct OfficerKey {
    pub(crate) officer: Officer,
    pub(crate) key: SigningKey,
}

impl OfficerKey {
    /// The key of a name and a seed.
    pub(crate) fn new(name: KeyName, seed: &[u8; 32]) -> Result<Self, OfficerError> {
        let key = SigningKey::from_seed(name, seed);
        Ok(Self { officer: Officer::new(key.verification_key())?, key })
    }
}

/// Makes a key of this name and writes its file, which is there for its owner alone.
pub(crate) fn make(
    path: &Path,
    name: KeyName,
    seed: &Zeroizing<[u8; 32]>,
    passphrase: Option<&str>,
) -> Result<Officer, KeyFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::Io { path: path.to_owned(), source },
    };
    let made = OfficerKey::new(name, seed)?.officer;
    let text = Zeroizing::new(format!("{FIRST}\n{}\n{}\n", made.key().name(), *Zeroizing::new(BASE64.encode(**seed))));
    let bytes = match passphrase {
        Some(passphrase) => {
            let recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
            Zeroizing::new(age::encrypt(&recipient, text.as_bytes()).map_err(KeyFileError::Encrypt)?)
        }
        None => Zeroizing::new(text.as_bytes().to_vec()),
    };
    // The seed stands nowhere else.
    new_file::write(path, 0o600, &bytes).map_err(failed)?;
    Ok(made)
}

/// Reads a key file; the passphrase is asked for where it needs one.
pub(crate) fn read(
    path: &Path,
    passphrase: impl FnOnce() -> anyhow::Result<Zeroizing<String>>,
) -> anyhow::Result<OfficerKey> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions { path: path.to_owned() }.into());
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    let text = if bytes.starts_with(AGE) {
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase()?.as_str().to_owned()));
        identity.set_max_work_factor(MOST_WORK);
        Zeroizing::new(age::decrypt(&identity, &bytes).map_err(|source| not_opened(path, source))?)
    } else {
        bytes
    };
    Ok(parse(&text).ok_or_else(|| KeyFileError::NoKey { path: path.to_owned() })??)
}

fn not_opened(path: &Path, source: age::DecryptError) -> KeyFileError {
    let path = path.to_owned();
    match source {
        age::DecryptError::DecryptionFailed => KeyFileError::Passphrase { path, source },
        age::DecryptError::NoMatchingKeys => KeyFileError::NoKey { path },
        _ => KeyFileError::Damaged { path, source },
    }
}

/// None for what is no key file at all.
fn parse(bytes: &[u8]) -> Option<Result<OfficerKey, KeyFileError>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let (first, name, seed) = (lines.next()?, lines.next()?, lines.next()?);
    if first != FIRST || lines.next().is_some() {
        return None;
    }
    let name = KeyName::new(name).ok()?;
    let decoded = Zeroizing::new(BASE64.decode(seed).ok()?);
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(decoded.as_slice().try_into().ok()?);
    Some(OfficerKey::new(name, &seed).map_err(KeyFileError::from))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The documented bytes, see `docs/formats/approvals.md`.
    const GOLDEN: &str = "coffre officer key v1\nlegal/a.martin\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

    fn nothing_asked() -> anyhow::Result<Zeroizing<String>> {
        anyhow::bail!("asked for a passphrase")
    }

    #[test]
    fn a_key_in_clear_is_the_documented_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.martin.key");
        let seed = Zeroizing::new([1; 32]);
        let made = make(&path, KeyName::new("legal/a.martin").unwrap(), &seed, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path, nothing_asked).unwrap().officer, made);
        assert_eq!(made.known_as(), "legal/a.martin+71cec933");
        let again = make(&path, KeyName::new("legal/a.martin").unwrap(), &seed, None).unwrap_err();
        assert!(matches!(again, KeyFileError::Exists { .. }), "{again}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path, nothing_asked).err().unwrap().to_string().contains("can be read by others"));
    }

    #[test]
    fn a_key_under_a_passphrase_opens_with_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.durand.key");
        let seed = Zeroizing::new([2; 32]);
        let made = make(&path, KeyName::new("dpo/b.durand").unwrap(), &seed, Some("correct horse battery")).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.starts_with(AGE) && !bytes.windows(6).any(|part| part == b"durand"));
        let opened = |phrase: &'static str| read(&path, move || Ok(Zeroizing::new(phrase.to_owned())));
        assert_eq!(opened("correct horse battery").unwrap().officer, made);
        assert!(opened("correct horse").err().unwrap().to_string().contains("does not open with this passphrase"));
        // The passphrase is right: nobody is to think that it is lost.
        let (last, rest) = bytes.split_last().unwrap();
        fs::write(&path, [rest, &[last ^ 1]].concat()).unwrap();
        assert!(opened("correct horse battery").err().unwrap().to_string().contains("is damaged"));
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        for text in [
            "",
            "coffre officer key v1\n",
            &GOLDEN.replace("v1", "v2"),
            &GOLDEN.replace("AQEB", "AQE"),
            &GOLDEN.replace("AQEBAQEB", "AQEB"),
            GOLDEN.trim_end(),
            &format!("{GOLDEN}\n"),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = read(&path, nothing_asked).err().unwrap().to_string();
            assert!(refused.contains("is no officer's key file"), "{text:?}: {refused}");
        }
        fs::write(&path, GOLDEN.replace("legal/", "sales/")).unwrap();
        assert!(read(&path, nothing_asked).err().unwrap().to_string().contains("is no officer's name"));
    }
}
