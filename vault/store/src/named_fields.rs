//! Reads some fields of a category's values, by name. What nobody asked for is passed over where it stands: it takes no memory
//! that would have to be wiped.

use std::fmt;

use coffre_core::record::{FieldPath, Fields};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The fields that are asked for, and those that were found.
pub(crate) struct Named<'n> {
    pub(crate) fields: &'n [FieldPath],
    pub(crate) found: &'n mut Fields,
}

impl Named<'_> {
    /// Reads the JSON of a category.
    pub(crate) fn read(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        reader.deserialize_map(self)?;
        reader.end()
    }
}

impl<'de> Visitor<'de> for &mut Named<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the values of a category")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(wanted) = members.next_key_seed(Wanted(self.fields))? {
            match wanted {
                Some(field) => drop(self.found.0.insert(field.clone(), members.next_value()?)),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Which of these a name is, if it is one of them.
struct Wanted<'n>(&'n [FieldPath]);

impl<'de, 'n> DeserializeSeed<'de> for Wanted<'n> {
    type Value = Option<&'n FieldPath>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Wanted<'n> {
    type Value = Option<&'n FieldPath>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|field| field.as_str() == name))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_named_is_found_and_nothing_else() {
        let fields = ["contact.email", "contact.phones", "contact.none"].map(|field| field.parse().unwrap());
        let stored = json!({
            "contact.email": "a@example.org",
            "contact.address": {"city": ["Lyon", null], "number": 3},
            "contact.phones": ["+331", {"home": true}],
        });
        let mut found = Fields::default();
        let mut named = Named { fields: &fields, found: &mut found };
        named.read(stored.to_string().as_bytes()).unwrap();
        for wrong in ["", "{", "[]", "{} {}", r#"{"contact.address": nothing}"#] {
            assert!(named.read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let expected = json!({"contact.email": "a@example.org", "contact.phones": ["+331", {"home": true}]});
        assert_eq!(serde_json::to_value(&found).unwrap(), expected);
    }
}
