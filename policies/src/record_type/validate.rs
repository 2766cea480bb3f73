//! Whether values are what a record type says they may be. Pure; a fault names the field and the
//! rule, never the value.

use coffre_core::ids::DocumentId;
use coffre_core::record::{FieldPath, Fields};
use serde_json::Value;
use thiserror::Error;

use super::{ChoiceValue, Kind, RecordType};
use crate::values::date::{self, DateFault};
use crate::values::email::{self, EmailFault};
use crate::values::phone::{self, PhoneFault};

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {rule}")]
pub struct FieldFault {
    /// The field.
    pub field: FieldPath,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// A rule that a value can break.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rule {
    /// The record type has no such field.
    #[error("no such field in this type of record: remove it")]
    Unknown,
    /// A required field is not there.
    #[error("required, and not there: give it a value")]
    Required,
    /// Another JSON type than the kind has.
    #[error("of the wrong type: expected {expected}")]
    Type {
        /// What was expected.
        expected: &'static str,
    },
    /// A text of nothing or of spaces.
    #[error("empty: leave the field out instead")]
    Empty,
    /// A text that is too long.
    #[error("too long: at most {most} characters")]
    Long {
        /// The most characters.
        most: usize,
    },
    /// A control character in a text.
    #[error("holds a control character: remove it")]
    Control,
    /// Not a date.
    #[error(transparent)]
    Date(DateFault),
    /// Not an e-mail address.
    #[error(transparent)]
    Email(EmailFault),
    /// Not a phone number.
    #[error(transparent)]
    Phone(PhoneFault),
    /// Not one of the values of a choice.
    #[error("not one of its values: use {values}")]
    Choice {
        /// The values.
        values: String,
    },
    /// Not the identifier of a document.
    #[error("not the identifier of a document: upload the document first and use the identifier in the answer")]
    Document,
    /// Too many items in a list.
    #[error("too many: at most {most}")]
    Many {
        /// The most items.
        most: usize,
    },
    /// An item of a list breaks a rule.
    #[error("item {position}: {rule}")]
    Item {
        /// Which, counted from 1.
        position: usize,
        /// The rule.
        rule: Box<Rule>,
    },
}

impl RecordType {
    /// Whether these are the fields of a whole record of this type. Every fault is reported.
    pub fn validate(&self, fields: &Fields) -> Result<(), Vec<FieldFault>> {
        let mut faults: Vec<FieldFault> =
            fields.0.iter().filter_map(|(path, value)| self.validate_value(path, value).err()).collect();
        let absent = self.fields.iter().filter(|field| field.required && !fields.0.contains_key(&field.path));
        faults.extend(absent.map(|field| FieldFault { field: field.path.clone(), rule: Rule::Required }));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Whether a field may hold a value, whatever the rest of the record.
    pub fn validate_value(&self, path: &FieldPath, value: &Value) -> Result<(), FieldFault> {
        let checked = match self.field(path) {
            Some(field) => field.kind.check(value),
            None => Err(Rule::Unknown),
        };
        checked.map_err(|rule| FieldFault { field: path.clone(), rule })
    }
}

impl Kind {
    /// Whether a value is of this kind.
    pub fn check(&self, value: &Value) -> Result<(), Rule> {
        match self {
            Self::Text { max_length } => check_plain(text(value)?, *max_length),
            Self::Date => date::parse(text(value)?).map(drop).map_err(Rule::Date),
            Self::Email => email::check(text(value)?).map_err(Rule::Email),
            Self::Phone => phone::check(text(value)?).map_err(Rule::Phone),
            Self::Flag => value.as_bool().map(drop).ok_or(Rule::Type { expected: "true or false" }),
            Self::Choice(values) => check_choice(values, text(value)?),
            Self::Document => text(value)?.parse::<DocumentId>().map(drop).map_err(|_| Rule::Document),
            Self::List { of, max_items } => check_list(of, *max_items, value),
        }
    }
}

fn text(value: &Value) -> Result<&str, Rule> {
    value.as_str().ok_or(Rule::Type { expected: "a text" })
}

fn check_plain(text: &str, most: usize) -> Result<(), Rule> {
    if text.trim().is_empty() {
        Err(Rule::Empty)
    } else if text.chars().count() > most {
        Err(Rule::Long { most })
    } else if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        Err(Rule::Control)
    } else {
        Ok(())
    }
}

fn check_choice(values: &[ChoiceValue], text: &str) -> Result<(), Rule> {
    if values.iter().any(|value| value.name == text) {
        return Ok(());
    }
    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    Err(Rule::Choice { values: names.join(", ") })
}

fn check_list(of: &Kind, most: usize, value: &Value) -> Result<(), Rule> {
    let items = value.as_array().ok_or(Rule::Type { expected: "a list" })?;
    if items.len() > most {
        return Err(Rule::Many { most });
    }
    items.iter().enumerate().try_for_each(|(position, item)| {
        of.check(item).map_err(|rule| Rule::Item { position: position + 1, rule: Box::new(rule) })
    })
}
