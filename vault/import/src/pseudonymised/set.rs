//! The lines of a set of test data: docs/formats/pseudonymised.md.

use std::collections::BTreeSet;

use coffre_core::grant::{Basis, GrantTerms};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a set of this version begins with.
const FORMAT: &str = "coffre-pseudonymised/1";
const DAY: i64 = 86_400;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    format: String,
    /// What the records are.
    pub r#type: RecordTypeName,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its values, without the fields that hold documents.
    pub fields: Fields,
    /// Its documents, which are made when the set is loaded.
    pub documents: Vec<LineDocument>,
    /// What is opened of it.
    pub grants: Vec<LineGrant>,
}

/// A document to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineDocument {
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub media_type: String,
    /// How many bytes it has.
    pub length: u64,
    /// The fields that hold it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPath>,
}

/// A grant to be given; it is valid from the loading on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineGrant {
    /// To whom it opens.
    pub role: Role,
    /// For what.
    pub purpose: String,
    /// Which fields.
    pub fields: BTreeSet<FieldPath>,
    /// On which basis of GDPR article 6.
    pub basis: Basis,
    /// Under which condition of article 9(2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article9: Option<String>,
    /// For how many days; without an end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<i64>,
}

impl LineGrant {
    /// What is given at a moment.
    pub(super) fn terms(&self, now: Timestamp) -> GrantTerms {
        let Self { role, purpose, fields, basis, article9, valid_days } = self.clone();
        let valid_until = valid_days.map(|days| now.plus_seconds(days.saturating_mul(DAY)));
        GrantTerms { role, purpose, fields, basis, article9, valid_from: now, valid_until, evidence: None }
    }
}

/// The last line: a set without it was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    complete: bool,
    /// How many records the set has.
    pub records: u64,
    /// How many records of the vault are not in it: what may not be processed, and what lacks a required field.
    pub left_out: u64,
    /// How many phone numbers are shared that were not: more than there are numbers for fiction.
    pub phones_shared: u64,
}

/// Text that is not a set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// Not the first line.
    #[error(
        "line 1 is not the beginning of a set of test data: name the file that `coffre export --pseudonymised` wrote"
    )]
    NoSet,
    /// Not a line of a set.
    #[error("line {line} is not what a set of test data holds: {cause}; make the set anew")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What the parser says; it repeats no value.
        cause: String,
    },
    /// No last line, or it counts other lines.
    #[error("the set is not whole: fetch it again")]
    CutOff,
}

impl Begin {
    /// The beginning of a set of these records.
    pub fn new(kind: RecordTypeName) -> Self {
        Self { format: FORMAT.to_owned(), r#type: kind }
    }

    /// The beginning that a line is.
    pub fn parse(text: &str) -> Result<Self, SetError> {
        serde_json::from_str(text).ok().filter(|begin: &Self| begin.format == FORMAT).ok_or(SetError::NoSet)
    }
}

impl End {
    pub(super) const fn new(records: u64, left_out: u64, phones_shared: u64) -> Self {
        Self { complete: true, records, left_out, phones_shared }
    }

    /// The end that a line is, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|end: &Self| end.complete)
    }
}

impl Line {
    pub(super) fn parse(number: u64, text: &str) -> Result<Self, SetError> {
        serde_json::from_str(text).map_err(|error| SetError::Line { line: number, cause: cause(&error) })
    }
}

fn cause(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "a member is missing, unknown or of another type".to_owned(),
        _ => "not JSON".to_owned(),
    }
}
