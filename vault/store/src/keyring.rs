//! Subject keys: wrapped in `keyring.db`, or replaced by a tombstone. A missing row is corruption,
//! a tombstone is absence.

use coffre_core::crypto::{self, Entropy, Scope, SecretKey};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::{Keyset, subject_key_place};
use coffre_core::record::RecordTypeName;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::ReadError;

/// The epoch of the key that wraps subject keys. There is one: a rotation of the data salts what is derived from subject keys,
/// and leaves them as they are.
const EPOCH: u32 = 1;

/// The key of a data subject; `None` when it was erased.
pub(crate) fn find(
    keyring: &Connection,
    scope: &Scope,
    keys: &Keyset,
    kind: &RecordTypeName,
    subject: SubjectId,
) -> Result<Option<SecretKey>, ReadError> {
    let row = keyring
        .prepare_cached("SELECT epoch, wrapped FROM subject_keys WHERE subject = ?1")?
        .query_row([subject.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })
        .optional()?;
    let (epoch, wrapped) = row.ok_or(ReadError::KeyMissing { subject })?;
    let Some(wrapped) = wrapped else { return Ok(None) };
    let place = subject_key_place(scope, kind, subject, epoch);
    let bytes = crypto::open(&keys.keyring, &place, &wrapped).map_err(|source| ReadError::Value { subject, source })?;
    SecretKey::try_from(bytes.as_slice()).map(Some).map_err(|_| ReadError::Format { what: "subject key" })
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

/// Replaces a subject's key by a tombstone. With `secure_delete` the key's bytes are overwritten.
pub(crate) fn bury(keyring: &Connection, subject: SubjectId, tombstone: &str) -> rusqlite::Result<()> {
    keyring
        .prepare_cached("UPDATE subject_keys SET wrapped = NULL, tombstone = ?2 WHERE subject = ?1")?
        .execute(params![subject.as_bytes(), tombstone])?;
    Ok(())
}
