//! What can be wrong with a mapping file.

use thiserror::Error;

use crate::translate::DateFormError;
use coffre_policies::Place;

/// A mapping that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct MappingError {
    /// The line.
    pub place: Place,
    /// What is wrong there.
    pub fault: MappingFault,
}

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingFault {
    /// Not TOML, an unknown or missing key, a wrong type.
    #[error("{message}: see docs/formats/import-mapping.md")]
    Shape {
        /// What the parser says.
        message: String,
    },
    /// Made for another type of record.
    #[error(
        "the mapping is for records of type {found:?}, and {expected:?} is imported: choose the other mapping or type"
    )]
    RecordType {
        /// The mapping's.
        found: String,
        /// The one asked for.
        expected: String,
    },
    /// The record type has no such field.
    #[error("record type {record_type} has no field {field:?}: correct the name, or declare the field")]
    UnknownField {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// Two rules fill one field.
    #[error("{field} is filled twice: remove one of the two rules")]
    FilledTwice {
        /// The field.
        field: String,
    },
    /// Nothing fills a required field.
    #[error("nothing fills {field}, which every record of type {record_type} must have: add a rule for it")]
    RequiredUnfilled {
        /// The field.
        field: String,
        /// The record type.
        record_type: String,
    },
    /// The key's field cannot be searched exactly.
    #[error("{field} cannot hold the key: it must be a text that is searched exactly (search = \"exact\")")]
    KeyField {
        /// The field.
        field: String,
    },
    /// A table is mapped twice.
    #[error("table {table} is mapped twice: put all its rules into one section")]
    TableTwice {
        /// The table.
        table: String,
    },
    /// A rule without or with two sources.
    #[error("the rule of {name} needs either `column` or `constant`")]
    Source {
        /// The field or consent.
        name: String,
    },
    /// A setting that a constant has no use for.
    #[error("{name} is a constant: remove `{key}`")]
    ConstantHasNo {
        /// The field.
        name: String,
        /// The setting.
        key: &'static str,
    },
    /// A constant that the field cannot hold.
    #[error("{field} cannot hold this constant: {rule}")]
    Constant {
        /// The field.
        field: String,
        /// Why not.
        rule: String,
    },
    /// A setting that the kind of field needs.
    #[error("{name} is {kind}: add `{key}`")]
    Needs {
        /// The field or consent.
        name: String,
        /// What it is.
        kind: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// A setting that the kind of field has no use for.
    #[error("{name} is {kind}: remove `{key}`")]
    HasNo {
        /// The field or consent.
        name: String,
        /// What it is.
        kind: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// A code that translates to what the field cannot hold.
    #[error("code {code:?} of {name} becomes what it cannot hold: {rule}")]
    Code {
        /// The field or consent.
        name: String,
        /// The code.
        code: String,
        /// Why not.
        rule: String,
    },
    /// A form of dates that says no date.
    #[error(transparent)]
    Date(DateFormError),
    /// An empty separator.
    #[error("an empty separator: write what stands between the items, such as \";\"")]
    Separator,
    /// A field that holds documents, filled like any other.
    #[error("{field} holds documents: name it as `field` in a `document` section instead")]
    DocumentRule {
        /// The field.
        field: String,
    },
    /// A document section for a field that holds none.
    #[error("{field} does not hold a document: name a field of kind \"document\", or none")]
    NotADocument {
        /// The field.
        field: String,
    },
    /// A document section without content.
    #[error("the document needs a `blob` column, a `path` column, or both")]
    DocumentSource,
    /// A folder that leads out of the database's.
    #[error(
        "the documents' folder must be relative to the database's and stay below it: write it without .. and leading /"
    )]
    Folder,
    /// No format accepted.
    #[error("the document accepts no format: add \"pdf\" to `formats`")]
    Formats,
    /// A template that cannot be filled.
    #[error("not a template: write fields of this section in braces, as in \"{{contract.number}}\"")]
    Template,
    /// A template or choice that names a field the section does not fill.
    #[error("{field} is not filled in this section: name one that is")]
    NotInSection {
        /// The field.
        field: String,
    },
    /// The field for the other rows cannot hold them.
    #[error("{field} cannot list the other rows: it must be a list of texts")]
    Others {
        /// The field.
        field: String,
    },
    /// Rows that are not current would be lost.
    #[error("the rows that are not current would be lost: add an `others` section with a list of texts")]
    OthersLost,
    /// The field that tells when a row ended, or the latest row, is no date.
    #[error("{field} cannot tell which row is the current one: it must be a date")]
    Latest {
        /// The field.
        field: String,
    },
}
