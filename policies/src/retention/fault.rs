//! What can be wrong with the retention rules, each with its remedy.

use coffre_core::filing::REQUESTER;
use thiserror::Error;

/// What can be wrong with the retention rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetentionFault {
    /// No such record type.
    #[error("there is no record type {name:?}: use one of {known}")]
    UnknownRecordType {
        /// The text.
        name: String,
        /// The declared ones.
        known: String,
    },
    /// The record type has no such category.
    #[error("record type {record_type:?} has no category {category:?}: use one of {known}")]
    UnknownCategory {
        /// The record type.
        record_type: String,
        /// The text.
        category: String,
        /// The declared ones.
        known: String,
    },
    /// Two rules for one category.
    #[error(
        "category {category:?} of {record_type:?} has a second rule, the first is on line {first}: remove one of the two"
    )]
    Twice {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
        /// Where the first is.
        first: usize,
    },
    /// Two dates for one event.
    #[error(
        "this event of {record_type:?} has a second date, the first is on line {first}: keep one [[event]] of the two"
    )]
    EventTwice {
        /// The record type.
        record_type: String,
        /// Where the first is.
        first: usize,
    },
    /// Two rules for persons without a contract.
    #[error(
        "{record_type:?} has a second rule for persons without a contract, the first is on line {first}: keep one [[prospect]] of the two"
    )]
    ProspectTwice {
        /// The record type.
        record_type: String,
        /// Where the first is.
        first: usize,
    },
    /// A category that nothing ever erases.
    #[error(
        "category {category:?} of {record_type:?} has no rule: add a [[rule]], nothing is kept without end (GDPR article 5(1)(e))"
    )]
    Without {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
    },
    /// A category that outlives what tells how long it is kept.
    #[error(
        "category {category:?} of {record_type:?} is kept longer than {field:?}, which tells how long: keep the category of that field at least as long, from the same event"
    )]
    Outlives {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
        /// The field.
        field: String,
    },
    /// An event that no field tells the date of.
    #[error("no field tells when this event was: add an [[event]] for {record_type:?} that names a date field")]
    Undated {
        /// The record type.
        record_type: String,
    },
    /// A record that outlives the request from whose answer it is kept.
    #[error(
        "only a {REQUESTER:?} is kept from `request-answered` on: the requests of a {record_type:?} go at the end of their own time, and take that day with them; name another event"
    )]
    OutlivesRequest {
        /// The record type.
        record_type: String,
    },
    /// A field that does not exist or is no date.
    #[error("{field:?} is no date field of {record_type:?}: name one of kind `date`")]
    NotADate {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// A prospect's time that starts with an event of a contract.
    #[error("a person without a contract is kept from `last-contact` or `collection` on: name one of these")]
    NotOfTheRecord,
    /// A field that is no text.
    #[error("{field:?} is no text field of {record_type:?}: name one of kind `text` or `choice`")]
    NotAText {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// A field that is no list of texts.
    #[error("{field:?} is no list of texts of {record_type:?}: name a field of kind `list`, of `text`")]
    NotAListOfTexts {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// Words that match nothing.
    #[error("`words` holds none, or one that is no single word in lower case: each is compared with whole words")]
    NoWords,
    /// A log that is kept longer without a reason.
    #[error(
        "the log is kept longer than a year without a `justification` (fr and en): say why (CNIL, deliberation 2021-122), or keep it P12M"
    )]
    Unjustified,
    /// Requests that are kept for no time.
    #[error(
        "`keep` is no time at all: an answered request would go at once, and with it the proof of the answer; keep it for as long as that may be asked for, as P6Y"
    )]
    NothingKept,
    /// An empty source.
    #[error("the {language} text of `source` is empty: name the law or decision that sets the duration")]
    EmptySource {
        /// The language.
        language: &'static str,
    },
}
