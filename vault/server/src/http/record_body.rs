//! The values of a record in a body: `{"contact.email": …}` or `{"contact": {"email": …}}`, both
//! read as the same. Read strictly: a name given twice is refused instead of the last one winning.

use std::collections::BTreeMap;
use std::fmt;

use coffre_core::record::{Category, FieldPath};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// Values by field; `null` removes (RFC 7396).
#[derive(Default)]
pub(super) struct RecordBody {
    pub(super) fields: BTreeMap<FieldPath, Value>,
    /// Categories that are `null` as a whole.
    pub(super) cleared: Vec<Category>,
}

impl RecordBody {
    fn insert<E: Error>(&mut self, field: FieldPath, value: Value) -> Result<(), E> {
        if self.fields.contains_key(&field) {
            return Err(E::custom(format_args!("{field} is given twice")));
        }
        self.fields.insert(field, value);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RecordBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = RecordBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the record's fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordBody, A::Error> {
        let mut body = RecordBody::default();
        while let Some(name) = map.next_key::<String>()? {
            if name.contains('.') {
                let field = name.parse().map_err(A::Error::custom)?;
                let value = map.next_value()?;
                body.insert(field, value)?;
            } else {
                let category: Category = name.parse().map_err(A::Error::custom)?;
                map.next_value_seed(CategorySeed { category, body: &mut body })?;
            }
        }
        Ok(body)
    }
}

/// Reads the fields of a category into the body.
struct CategorySeed<'b> {
    category: Category,
    body: &'b mut RecordBody,
}

impl<'de> DeserializeSeed<'de> for CategorySeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CategorySeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the category's fields, or null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.body.cleared.contains(&self.category) {
            return Err(E::custom(format_args!("{} is given twice", self.category)));
        }
        self.body.cleared.push(self.category);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let field = FieldPath::of(&self.category, &name).map_err(A::Error::custom)?;
            let value = map.next_value()?;
            self.body.insert(field, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(text: &str) -> Result<RecordBody, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn both_spellings_are_one() {
        let flat = read(r#"{"contact.email": "a@b.fr", "lifestyle.tobacco": null}"#).unwrap();
        let nested = read(r#"{"contact": {"email": "a@b.fr"}, "lifestyle": {"tobacco": null}}"#).unwrap();
        assert_eq!(flat.fields, nested.fields);
        assert_eq!(flat.fields.len(), 2);
        assert_eq!(read(r#"{"health": null}"#).unwrap().cleared.len(), 1);
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for text in [
            r#"{"contact.email": 1, "contact.email": 2}"#,
            r#"{"contact": {"email": 1}, "contact.email": 2}"#,
            r#"{"contact": {"email": 1, "email": 2}}"#,
            r#"{"contact": null, "contact": null}"#,
            r#"{"contact": "x"}"#,
            r#"{"Contact": {}}"#,
            r#"{"contact": {"e.mail": 1}}"#,
            "[]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
