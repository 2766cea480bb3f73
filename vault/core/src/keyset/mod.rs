//! The vault's keys and how each is derived or wrapped; the format of `keys.json` and of the root
//! key file. Writes no file and encrypts no root: age does that, in the store.
//!
//! ```text
//! root key → keys.json → keyring key → subject key ┐
//!                     └→ secrets of the data epochs ┴→ record and document keys
//! ```

mod epochs;
mod subject;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::crypto::{self, Entropy, Label, OpenError, Scope, SealError, SecretBytes, SecretKey};
use crate::ids::{Environment, VaultId};

pub use epochs::Epochs;
pub use subject::{SubjectKeys, subject_key_place};

/// A key file that is not usable.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// Not the JSON it should be.
    #[error("{file} is damaged: restore it from the newest base backup")]
    Damaged {
        /// Which file.
        file: &'static str,
        /// What the parser said.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// Made for another vault.
    #[error(
        "the key is of vault {found_vault} ({found_environment}), this vault is {vault} ({environment}): \
         use the key made for this vault; nothing of one environment opens in another"
    )]
    OtherVault {
        /// This vault.
        vault: VaultId,
        /// This environment.
        environment: Environment,
        /// The key's vault.
        found_vault: VaultId,
        /// The key's environment.
        found_environment: Environment,
    },
    /// The root key does not open `keys.json`.
    #[error(
        "keys.json does not open with this root key, it was changed or is another vault's: restore the vault from a backup with `coffre restore`"
    )]
    DoesNotOpen(#[source] OpenError),
    /// Written by a later version.
    #[error("keys.json has format {found}, this version of coffre knows 2: use a newer coffre")]
    Newer {
        /// Its format.
        found: u32,
    },
    /// Nothing could be encrypted.
    #[error("the keys could not be encrypted")]
    Seal(#[source] SealError),
}

fn damaged(file: &'static str) -> KeyFileError {
    KeyFileError::Damaged { file, source: None }
}

fn unreadable(file: &'static str) -> impl Fn(serde_json::Error) -> KeyFileError {
    move |source| KeyFileError::Damaged { file, source: Some(source) }
}

/// The plaintext inside `root.server.age` and `root.recovery.age`: the root key and whose it is.
pub struct RootKey {
    /// Which vault it is for.
    pub scope: Scope,
    /// The key itself.
    pub key: SecretKey,
}

#[derive(Serialize, Deserialize)]
struct RootText<'a> {
    format: u32,
    environment: Environment,
    vault: VaultId,
    root: &'a str,
}

/// JSON of secrets. Its buffer is as large from the first as it gets: a text that grows leaves copies of itself behind.
fn secret_json(secrets: &impl Serialize, room: usize) -> Result<SecretBytes, serde_json::Error> {
    let mut json = SecretBytes::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *json, secrets)?;
    debug_assert!(json.len() <= room, "the JSON of secrets has grown");
    Ok(json)
}

impl RootKey {
    /// The bytes to encrypt for an age recipient.
    pub fn to_bytes(&self) -> SecretBytes {
        let root = Zeroizing::new(BASE64.encode(self.key.expose()));
        let text =
            RootText { format: 1, environment: self.scope.environment.clone(), vault: self.scope.vault, root: &root };
        // Names, an identifier and base64 always serialize.
        secret_json(&text, 256).unwrap_or_default()
    }

    /// The root key in decrypted bytes, if it is of this vault.
    pub fn from_bytes(bytes: &[u8], scope: &Scope) -> Result<Self, KeyFileError> {
        const FILE: &str = "the root key file";
        let text: RootText = serde_json::from_slice(bytes).map_err(unreadable(FILE))?;
        if text.vault != scope.vault || text.environment != scope.environment {
            return Err(KeyFileError::OtherVault {
                vault: scope.vault,
                environment: scope.environment.clone(),
                found_vault: text.vault,
                found_environment: text.environment,
            });
        }
        Ok(Self { scope: scope.clone(), key: key_of(text.root, FILE)? })
    }
}

fn key_of(text: &str, file: &'static str) -> Result<SecretKey, KeyFileError> {
    let bytes = Zeroizing::new(BASE64.decode(text).map_err(|_| damaged(file))?);
    SecretKey::try_from(bytes.as_slice()).map_err(|_| damaged(file))
}

/// `keys.json`: whose keys they are, in clear, and the keys, wrapped by the root key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// The version of this format: 2 where there is a second data epoch, 1 before that.
    pub format: u32,
    /// The environment.
    pub environment: Environment,
    /// The vault.
    pub vault: VaultId,
    /// The wrapped keys, base64.
    pub wrapped: String,
}

/// Every key of a vault that is not per subject. `Debug` shows nothing.
#[derive(Clone)]
pub struct Keyset {
    /// Raw SQLCipher keys of the four databases.
    pub databases: DatabaseKeys,
    /// Wraps the subject keys.
    pub keyring: SecretKey,
    /// Keys the blind indexes.
    pub index: SecretKey,
    /// Seeds the Ed25519 key that signs tree heads and manifests.
    pub signing_seed: SecretKey,
    /// The secrets of the data epochs. Which epoch new values are written under stands in `vault.db`.
    pub epochs: Epochs,
    /// The root keys before this one, oldest first: a former `keys.json` whose root file is lost opens with one of them.
    pub former_roots: Vec<SecretKey>,
}

impl std::fmt::Debug for Keyset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyset(not shown)")
    }
}

/// Raw SQLCipher keys.
#[derive(Debug, Clone)]
pub struct DatabaseKeys {
    /// Of `vault.db`.
    pub vault: SecretKey,
    /// Of `audit.db`.
    pub audit: SecretKey,
    /// Of `keyring.db`.
    pub keyring: SecretKey,
    /// Of `index.db`.
    pub index: SecretKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysText {
    vault_db: Zeroizing<String>,
    audit_db: Zeroizing<String>,
    keyring_db: Zeroizing<String>,
    index_db: Zeroizing<String>,
    keyring: Zeroizing<String>,
    index: Zeroizing<String>,
    signing_seed: Zeroizing<String>,
    /// Of format 1 alone, where it is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u32>,
    /// Of format 2 alone: the secrets of the second epoch and of those after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    epochs: Vec<Zeroizing<String>>,
    #[serde(default)]
    former_roots: Vec<Zeroizing<String>>,
}

impl Keyset {
    /// New random keys.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut key = || SecretKey::random(entropy);
        Self {
            databases: DatabaseKeys { vault: key(), audit: key(), keyring: key(), index: key() },
            keyring: key(),
            index: key(),
            signing_seed: key(),
            epochs: Epochs::default(),
            former_roots: Vec::new(),
        }
    }

    /// `keys.json`, wrapped by the root key.
    pub fn wrap(&self, root: &RootKey, entropy: &mut dyn Entropy) -> Result<KeysFile, KeyFileError> {
        let text = |key: &SecretKey| Zeroizing::new(BASE64.encode(key.expose()));
        let format = self.format();
        let keys = KeysText {
            vault_db: text(&self.databases.vault),
            audit_db: text(&self.databases.audit),
            keyring_db: text(&self.databases.keyring),
            index_db: text(&self.databases.index),
            keyring: text(&self.keyring),
            index: text(&self.index),
            signing_seed: text(&self.signing_seed),
            epoch: (format == 1).then_some(Epochs::FIRST),
            epochs: self.epochs.secrets().iter().map(text).collect(),
            former_roots: self.former_roots.iter().map(text).collect(),
        };
        // Seven keys and what is beside them, then 47 bytes for each of the others.
        let longest = 1024 + 64 * (keys.epochs.len() + keys.former_roots.len());
        let plaintext = secret_json(&keys, longest).map_err(unreadable("keys.json"))?;
        let sealed =
            crypto::seal(&root.key, &wrap_label(&root.scope), &plaintext, entropy).map_err(KeyFileError::Seal)?;
        Ok(KeysFile {
            format,
            environment: root.scope.environment.clone(),
            vault: root.scope.vault,
            wrapped: BASE64.encode(sealed),
        })
    }

    /// The keys in `keys.json`.
    pub fn unwrap(file: &KeysFile, root: &RootKey) -> Result<Self, KeyFileError> {
        const FILE: &str = "keys.json";
        if !(1..=2).contains(&file.format) {
            return Err(KeyFileError::Newer { found: file.format });
        }
        let sealed = BASE64.decode(&file.wrapped).map_err(|_| damaged(FILE))?;
        let plaintext =
            crypto::open(&root.key, &wrap_label(&root.scope), &sealed).map_err(KeyFileError::DoesNotOpen)?;
        let keys: KeysText = serde_json::from_slice(&plaintext).map_err(unreadable(FILE))?;
        let secrets = keys.epochs.iter().map(|secret| key_of(secret, FILE)).collect::<Result<Vec<_>, _>>()?;
        let opened = Self {
            databases: DatabaseKeys {
                vault: key_of(&keys.vault_db, FILE)?,
                audit: key_of(&keys.audit_db, FILE)?,
                keyring: key_of(&keys.keyring_db, FILE)?,
                index: key_of(&keys.index_db, FILE)?,
            },
            keyring: key_of(&keys.keyring, FILE)?,
            index: key_of(&keys.index, FILE)?,
            signing_seed: key_of(&keys.signing_seed, FILE)?,
            epochs: Epochs::of(secrets),
            former_roots: keys.former_roots.iter().map(|root| key_of(root, FILE)).collect::<Result<_, _>>()?,
        };
        let first = (opened.format() == 1).then_some(Epochs::FIRST);
        if (file.format, keys.epoch) == (opened.format(), first) { Ok(opened) } else { Err(damaged(FILE)) }
    }

    /// The format that these keys are written in.
    fn format(&self) -> u32 {
        if self.epochs.newest() == Epochs::FIRST { 1 } else { 2 }
    }
}

impl KeysFile {
    /// Whose keys these are.
    pub fn scope(&self) -> Scope {
        Scope { environment: self.environment.clone(), vault: self.vault }
    }

    /// Parses the file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyFileError> {
        serde_json::from_slice(bytes).map_err(unreadable("keys.json"))
    }
}

fn wrap_label(scope: &Scope) -> Label {
    Label::new("coffre/v1/keys.json", scope)
}

/// The name under which the vault's Ed25519 key signs notes: stable over generations, so that one
/// pinned verification key serves for life.
pub fn signer_name(scope: &Scope) -> String {
    format!("coffre/{}/{}", scope.environment, scope.vault)
}

/// The vault that a signer's name is of: a verification key alone says which vault it pins.
pub fn scope_of_signer(name: &str) -> Option<Scope> {
    let (environment, vault) = name.strip_prefix("coffre/")?.split_once('/')?;
    Some(Scope { environment: environment.parse().ok()?, vault: vault.parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    fn scope(environment: &str) -> Scope {
        Scope { environment: environment.parse().unwrap(), vault: VaultId::from_bytes([7; 16]) }
    }

    #[test]
    fn keys_open_only_in_their_own_environment() {
        let mut entropy = Counting(0);
        let production = RootKey { scope: scope("production"), key: SecretKey::random(&mut entropy) };
        let keys = Keyset::random(&mut entropy);
        let file = keys.wrap(&production, &mut entropy).unwrap();
        assert_eq!(Keyset::unwrap(&file, &production).unwrap().keyring, keys.keyring);

        let bytes = production.to_bytes();
        assert!(RootKey::from_bytes(&bytes, &scope("production")).is_ok());
        assert!(matches!(RootKey::from_bytes(&bytes, &scope("recette")), Err(KeyFileError::OtherVault { .. })));

        // Even a root key relabelled for the other environment opens nothing there.
        let forged = RootKey { scope: scope("recette"), key: production.key.clone() };
        assert!(matches!(Keyset::unwrap(&file, &forged), Err(KeyFileError::DoesNotOpen(_))));
    }

    #[test]
    fn a_new_root_opens_the_same_keys_and_the_former_one_no_longer_does() {
        let mut entropy = Counting(0);
        let mut root = || RootKey { scope: scope("production"), key: SecretKey::random(&mut entropy) };
        let (former, new) = (root(), root());
        let mut keys = Keyset::random(&mut entropy);
        let before = keys.wrap(&former, &mut entropy).unwrap();
        keys.former_roots.push(former.key.clone());
        let after = keys.wrap(&new, &mut entropy).unwrap();
        assert!(matches!(Keyset::unwrap(&after, &former), Err(KeyFileError::DoesNotOpen(_))));
        let opened = Keyset::unwrap(&after, &new).unwrap();
        assert_eq!(opened.keyring, keys.keyring);
        let kept = RootKey { scope: scope("production"), key: opened.former_roots[0].clone() };
        assert_eq!(Keyset::unwrap(&before, &kept).unwrap().signing_seed, keys.signing_seed);
    }

    #[test]
    fn nothing_that_is_written_of_keys_outgrows_its_buffer() {
        let mut entropy = Counting(0);
        let longest = "e".repeat(32);
        let root = RootKey { scope: scope(&longest), key: SecretKey::random(&mut entropy) };
        assert!(root.to_bytes().capacity() == 256 && root.to_bytes().len() > 128);
        let mut keys = Keyset::random(&mut entropy);
        for _ in 0..100 {
            keys.epochs.announce(&mut entropy);
            keys.former_roots.push(SecretKey::random(&mut entropy));
            keys.wrap(&root, &mut entropy).unwrap();
        }
    }

    #[test]
    fn a_second_epoch_makes_another_format_and_neither_passes_for_the_other() {
        let mut entropy = Counting(0);
        let root = RootKey { scope: scope("production"), key: SecretKey::random(&mut entropy) };
        let mut keys = Keyset::random(&mut entropy);
        let first = keys.wrap(&root, &mut entropy).unwrap();
        assert_eq!((first.format, Keyset::unwrap(&first, &root).unwrap().epochs.newest()), (1, 1));
        assert_eq!(keys.epochs.announce(&mut entropy), 2);
        assert_eq!(keys.epochs.announce(&mut entropy), 3);
        let third = keys.wrap(&root, &mut entropy).unwrap();
        let opened = Keyset::unwrap(&third, &root).unwrap();
        assert_eq!((third.format, opened.epochs.secrets()), (2, keys.epochs.secrets()));
        for (file, format) in [(&first, 2), (&third, 1)] {
            let relabelled = KeysFile { format, ..file.clone() };
            assert!(matches!(Keyset::unwrap(&relabelled, &root), Err(KeyFileError::Damaged { .. })));
        }
        let newer = KeysFile { format: 3, ..third };
        assert!(matches!(Keyset::unwrap(&newer, &root), Err(KeyFileError::Newer { found: 3 })));
    }
}
