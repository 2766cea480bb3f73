//! The vault's keys and how each is derived or wrapped; the format of `keys.json` and of the root
//! key file. Writes no file and encrypts no root: age does that, in the store.
//!
//! ```text
//! root key → keys.json → keyring key → subject key → record and document keys
//! ```

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::crypto::{self, Entropy, Label, OpenError, Scope, SealError, SecretBytes, SecretKey};
use crate::ids::{DocumentId, Environment, SubjectId, VaultId};
use crate::record::{Category, RecordTypeName};

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

impl RootKey {
    /// The bytes to encrypt for an age recipient.
    pub fn to_bytes(&self) -> SecretBytes {
        let root = Zeroizing::new(BASE64.encode(self.key.expose()));
        let text =
            RootText { format: 1, environment: self.scope.environment.clone(), vault: self.scope.vault, root: &root };
        // Names, an identifier and base64 always serialize.
        SecretBytes::new(serde_json::to_vec(&text).unwrap_or_default())
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
    /// The version of this format: 1.
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
    /// The epoch that new values are written under.
    pub epoch: u32,
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
    epoch: u32,
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
            epoch: 1,
            former_roots: Vec::new(),
        }
    }

    /// `keys.json`, wrapped by the root key.
    pub fn wrap(&self, root: &RootKey, entropy: &mut dyn Entropy) -> Result<KeysFile, KeyFileError> {
        let text = |key: &SecretKey| Zeroizing::new(BASE64.encode(key.expose()));
        let keys = KeysText {
            vault_db: text(&self.databases.vault),
            audit_db: text(&self.databases.audit),
            keyring_db: text(&self.databases.keyring),
            index_db: text(&self.databases.index),
            keyring: text(&self.keyring),
            index: text(&self.index),
            signing_seed: text(&self.signing_seed),
            epoch: self.epoch,
            former_roots: self.former_roots.iter().map(text).collect(),
        };
        let plaintext = SecretBytes::new(serde_json::to_vec(&keys).map_err(unreadable("keys.json"))?);
        let sealed =
            crypto::seal(&root.key, &wrap_label(&root.scope), &plaintext, entropy).map_err(KeyFileError::Seal)?;
        Ok(KeysFile {
            format: 1,
            environment: root.scope.environment.clone(),
            vault: root.scope.vault,
            wrapped: BASE64.encode(sealed),
        })
    }

    /// The keys in `keys.json`.
    pub fn unwrap(file: &KeysFile, root: &RootKey) -> Result<Self, KeyFileError> {
        const FILE: &str = "keys.json";
        if file.format != 1 {
            return Err(damaged(FILE));
        }
        let sealed = BASE64.decode(&file.wrapped).map_err(|_| damaged(FILE))?;
        let plaintext =
            crypto::open(&root.key, &wrap_label(&root.scope), &sealed).map_err(KeyFileError::DoesNotOpen)?;
        let keys: KeysText = serde_json::from_slice(&plaintext).map_err(unreadable(FILE))?;
        Ok(Self {
            databases: DatabaseKeys {
                vault: key_of(&keys.vault_db, FILE)?,
                audit: key_of(&keys.audit_db, FILE)?,
                keyring: key_of(&keys.keyring_db, FILE)?,
                index: key_of(&keys.index_db, FILE)?,
            },
            keyring: key_of(&keys.keyring, FILE)?,
            index: key_of(&keys.index, FILE)?,
            signing_seed: key_of(&keys.signing_seed, FILE)?,
            epoch: keys.epoch,
            former_roots: keys.former_roots.iter().map(|root| key_of(root, FILE)).collect::<Result<_, _>>()?,
        })
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

/// The keys of one data subject: everything derived from the one key that erasure destroys.
pub struct SubjectKeys<'a> {
    /// The vault.
    pub scope: &'a Scope,
    /// The subject.
    pub subject: SubjectId,
    /// Its record's type.
    pub record_type: &'a RecordTypeName,
    /// The subject key.
    pub key: &'a SecretKey,
}

impl SubjectKeys<'_> {
    fn label(&self, purpose: &str) -> Label {
        Label::new(purpose, self.scope).text(self.record_type.as_str()).bytes(self.subject.as_bytes())
    }

    /// The key of a category's values in an epoch.
    pub fn category_key(&self, category: &Category, epoch: u32) -> SecretKey {
        let label = self.label("coffre/v1/category-key").text(category.as_str()).number(epoch.into());
        crypto::derive(self.key, &label)
    }

    /// Where a category's ciphertext belongs.
    pub fn category_place(&self, category: &Category, version: u32, epoch: u32) -> Label {
        self.label("coffre/v1/value").text(category.as_str()).number(version.into()).number(epoch.into())
    }

    /// The key of one document file; the salt is random for every file written.
    pub fn document_key(&self, document: DocumentId, version: u32, epoch: u32, salt: &[u8; 32]) -> SecretKey {
        let label = self.label("coffre/v1/document-key").bytes(document.as_bytes());
        crypto::derive(self.key, &label.number(version.into()).number(epoch.into()).bytes(salt))
    }

    /// The key of what is said about a subject outside the record: file names, reasons.
    pub fn note_key(&self, epoch: u32) -> SecretKey {
        crypto::derive(self.key, &self.label("coffre/v1/note-key").number(epoch.into()))
    }

    /// Where such a text belongs: its kind (`document`, `reason`, `evidence`) and what it is about.
    pub fn note_place(&self, kind: &str, about: &[u8], epoch: u32) -> Label {
        self.label("coffre/v1/note").text(kind).bytes(about).number(epoch.into())
    }
}

/// Where a wrapped subject key belongs.
pub fn subject_key_place(scope: &Scope, record_type: &RecordTypeName, subject: SubjectId, epoch: u32) -> Label {
    Label::new("coffre/v1/subject-key", scope).text(record_type.as_str()).bytes(subject.as_bytes()).number(epoch.into())
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
    fn a_value_opens_only_in_its_place() {
        let mut entropy = Counting(0);
        let key = SecretKey::random(&mut entropy);
        let (scope, kind) = (scope("production"), "policyholder".parse().unwrap());
        let keys =
            SubjectKeys { scope: &scope, subject: SubjectId::from_bytes([1; 16]), record_type: &kind, key: &key };
        let (health, contact): (Category, Category) = ("health".parse().unwrap(), "contact".parse().unwrap());
        let sealed =
            crypto::seal(&keys.category_key(&health, 1), &keys.category_place(&health, 1, 1), b"v", &mut entropy)
                .unwrap();
        let open = |k: &SecretKey, place: &Label| crypto::open(k, place, &sealed);
        assert!(open(&keys.category_key(&health, 1), &keys.category_place(&health, 1, 1)).is_ok());
        assert!(open(&keys.category_key(&health, 1), &keys.category_place(&health, 2, 1)).is_err());
        assert!(open(&keys.category_key(&contact, 1), &keys.category_place(&health, 1, 1)).is_err());
        let other = SubjectKeys { subject: SubjectId::from_bytes([2; 16]), ..keys };
        assert!(open(&other.category_key(&health, 1), &other.category_place(&health, 1, 1)).is_err());
    }
}
