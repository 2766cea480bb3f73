//! Record types: which fields a record has, in which categories, and what each may hold.
//! Declared in `policies/record-types`; knows nothing of who may read them.

mod fault;
mod parse;
mod validate;

use std::collections::BTreeMap;

use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::search::{SearchIndex, SearchKind};

pub use self::fault::RecordTypeFault;
pub(crate) use self::parse::parse;
pub use self::validate::{FieldFault, Rule};
use crate::labels::Labels;

/// A type of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordType {
    name: RecordTypeName,
    labels: Labels,
    categories: Vec<CategoryDefinition>,
    fields: Vec<FieldDefinition>,
    positions: BTreeMap<FieldPath, usize>,
    addressee: Vec<FieldPath>,
}

/// A category of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryDefinition {
    /// Its name.
    pub name: Category,
    /// What people read.
    pub labels: Labels,
    /// Whether it is a special category of GDPR article 9.
    pub special: bool,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Its category and name.
    pub path: FieldPath,
    /// What people read.
    pub labels: Labels,
    /// What it holds.
    pub kind: Kind,
    /// How records are found by it.
    pub search: Search,
    /// Whether a record must have it.
    pub required: bool,
}

impl FieldDefinition {
    /// Whether it may hold the key of a former system, by which an import finds a record again: an identifier, which
    /// is a text that is searched exactly.
    pub fn may_be_a_key(&self) -> bool {
        matches!(self.kind, Kind::Text { .. }) && self.search == Search::Exact
    }
}

/// What a field holds, and its form in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text {
        /// The most characters it may have.
        max_length: usize,
    },
    /// A string of the form `YYYY-MM-DD`.
    Date,
    /// A string that is an e-mail address.
    Email,
    /// A string that is a phone number.
    Phone,
    /// `true` or `false`.
    Flag,
    /// The name of one of these values.
    Choice(Vec<ChoiceValue>),
    /// The identifier of a document of the same data subject.
    Document,
    /// An array of values of one kind, which is not a list itself.
    List {
        /// The kind of each.
        of: Box<Kind>,
        /// The most of them.
        max_items: usize,
    },
}

/// A value of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceValue {
    /// What records hold.
    pub name: String,
    /// What people read.
    pub labels: Labels,
}

/// How records are found by a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// Not at all.
    None,
    /// By its whole value.
    Exact,
    /// As a name: accent-blind and by its sound.
    Name,
}

/// A record type of a file's text, for the fuzz targets.
#[cfg(fuzzing)]
pub fn fuzzed(text: &str) -> Result<RecordType, crate::LoadError> {
    parse(crate::toml_file::TomlFile { name: "record-types/fuzzed.toml", text })
}

impl RecordType {
    /// Its name.
    pub fn name(&self) -> &RecordTypeName {
        &self.name
    }

    /// What people read.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Its categories, in the order in which they are declared.
    pub fn categories(&self) -> &[CategoryDefinition] {
        &self.categories
    }

    /// A category.
    pub fn category(&self, name: &str) -> Option<&CategoryDefinition> {
        self.categories.iter().find(|category| category.name.as_str() == name)
    }

    /// Its fields, in the order in which they are declared.
    pub fn fields(&self) -> &[FieldDefinition] {
        &self.fields
    }

    /// A field.
    pub fn field(&self, path: &FieldPath) -> Option<&FieldDefinition> {
        self.positions.get(path).and_then(|position| self.fields.get(*position))
    }

    /// The fields that letters to a person are addressed by, in the order in which they are written.
    pub fn addressee(&self) -> &[FieldPath] {
        &self.addressee
    }

    /// Whether a field is of a special category of GDPR article 9.
    pub fn is_special(&self, path: &FieldPath) -> bool {
        self.category(path.category_str()).is_some_and(|category| category.special)
    }

    /// The fields that hold a document.
    pub fn document_fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.fields.iter().filter(|field| field.kind.holds_documents()).map(|field| &field.path)
    }

    /// The indexes by which its records are found, in the order of the fields.
    pub fn indexes(&self) -> Vec<SearchIndex> {
        let index = |field: &FieldDefinition| {
            let item = match &field.kind {
                Kind::List { of, .. } => of,
                single => single,
            };
            let kind = match (field.search, item) {
                (Search::None, _) => return None,
                (Search::Exact, Kind::Phone) => SearchKind::Phone,
                (Search::Exact, _) => SearchKind::Exact,
                (Search::Name, _) => SearchKind::Name,
            };
            Some(SearchIndex { record_type: self.name.clone(), field: field.path.clone(), kind })
        };
        self.fields.iter().filter_map(index).collect()
    }
}

impl Kind {
    /// Whether its values are documents.
    pub fn holds_documents(&self) -> bool {
        match self {
            Self::Document => true,
            Self::List { of, .. } => of.holds_documents(),
            _ => false,
        }
    }
}
