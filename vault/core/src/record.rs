//! What a record is made of: categories, fields and their values. Which fields a type of record
//! has, and what each may hold, stands in `policies/record-types`, not here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::as_text::as_text;

/// Text that is not a name of the kind it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not `category.field`.
    #[error("not a field: write it as category.field, such as contact.email")]
    Field,
    /// Not a category or record type name.
    #[error("not a {what} name: use 1 to 48 of a-z, 0-9, '-' and '_', starting with a letter")]
    Name {
        /// What the name should name.
        what: &'static str,
    },
}

fn sound(name: &str) -> bool {
    (1..=48).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        as_text!($name, name => name.as_str());
    };
}

/// A category of fields, such as `contact` or `health`; each is encrypted under a key of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(Arc<str>);

text_type!(Category);

impl FromStr for Category {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if sound(text) { Ok(Self(text.into())) } else { Err(NameError::Name { what: "category" }) }
    }
}

/// A type of record, such as `policyholder`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordTypeName(Arc<str>);

text_type!(RecordTypeName);

impl FromStr for RecordTypeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if sound(text) { Ok(Self(text.into())) } else { Err(NameError::Name { what: "record type" }) }
    }
}

/// A field, always with its category: `contact.email`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Arc<str>);

text_type!(FieldPath);

impl FieldPath {
    /// The category's name.
    pub fn category_str(&self) -> &str {
        self.0.split_once('.').map_or("", |(category, _)| category)
    }

    /// The category.
    pub fn category(&self) -> Category {
        Category(self.category_str().into())
    }

    /// The field's name within its category.
    pub fn field_str(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, field)| field)
    }

    /// The field of this name in a category.
    pub fn of(category: &Category, field: &str) -> Result<Self, NameError> {
        if sound(field) { Ok(Self(format!("{category}.{field}").into())) } else { Err(NameError::Field) }
    }
}

impl FromStr for FieldPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('.') {
            Some((category, field)) if sound(category) && sound(field) => Ok(Self(text.into())),
            _ => Err(NameError::Field),
        }
    }
}

/// The values of a record or of a part of it. Never printed: `Debug` counts the fields.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub BTreeMap<FieldPath, Value>);

impl Fields {
    /// The values of one category.
    #[must_use]
    pub fn in_category(&self, category: &Category) -> Self {
        Self(self.0.iter().filter(|(f, _)| f.category_str() == category.as_str()).map(own).collect())
    }

    /// The categories that have a value, in order.
    pub fn categories(&self) -> Vec<Category> {
        let mut found: Vec<Category> = self.0.keys().map(FieldPath::category).collect();
        found.dedup();
        found
    }
}

fn own((field, value): (&FieldPath, &Value)) -> (FieldPath, Value) {
    (field.clone(), value.clone())
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({} not shown)", self.0.len())
    }
}
