//! The encrypted values of records: one ciphertext per category and version.

use coffre_core::canonical;
use coffre_core::crypto::Entropy;
use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{Category, FieldPath, Fields};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::ReadError;

/// The values of a category as they were in a record's version: those of the newest version of the
/// category up to it.
pub(crate) fn category_at(
    vault: &Connection,
    keys: &SubjectKeys<'_>,
    category: &Category,
    version: u32,
) -> Result<Fields, ReadError> {
    let subject = keys.subject;
    let row = vault
        .prepare_cached(
            "SELECT version, epoch, sealed FROM record_values
             WHERE subject = ?1 AND category = ?2 AND version <= ?3 ORDER BY version DESC LIMIT 1",
        )?
        .query_row(params![subject.as_bytes(), category.as_str(), version], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let Some((written, epoch, sealed)) = row else { return Ok(Fields::default()) };
    let bytes = keys.open_value(category, written, epoch, &sealed);
    let bytes = bytes.map_err(|source| ReadError::Value { subject, source })?;
    serde_json::from_slice(&bytes).map_err(|_| ReadError::Format { what: "value" })
}

/// The named fields as they were in a version, each category decrypted once.
pub(crate) fn fields_at(
    vault: &Connection,
    keys: &SubjectKeys<'_>,
    fields: &[FieldPath],
    version: u32,
) -> Result<Fields, ReadError> {
    let mut categories: Vec<Category> = fields.iter().map(FieldPath::category).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut found = Fields::default();
    for category in &categories {
        let mut values = category_at(vault, keys, category, version)?;
        values.0.retain(|field, _| fields.contains(field));
        found.0.append(&mut values.0);
    }
    Ok(found)
}

/// Every field as it was in a version.
pub(crate) fn all_at(vault: &Connection, keys: &SubjectKeys<'_>, version: u32) -> Result<Fields, ReadError> {
    let mut found = Fields::default();
    for category in categories(vault, keys.subject)? {
        found.0.append(&mut category_at(vault, keys, &category, version)?.0);
    }
    Ok(found)
}

/// The categories that a record ever had values in.
pub(crate) fn categories(vault: &Connection, subject: SubjectId) -> Result<Vec<Category>, ReadError> {
    let mut statement = vault.prepare_cached("SELECT DISTINCT category FROM record_values WHERE subject = ?1")?;
    let rows = statement.query_map([subject.as_bytes().as_slice()], |row| row.get::<_, String>(0))?;
    rows.map(|name| name?.parse().map_err(|_| ReadError::Format { what: "category" })).collect()
}

/// A ciphertext ready to be stored.
pub(crate) struct Sealed {
    pub(crate) category: Category,
    pub(crate) version: u32,
    pub(crate) epoch: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Encrypts the values of a category for a record's version.
pub(crate) fn seal(
    keys: &SubjectKeys<'_>,
    category: &Category,
    values: &Fields,
    version: u32,
    epoch: u32,
    entropy: &mut dyn Entropy,
) -> Result<Sealed, ReadError> {
    let plain = canonical::to_vec(values).map(zeroize::Zeroizing::new);
    let plain = plain.map_err(|_| ReadError::Format { what: "value" })?;
    let bytes = keys.seal_value(category, version, epoch, &plain, entropy);
    let bytes = bytes.map_err(|_| ReadError::Format { what: "value" })?;
    Ok(Sealed { category: category.clone(), version, epoch, bytes })
}

/// Stores a ciphertext.
pub(crate) fn insert(vault: &Connection, subject: SubjectId, sealed: &Sealed, at: Timestamp) -> rusqlite::Result<()> {
    vault
        .prepare_cached(
            "INSERT INTO record_values (subject, category, version, epoch, written_at, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            subject.as_bytes(),
            sealed.category.as_str(),
            sealed.version,
            sealed.epoch,
            at.as_micros(),
            sealed.bytes
        ])?;
    Ok(())
}
