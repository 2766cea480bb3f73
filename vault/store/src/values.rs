//! The encrypted values of records: one ciphertext per category and version.

use std::collections::BTreeSet;
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

/// Some categories as they were in a record's version. Those that are known are not read.
pub(crate) fn categories_at(
    vault: &Connection,
    subject: SubjectId,
    categories: &BTreeSet<Category>,
    version: u32,
    known: &[OfCategory],
) -> Result<Vec<OfCategory>, ReadError> {
    let value = |category: &Category| -> Result<OfCategory, ReadError> {
        match find_category(known, category.as_str()) {
            Some(value) => Ok(value.clone()),
            None => Ok((category.clone(), find(vault, subject, category, version)?.map(Arc::new))),
        }
    };
    categories.iter().map(value).collect()
}

/// Every field of some categories.
pub(crate) fn open_categories(keys: &SubjectKeys<'_>, values: &[OfCategory]) -> Result<Fields, ReadError> {
    let mut found = Fields::default();
    for (category, value) in values {
        if let Some(value) = value {
            found.0.append(&mut value.open_all(keys, category)?.0);
        }
    }
    Ok(found)
}

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

/// Every field as it was in a version. Looks each category up at its newest version: one that was written often takes no longer.
pub(crate) fn all_at(vault: &Connection, keys: &SubjectKeys<'_>, version: u32) -> Result<Fields, ReadError> {
    let mut found = Fields::default();
    let mut before = BEYOND.to_owned();
    while let Some((name, newest)) = last_before(vault, keys.subject, &before)? {
        let category = name.parse().map_err(|_| ReadError::Format { what: "category" })?;
        let value =
            if newest.version <= version { Some(newest) } else { find(vault, keys.subject, &category, version)? };
        if let Some(value) = value {
            found.0.append(&mut value.open_all(keys, &category)?.0);
        }
        before = name;
    }
    Ok(found)
}

/// After every name of a category.
const BEYOND: &str = "\u{10ffff}";

/// The last category before this one that a record has values in, and its newest.
fn last_before(
    vault: &Connection,
    subject: SubjectId,
    before: &str,
) -> Result<Option<(String, SealedValue)>, ReadError> {
    let read =
        |row: &Row<'_>| Ok((row.get(0)?, SealedValue { version: row.get(1)?, epoch: row.get(2)?, bytes: row.get(3)? }));
    let mut statement = vault.prepare_cached(
        "SELECT category, version, epoch, sealed FROM record_values
         WHERE subject = ?1 AND category < ?2 ORDER BY category DESC, version DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![subject.as_bytes(), before], read).optional()?)
}

/// A ciphertext ready to be stored.
pub(crate) struct Sealed {
    pub(crate) category: Category,
    pub(crate) version: u32,
    pub(crate) epoch: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Sealed {
    /// As it is read once it is stored.
    pub(crate) fn stored(self) -> OfCategory {
        let Self { category, version, epoch, bytes } = self;
        (category, Some(Arc::new(SealedValue { version, epoch, bytes })))
    }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use coffre_core::crypto::{Scope, SecretKey};
    use coffre_core::ids::VaultId;
    use coffre_core::keyset::Keyset;
    use serde_json::json;

    use super::*;
    use crate::clock::SystemEntropy;
    use crate::subject_keys;

    #[test]
    fn a_record_is_what_its_categories_were_in_a_version() {
        let vault = Connection::open_in_memory().unwrap();
        vault.execute_batch(crate::schema::VAULT).unwrap();
        let keyset = Keyset::random(&mut SystemEntropy);
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::random(&mut SystemEntropy) };
        let (kind, key) = ("client".parse().unwrap(), SecretKey::from_bytes(&[7; 32]));
        let [ours, other] = [[1; 16], [2; 16]].map(SubjectId::from_bytes);
        let write = |subject, field: &str, version: u32| {
            let keys = subject_keys(&scope, &keyset, &kind, subject, &key);
            let field: FieldPath = field.parse().unwrap();
            let (category, fields) = (field.category(), Fields([(field, json!(version))].into()));
            let sealed = seal(&keys, &category, &fields, version, 1, &mut SystemEntropy).unwrap();
            insert(&vault, subject, &sealed, Timestamp::from_micros(0)).unwrap();
        };
        for version in [1, 3, 4, 9] {
            write(ours, "contact.email", version);
        }
        write(ours, "health.conditions", 2);
        write(ours, "behaviour.remarks", 9);
        write(other, "identity.name", 1);
        let keys = subject_keys(&scope, &keyset, &kind, ours, &key);
        let told = |fields: Fields| -> Vec<(String, u64)> {
            fields.0.into_iter().map(|(field, value)| (field.to_string(), value.as_u64().unwrap())).collect()
        };
        let at = |version| told(all_at(&vault, &keys, version).unwrap());
        let of = |field: &str, version: u64| (field.to_owned(), version);
        assert_eq!(at(0), []);
        assert_eq!(at(1), [of("contact.email", 1)]);
        assert_eq!(at(3), [of("contact.email", 3), of("health.conditions", 2)]);
        let now = [of("behaviour.remarks", 9), of("contact.email", 9), of("health.conditions", 2)];
        assert_eq!([at(9), at(u32::MAX)], [now.to_vec(), now.to_vec()]);
        let wanted = ["contact", "identity"].map(|name| name.parse().unwrap()).into();
        let as_of_8 = |known: &[OfCategory]| categories_at(&vault, ours, &wanted, 8, known).unwrap();
        let opened = |values: &[OfCategory]| told(open_categories(&keys, values).unwrap());
        assert_eq!(opened(&as_of_8(&[])), [of("contact.email", 4)]);
        let known = as_of_8(&[]);
        vault.execute("DELETE FROM record_values", []).unwrap();
        assert_eq!(opened(&as_of_8(&known)), [of("contact.email", 4)], "what is known is not read");
        assert_eq!(opened(&as_of_8(&[])), []);
    }
}
