//! A mapping: which tables and columns of a legacy database become which fields of a record, and how.
//! Format: docs/formats/import-mapping.md. A [`Mapping`] exists only for what a record type can hold.

mod fault;
mod raw;
mod rule;
mod template;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_policies::RecordType;
use coffre_policies::record_type::Kind;
use serde_json::Value;

pub use self::fault::{MappingError, MappingFault};
pub(crate) use self::template::Template;
use crate::document::DocumentFormat;
use crate::translate::{Encoding, Translation};

/// A valid mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) record_type: RecordType,
    pub(crate) encoding: Encoding,
    pub(crate) key_field: FieldPath,
    /// The data subjects' table first, then those joined to it.
    pub(crate) tables: Vec<TableMapping>,
    /// Consents that columns of the data subjects' table tell: column and codes.
    pub(crate) consents: BTreeMap<String, ConsentRule>,
}

/// What is taken of one table.
#[derive(Debug, Clone)]
pub(crate) struct TableMapping {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) join: Join,
    /// The columns to fetch; rules refer to them by position.
    pub(crate) columns: Vec<String>,
    pub(crate) rules: Vec<FieldRule>,
    pub(crate) document: Option<DocumentRule>,
}

/// How the rows of a table belong to a data subject.
#[derive(Debug, Clone)]
pub(crate) enum Join {
    /// They are the data subjects.
    Subject,
    /// At most one each.
    One,
    /// Any number each.
    Many(Many),
}

/// How several rows of one data subject become one record.
#[derive(Debug, Clone)]
pub(crate) struct Many {
    /// The column that names a row among those of its data subject.
    pub(crate) id: usize,
    /// Whose date tells when a row's contract ended; one without a date goes on. It decides first which row is
    /// current: one that goes on, else the one that ends last.
    pub(crate) ends: Option<FieldPath>,
    /// Whose value decides next, best value first.
    pub(crate) prefer: Option<(FieldPath, Vec<String>)>,
    /// Whose latest date decides then.
    pub(crate) latest: FieldPath,
    /// What lists the rows that are not current.
    pub(crate) others: Vec<(FieldPath, Template)>,
}

/// What fills one field.
#[derive(Debug, Clone)]
pub(crate) struct FieldRule {
    pub(crate) field: FieldPath,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Constant(Value),
    Column { column: usize, translation: Translation },
}

/// A consent: a column whose codes say whether it was given.
#[derive(Debug, Clone)]
pub(crate) struct ConsentRule {
    pub(crate) column: usize,
    pub(crate) translation: Translation,
}

/// Where the document of a row is.
#[derive(Debug, Clone)]
pub(crate) struct DocumentRule {
    pub(crate) field: Option<FieldPath>,
    pub(crate) blob: Option<String>,
    /// The column that holds a path, by its position among the fetched ones.
    pub(crate) path: Option<usize>,
    pub(crate) folder: PathBuf,
    pub(crate) name: Template,
    pub(crate) formats: Vec<DocumentFormat>,
}

impl Mapping {
    /// The mapping that a file's text describes, checked against the type of record it is for.
    pub fn parse(file: &str, text: &str, record_type: &RecordType) -> Result<Self, MappingError> {
        validate::validate(crate::toml_text::TomlText { file, text }, record_type)
    }

    /// The name of the record type that a mapping file says it is for, without looking further.
    pub fn record_type_named(file: &str, text: &str) -> Result<String, MappingError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Named {
            record_type: String,
        }
        let named: Result<Named, _> = crate::toml_text::TomlText { file, text }.parse();
        named
            .map(|named| named.record_type)
            .map_err(|(place, message)| MappingError { place, fault: MappingFault::Shape { message } })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its records.
    pub fn record_type(&self) -> &RecordTypeName {
        self.record_type.name()
    }

    /// The field that holds the legacy key.
    pub fn key_field(&self) -> &FieldPath {
        &self.key_field
    }

    /// The names of its consents.
    pub fn consents(&self) -> impl Iterator<Item = &str> {
        self.consents.keys().map(String::as_str)
    }

    /// Every field that an import fills. Whatever else a record holds was written in the vault, and
    /// an import neither compares nor touches it.
    pub fn fields(&self) -> BTreeSet<&FieldPath> {
        let mut fields = BTreeSet::from([&self.key_field]);
        for table in &self.tables {
            fields.extend(table.rules.iter().map(|rule| &rule.field));
            fields.extend(table.document.iter().filter_map(|document| document.field.as_ref()));
            if let Join::Many(many) = &table.join {
                fields.extend(many.others.iter().map(|(field, _)| field));
            }
        }
        fields
    }

    /// The categories whose fields hold documents.
    pub(crate) fn document_categories(&self) -> BTreeSet<Category> {
        self.record_type.document_fields().map(FieldPath::category).collect()
    }

    /// The data subjects' table.
    pub(crate) fn subject(&self) -> Option<&TableMapping> {
        self.tables.first()
    }
}
