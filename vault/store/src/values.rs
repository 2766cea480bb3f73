//! The encrypted values of records: one ciphertext per category and version.

use std::sync::Arc;

use coffre_core::canonical;
use coffre_core::crypto::{Entropy, SecretBytes};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{Category, FieldPath, Fields};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::ReadError;
use crate::named_fields::Named;

/// An encrypted value as it is stored.
pub(crate) struct SealedValue {
    version: u32,
    epoch: u32,
    pub(crate) bytes: Vec<u8>,
}

impl SealedValue {
    fn open(&self, keys: &SubjectKeys<'_>, category: &Category) -> Result<SecretBytes, ReadError> {
        let subject = keys.subject;
        let bytes = keys.open_value(category, self.version, self.epoch, &self.bytes);
        bytes.map_err(|source| ReadError::Value { subject, source })
    }

    fn open_all(&self, keys: &SubjectKeys<'_>, category: &Category) -> Result<Fields, ReadError> {
        serde_json::from_slice(&self.open(keys, category)?).map_err(|_| ReadError::Format { what: "value" })
    }
}

/// A category as it was in a record's version: in the newest version of the category up to it.
pub(crate) fn find(
    vault: &Connection,
    subject: SubjectId,
    category: &Category,
    version: u32,
) -> Result<Option<SealedValue>, ReadError> {
    let read = |row: &Row<'_>| Ok(SealedValue { version: row.get(0)?, epoch: row.get(1)?, bytes: row.get(2)? });
    let mut statement = vault.prepare_cached(
        "SELECT version, epoch, sealed FROM record_values
         WHERE subject = ?1 AND category = ?2 AND version <= ?3 ORDER BY version DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![subject.as_bytes(), category.as_str(), version], read).optional()?)
}

/// The values of a category as they were in a record's version.
pub(crate) fn category_at(
    vault: &Connection,
    keys: &SubjectKeys<'_>,
    category: &Category,
    version: u32,
) -> Result<Fields, ReadError> {
    match find(vault, keys.subject, category, version)? {
        Some(value) => value.open_all(keys, category),
        None => Ok(Fields::default()),
    }
}

/// A category, and its value if it has one.
pub(crate) type OfCategory = (Category, Option<Arc<SealedValue>>);

/// The categories of the named fields as they were in a version, each once.
pub(crate) fn sealed_at(
    vault: &Connection,
    subject: SubjectId,
    fields: &[FieldPath],
    version: u32,
) -> Result<Vec<OfCategory>, ReadError> {
    let mut found: Vec<OfCategory> = Vec::with_capacity(2);
    for field in fields {
        if find_category(&found, field.category_str()).is_none() {
            let category = field.category();
            let value = find(vault, subject, &category, version)?;
            found.push((category, value.map(Arc::new)));
        }
    }
    Ok(found)
}

/// What is known of a category.
pub(crate) fn find_category<'v>(values: &'v [OfCategory], category: &str) -> Option<&'v OfCategory> {
    values.iter().find(|(known, _)| known.as_str() == category)
}

/// The named fields of some categories.
pub(crate) fn open_fields(
    keys: &SubjectKeys<'_>,
    values: &[OfCategory],
    fields: &[FieldPath],
) -> Result<Fields, ReadError> {
    let mut found = Fields::default();
    for (category, value) in values {
        if let Some(value) =
            value.as_ref().filter(|_| fields.iter().any(|field| field.category_str() == category.as_str()))
        {
            let bytes = value.open(keys, category)?;
            let mut named = Named { fields, found: &mut found };
            named.read(&bytes).map_err(|_| ReadError::Format { what: "value" })?;
        }
    }
    Ok(found)
}

/// The named fields as they were in a version, each category decrypted once.
pub(crate) fn fields_at(
    vault: &Connection,
    keys: &SubjectKeys<'_>,
    fields: &[FieldPath],
    version: u32,
) -> Result<Fields, ReadError> {
    open_fields(keys, &sealed_at(vault, keys.subject, fields, version)?, fields)
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
