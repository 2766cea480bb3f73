//! The keys of one data subject: everything derived from the one key that erasure destroys.

use super::Epochs;
use crate::crypto::{self, Entropy, Label, OpenError, Scope, SealError, SecretBytes, SecretKey};
use crate::ids::{DocumentId, SubjectId};
use crate::record::{Category, RecordTypeName};

/// The keys of one data subject. Each is derived from the subject key and the secret of an epoch: without either there is none.
pub struct SubjectKeys<'a> {
    /// The vault.
    pub scope: &'a Scope,
    /// The subject.
    pub subject: SubjectId,
    /// Its record's type.
    pub record_type: &'a RecordTypeName,
    /// The subject key.
    pub key: &'a SecretKey,
    /// The secrets of the vault's data epochs.
    pub epochs: &'a Epochs,
}

impl SubjectKeys<'_> {
    fn label(&self, purpose: &str) -> Label {
        Label::new(purpose, self.scope).text(self.record_type.as_str()).bytes(self.subject.as_bytes())
    }

    fn derive(&self, epoch: u32, label: &Label) -> Result<SecretKey, OpenError> {
        Ok(crypto::derive(self.key, self.epochs.salt(epoch)?, label))
    }

    /// The key of a category's values in an epoch.
    fn category_key(&self, category: &Category, epoch: u32) -> Result<SecretKey, OpenError> {
        self.derive(epoch, &self.label("coffre/v1/category-key").text(category.as_str()).number(epoch.into()))
    }

    /// Where a category's ciphertext belongs.
    fn category_place(&self, category: &Category, version: u32, epoch: u32) -> Label {
        self.label("coffre/v1/value").text(category.as_str()).number(version.into()).number(epoch.into())
    }

    /// Encrypts a category's values, as they are in a version of the record.
    pub fn seal_value(
        &self,
        category: &Category,
        version: u32,
        epoch: u32,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let key = self.category_key(category, epoch).map_err(SealError::Key)?;
        crypto::seal(&key, &self.category_place(category, version, epoch), plaintext, entropy)
    }

    /// Decrypts what `seal_value` made.
    pub fn open_value(
        &self,
        category: &Category,
        version: u32,
        epoch: u32,
        sealed: &[u8],
    ) -> Result<SecretBytes, OpenError> {
        crypto::open(&self.category_key(category, epoch)?, &self.category_place(category, version, epoch), sealed)
    }

    /// The key of one document file; the salt is random for every file written.
    pub fn document_key(
        &self,
        document: DocumentId,
        version: u32,
        epoch: u32,
        salt: &[u8; 32],
    ) -> Result<SecretKey, OpenError> {
        let label = self.label("coffre/v1/document-key").bytes(document.as_bytes());
        self.derive(epoch, &label.number(version.into()).number(epoch.into()).bytes(salt))
    }

    /// The key of what is said about a subject outside the record: file names, reasons.
    fn note_key(&self, epoch: u32) -> Result<SecretKey, OpenError> {
        self.derive(epoch, &self.label("coffre/v1/note-key").number(epoch.into()))
    }

    /// Where such a text belongs: its kind (`document`, `reason`, `evidence`) and what it is about.
    fn note_place(&self, kind: &str, about: &[u8], epoch: u32) -> Label {
        self.label("coffre/v1/note").text(kind).bytes(about).number(epoch.into())
    }

    /// Encrypts what is said about the subject outside the record.
    pub fn seal_note(
        &self,
        kind: &str,
        about: &[u8],
        epoch: u32,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let key = self.note_key(epoch).map_err(SealError::Key)?;
        crypto::seal(&key, &self.note_place(kind, about, epoch), plaintext, entropy)
    }

    /// Decrypts what `seal_note` made.
    pub fn open_note(&self, kind: &str, about: &[u8], epoch: u32, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        crypto::open(&self.note_key(epoch)?, &self.note_place(kind, about, epoch), sealed)
    }
}

/// Where a wrapped subject key belongs.
pub fn subject_key_place(scope: &Scope, record_type: &RecordTypeName, subject: SubjectId, epoch: u32) -> Label {
    Label::new("coffre/v1/subject-key", scope).text(record_type.as_str()).bytes(subject.as_bytes()).number(epoch.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::crypto::hex;
    use crate::ids::VaultId;

    /// Counts up.
    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                self.0 = self.0.wrapping_add(1);
                *byte = self.0;
            }
        }
    }

    const SUBJECT: SubjectId = SubjectId::from_bytes([1; 16]);

    fn with_keys<T>(subject: SubjectId, epochs: &Epochs, run: impl FnOnce(&SubjectKeys<'_>) -> T) -> T {
        let scope = Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) };
        let (record_type, key) = ("policyholder".parse().unwrap(), SecretKey::from_bytes(&[9; 32]));
        run(&SubjectKeys { scope: &scope, subject, record_type: &record_type, key: &key, epochs })
    }

    fn epochs(secrets: &[[u8; 32]]) -> Epochs {
        Epochs::of(secrets.iter().map(SecretKey::from_bytes).collect())
    }

    #[test]
    fn a_value_opens_only_in_its_place() {
        let (health, contact): (Category, Category) = ("health".parse().unwrap(), "contact".parse().unwrap());
        let epochs = epochs(&[[2; 32]]);
        for epoch in [1, 2] {
            let seal = |keys: &SubjectKeys<'_>| keys.seal_value(&health, 1, epoch, b"v", &mut Counting(0)).unwrap();
            let sealed = with_keys(SUBJECT, &epochs, seal);
            with_keys(SUBJECT, &epochs, |keys| {
                assert_eq!(keys.open_value(&health, 1, epoch, &sealed).unwrap().as_slice(), b"v");
                assert!(keys.open_value(&health, 2, epoch, &sealed).is_err());
                assert!(keys.open_value(&contact, 1, epoch, &sealed).is_err());
                assert!(keys.open_value(&health, 1, 3 - epoch, &sealed).is_err());
            });
            let other = SubjectId::from_bytes([2; 16]);
            with_keys(other, &epochs, |keys| assert!(keys.open_value(&health, 1, epoch, &sealed).is_err()));
        }
    }

    #[test]
    fn an_epoch_opens_with_its_own_secret_alone() {
        let own = epochs(&[[2; 32], [3; 32]]);
        let sealed =
            with_keys(SUBJECT, &own, |keys| keys.seal_note("hold", b"x", 3, b"why", &mut Counting(0)).unwrap());
        let open = |epochs: &Epochs| with_keys(SUBJECT, epochs, |keys| keys.open_note("hold", b"x", 3, &sealed));
        assert_eq!(open(&own).unwrap().as_slice(), b"why");
        assert_eq!(open(&epochs(&[[2; 32]])).unwrap_err(), OpenError::Epoch { epoch: 3, newest: 2 });
        assert_eq!(open(&epochs(&[[2; 32], [4; 32]])).unwrap_err(), OpenError::Authentication);
        with_keys(SUBJECT, &own, |keys| {
            for unknown in [0, 4, u32::MAX] {
                assert!(matches!(keys.seal_note("hold", b"x", unknown, b"", &mut Counting(0)), Err(SealError::Key(_))));
            }
        });
    }

    /// What is in vaults already must open for ever: bytes of the format, not of this program.
    #[test]
    fn keys_are_derived_as_documented() {
        let epochs = epochs(&[[2; 32]]);
        let derived = |epoch| {
            with_keys(SUBJECT, &epochs, |keys| {
                let of_category = keys.category_key(&"health".parse().unwrap(), epoch).unwrap();
                let of_document = keys.document_key(DocumentId::from_bytes([5; 16]), 1, epoch, &[6; 32]).unwrap();
                [of_category, keys.note_key(epoch).unwrap(), of_document].map(|key| hex(key.expose()))
            })
        };
        insta::assert_debug_snapshot!([derived(1), derived(2)]);
    }
}
