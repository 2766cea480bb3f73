//! What can be wrong with the declaration of a record type.

use thiserror::Error;

/// Why a record type was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordTypeFault {
    /// The name differs from the file's.
    #[error("record type {name:?} is in the file of another: name the file {name}.toml")]
    FileName {
        /// The name.
        name: String,
    },
    /// A name of a record type, category or choice value breaks the rule of names.
    #[error("{name:?} is not a {what} name: use 1 to 48 of a-z, 0-9, '-' and '_', starting with a letter")]
    Name {
        /// What it names.
        what: &'static str,
        /// The text.
        name: String,
    },
    /// A field path without category.
    #[error("field {path:?} has no category: write it as category.field, such as contact.email")]
    WithoutCategory {
        /// The text.
        path: String,
    },
    /// A field path that breaks the rule of names.
    #[error(
        "{path:?} is not a field: write it as category.field, each with 1 to 48 of a-z, 0-9, '-' and '_', starting with a letter"
    )]
    Path {
        /// The text.
        path: String,
    },
    /// A field of a category that is not declared.
    #[error(
        "field {path:?} is of category {category:?}, which is not declared: add a [[category]] of this name, or use one of {known}"
    )]
    UnknownCategory {
        /// The field.
        path: String,
        /// Its category.
        category: String,
        /// The declared ones.
        known: String,
    },
    /// A category, field or choice value declared twice.
    #[error("{what} {name:?} is declared twice, first on line {first}: remove one of the two")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where it was first.
        first: usize,
    },
    /// A category without any field.
    #[error("category {name:?} has no field: declare one, or remove the category")]
    EmptyCategory {
        /// The category.
        name: String,
    },
    /// An empty label.
    #[error("the {language} label of {name:?} is empty: write what people shall read")]
    EmptyLabel {
        /// The language.
        language: &'static str,
        /// What it labels.
        name: String,
    },
    /// A key that the kind needs.
    #[error("field {path:?} is of kind {kind:?}, which needs `{key}`: add it")]
    Needs {
        /// The field.
        path: String,
        /// Its kind.
        kind: &'static str,
        /// The missing key.
        key: &'static str,
    },
    /// A key that the kind has no use for.
    #[error("field {path:?} is of kind {kind:?}, which has no `{key}`: remove it, or change the kind")]
    HasNo {
        /// The field.
        path: String,
        /// Its kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A list of lists.
    #[error("field {path:?} is a list of lists, which records cannot hold: name another kind in `of`")]
    ListOfLists {
        /// The field.
        path: String,
    },
    /// A limit out of range.
    #[error("`{key}` of field {path:?} is {given}: use a number from 1 to {most}")]
    Limit {
        /// The field.
        path: String,
        /// The limit.
        key: &'static str,
        /// What it is.
        given: i64,
        /// The most it may be.
        most: usize,
    },
    /// A choice without values.
    #[error("field {path:?} is a choice of nothing: give it at least one value")]
    NoValues {
        /// The field.
        path: String,
    },
    /// A letter cannot be addressed by this.
    #[error("`addressee` names {path:?}, which is no text field of an ordinary category: name the person's names")]
    Addressee {
        /// The field.
        path: String,
    },
    /// A search that the kind of field cannot have.
    #[error(
        "field {path:?} is of kind {kind:?} and cannot be searched as {search:?}: remove `search`, or choose {instead}"
    )]
    Search {
        /// The field.
        path: String,
        /// Its kind.
        kind: &'static str,
        /// The search.
        search: &'static str,
        /// What it can have.
        instead: &'static str,
    },
    /// A special category is never searched: an index would tell who is ill.
    #[error("field {path:?} is of a special category (GDPR article 9) and cannot be searched: remove `search`")]
    SpecialSearch {
        /// The field.
        path: String,
    },
}
