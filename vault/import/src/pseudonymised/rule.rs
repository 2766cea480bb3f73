//! By what a field is replaced. Every kind of field has its rule: the compiler asks for one.

use coffre_policies::RecordType;
use coffre_policies::record_type::{FieldDefinition, Kind, Search};

/// How a field is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// Stays with its record, as a link: the same by the same.
    Link(Link),
    /// Comes from another record.
    Trait(Trait),
    /// Was not read, and is made up.
    Invented(Kind),
}

/// What links records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// A name: another name, the same for the same.
    Name { most: usize },
    /// What is found by its whole text: a number of the same form.
    Number { most: usize },
    /// An address in a domain that is nobody's (RFC 2606).
    Email,
    /// A number of those kept for fiction (Arcep).
    Phone,
    /// Free text of a list: words that mean nothing, as many.
    Words { most: usize },
    /// A document: a fictitious one.
    Document,
    /// A value of a list that links nothing: drawn by lot.
    Drawn(Kind),
    /// As many as there were.
    List(Box<Self>),
}

/// What says something about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    Flag,
    Choice,
    Date,
    Text { most: usize },
}

impl Rule {
    /// The rule of a field of a record type.
    pub(super) fn of(kind: &RecordType, field: &FieldDefinition) -> Self {
        if kind.is_special(&field.path) {
            return Self::Invented(field.kind.clone());
        }
        let named = field.search == Search::Name || kind.addressee().contains(&field.path);
        match &field.kind {
            Kind::Text { max_length } if !named && field.search == Search::None => {
                Self::Trait(Trait::Text { most: *max_length })
            }
            Kind::Flag => Self::Trait(Trait::Flag),
            Kind::Choice(_) => Self::Trait(Trait::Choice),
            Kind::Date => Self::Trait(Trait::Date),
            Kind::Text { .. } | Kind::Email | Kind::Phone | Kind::Document | Kind::List { .. } => {
                Self::Link(Link::of(&field.kind, field.search, named))
            }
        }
    }

    /// Whether the field is read.
    pub(super) const fn reads(&self) -> bool {
        !matches!(self, Self::Invented(_))
    }
}

impl Link {
    fn of(kind: &Kind, search: Search, named: bool) -> Self {
        match kind {
            Kind::Text { max_length } if named => Self::Name { most: *max_length },
            Kind::Text { max_length } if search == Search::Exact => Self::Number { most: *max_length },
            Kind::Text { max_length } => Self::Words { most: *max_length },
            Kind::Email => Self::Email,
            Kind::Phone => Self::Phone,
            Kind::Document => Self::Document,
            Kind::Flag | Kind::Choice(_) | Kind::Date => Self::Drawn(kind.clone()),
            Kind::List { of, .. } => Self::List(Box::new(Self::of(of, search, named))),
        }
    }
}
