//! Subject keys: wrapped in `keyring.db`, or replaced by a tombstone. A missing row is corruption,
//! a tombstone is absence.

use coffre_core::crypto::{self, Entropy, Scope, SecretKey};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::{Keyset, subject_key_place};
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use crate::error::ReadError;

/// The epoch of the key that wraps subject keys. There is one: a rotation of the data salts what is derived from subject keys,
/// and leaves them as they are.
const EPOCH: u32 = 1;

/// A data subject's key as it is stored. Wiped when it is dropped: of an erased key nothing is to be left.
#[derive(Clone)]
pub(crate) struct WrappedKey {
    epoch: u32,
    wrapped: Zeroizing<Vec<u8>>,
}

impl WrappedKey {
    pub(crate) fn open(
        &self,
        scope: &Scope,
        keys: &Keyset,
        kind: &RecordTypeName,
        subject: SubjectId,
    ) -> Result<SecretKey, ReadError> {
        let place = subject_key_place(scope, kind, subject, self.epoch);
        let opened = crypto::open(&keys.keyring, &place, &self.wrapped);
        let bytes = opened.map_err(|source| ReadError::Value { subject, source })?;
        SecretKey::try_from(bytes.as_slice()).map_err(|_| ReadError::Format { what: "subject key" })
    }

    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self { epoch: 1, wrapped: Zeroizing::default() }
    }

    /// Bytes of it.
    pub(crate) fn length(&self) -> usize {
        self.wrapped.len()
    }
}

/// The key of a data subject; `None` when it was erased.
pub(crate) fn find(
    keyring: &Connection,
    scope: &Scope,
    keys: &Keyset,
    kind: &RecordTypeName,
    subject: SubjectId,
) -> Result<Option<SecretKey>, ReadError> {
    find_wrapped(keyring, subject)?.map(|key| key.open(scope, keys, kind, subject)).transpose()
}

/// The key of a data subject as it is stored; `None` when it was erased.
pub(crate) fn find_wrapped(keyring: &Connection, subject: SubjectId) -> Result<Option<WrappedKey>, ReadError> {
    let row = keyring
        .prepare_cached("SELECT epoch, wrapped FROM subject_keys WHERE subject = ?1")?
        .query_row([subject.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })
        .optional()?;
    let (epoch, wrapped) = row.ok_or(ReadError::KeyMissing { subject })?;
    Ok(wrapped.map(|wrapped| WrappedKey { epoch, wrapped: Zeroizing::new(wrapped) }))
}

/// Stores the key of a new data subject.
pub(crate) fn insert(
    keyring: &Connection,
    scope: &Scope,
    keys: &Keyset,
    kind: &RecordTypeName,
    subject: SubjectId,
    key: &SecretKey,
    entropy: &mut dyn Entropy,
) -> Result<(), ReadError> {
    let place = subject_key_place(scope, kind, subject, EPOCH);
    let wrapped = crypto::seal(&keys.keyring, &place, key.expose(), entropy);
    let wrapped = wrapped.map_err(|_| ReadError::Format { what: "subject key" })?;
    keyring
        .prepare_cached("INSERT INTO subject_keys (subject, record_type, epoch, wrapped) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![subject.as_bytes(), kind.as_str(), EPOCH, wrapped])?;
    Ok(())
}

/// Whether a subject has a key that was not destroyed.
pub(crate) fn is_there(keyring: &Connection, subject: SubjectId) -> rusqlite::Result<bool> {
    keyring
        .prepare_cached("SELECT 1 FROM subject_keys WHERE subject = ?1 AND wrapped IS NOT NULL")?
        .exists([subject.as_bytes()])
}

/// Before which time nobody who was erased has a key any more; none where that was never noted.
pub(crate) fn buried_until(keyring: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement = keyring.prepare_cached("SELECT until FROM buried")?;
    statement.query_row([], |row| row.get(0).map(Timestamp::from_micros)).optional()
}

/// Notes that, within the commit that buries the last of them.
pub(crate) fn note_buried(keyring: &Connection, until: Timestamp) -> rusqlite::Result<()> {
    let mut note = keyring.prepare_cached("INSERT OR REPLACE INTO buried (only, until) VALUES (1, ?1)")?;
    note.execute([until.as_micros()]).map(drop)
}

/// Replaces a subject's key by a tombstone. With `secure_delete` the key's bytes are overwritten.
pub(crate) fn bury(keyring: &Connection, subject: SubjectId, tombstone: &str) -> rusqlite::Result<()> {
    keyring
        .prepare_cached("UPDATE subject_keys SET wrapped = NULL, tombstone = ?2 WHERE subject = ?1")?
        .execute(params![subject.as_bytes(), tombstone])?;
    Ok(())
}
