//! From the text of one file of `policies/record-types` to a record type, strictly.

use std::collections::BTreeMap;

use coffre_core::record::{Category, FieldPath, RecordTypeName};
use serde::Deserialize;
use toml::Spanned;

use super::{CategoryDefinition, ChoiceValue, FieldDefinition, Kind, RecordType, RecordTypeFault as Fault, Search};
use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::toml_file::TomlFile;

const MOST_CHARACTERS: usize = 100_000;
const MOST_ITEMS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawType {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    #[serde(default)]
    addressee: Vec<Spanned<String>>,
    category: Vec<RawCategory>,
    field: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCategory {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawField {
    path: Spanned<String>,
    labels: Spanned<Labels>,
    kind: RawKind,
    of: Option<Spanned<RawKind>>,
    max_length: Option<Spanned<i64>>,
    max_items: Option<Spanned<i64>>,
    values: Option<Spanned<Vec<RawValue>>>,
    search: Option<Spanned<Search>>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValue {
    name: Spanned<String>,
    labels: Spanned<Labels>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Text,
    Date,
    Email,
    Phone,
    Flag,
    Choice,
    Document,
    List,
}

impl RawKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Flag => "flag",
            Self::Choice => "choice",
            Self::Document => "document",
            Self::List => "list",
        }
    }
}

/// The record type that a file declares.
pub(crate) fn parse(file: TomlFile<'_>) -> Result<RecordType, LoadError> {
    let raw: RawType = file.parse()?;
    let name = name(file, &raw.name)?;
    check_labels(file, &raw.labels, raw.name.get_ref())?;
    let categories = categories(file, &raw.category)?;
    let fields = fields(file, &raw.field, &categories)?;
    for (category, raw) in categories.iter().zip(&raw.category) {
        if !fields.iter().any(|field| field.path.category_str() == category.name.as_str()) {
            return refuse(file.place(&raw.name), Fault::EmptyCategory { name: category.name.to_string() });
        }
    }
    let positions = fields.iter().enumerate().map(|(position, field)| (field.path.clone(), position)).collect();
    let mut record_type =
        RecordType { name, labels: raw.labels.into_inner(), categories, fields, positions, addressee: Vec::new() };
    record_type.addressee = addressee(file, &raw.addressee, &record_type)?;
    Ok(record_type)
}

/// The fields that a letter is addressed by: texts, and nothing special.
fn addressee(file: TomlFile<'_>, raw: &[Spanned<String>], of: &RecordType) -> Result<Vec<FieldPath>, LoadError> {
    let field = |raw: &Spanned<String>| {
        let path = raw.get_ref().parse::<FieldPath>().ok();
        let is_text = |path: &FieldPath| of.field(path).is_some_and(|field| matches!(field.kind, Kind::Text { .. }));
        match path.filter(|path| is_text(path) && !of.is_special(path)) {
            Some(path) => Ok(path),
            None => refuse(file.place(raw), Fault::Addressee { path: raw.get_ref().clone() }),
        }
    };
    raw.iter().map(field).collect()
}

fn refuse<T>(place: Place, fault: Fault) -> Result<T, LoadError> {
    Err(LoadError::RecordType { place, fault })
}

fn name(file: TomlFile<'_>, raw: &Spanned<String>) -> Result<RecordTypeName, LoadError> {
    let text = raw.get_ref();
    let Ok(name) = text.parse() else {
        return refuse(file.place(raw), Fault::Name { what: "record type", name: text.clone() });
    };
    if file.name != format!("record-types/{text}.toml") {
        return refuse(file.place(raw), Fault::FileName { name: text.clone() });
    }
    Ok(name)
}

fn check_labels(file: TomlFile<'_>, labels: &Spanned<Labels>, name: &str) -> Result<(), LoadError> {
    match labels.get_ref().missing() {
        None => Ok(()),
        Some(language) => refuse(file.place(labels), Fault::EmptyLabel { language, name: name.to_owned() }),
    }
}

/// Names that must differ, with the line of each.
struct Names(&'static str, BTreeMap<String, usize>);

impl Names {
    fn add(&mut self, file: TomlFile<'_>, name: &Spanned<String>) -> Result<(), LoadError> {
        let place = file.place(name);
        match self.1.insert(name.get_ref().clone(), place.line) {
            None => Ok(()),
            Some(first) => refuse(place, Fault::Twice { what: self.0, name: name.get_ref().clone(), first }),
        }
    }
}

fn categories(file: TomlFile<'_>, raw: &[RawCategory]) -> Result<Vec<CategoryDefinition>, LoadError> {
    let mut names = Names("category", BTreeMap::new());
    let mut categories = Vec::with_capacity(raw.len());
    for category in raw {
        let text = category.name.get_ref();
        names.add(file, &category.name)?;
        check_labels(file, &category.labels, text)?;
        let Ok(name) = text.parse::<Category>() else {
            return refuse(file.place(&category.name), Fault::Name { what: "category", name: text.clone() });
        };
        let labels = category.labels.get_ref().clone();
        categories.push(CategoryDefinition { name, labels, special: category.special });
    }
    Ok(categories)
}

fn fields(
    file: TomlFile<'_>,
    raw: &[RawField],
    categories: &[CategoryDefinition],
) -> Result<Vec<FieldDefinition>, LoadError> {
    let mut paths = Names("field", BTreeMap::new());
    let mut fields = Vec::with_capacity(raw.len());
    for field in raw {
        paths.add(file, &field.path)?;
        check_labels(file, &field.labels, field.path.get_ref())?;
        let (path, category) = path(file, &field.path, categories)?;
        let kind = Kinds { file, field }.kind()?;
        let search = search(file, field, category)?;
        let labels = field.labels.get_ref().clone();
        fields.push(FieldDefinition { path, labels, kind, search, required: field.required });
    }
    Ok(fields)
}

fn path<'a>(
    file: TomlFile<'_>,
    raw: &Spanned<String>,
    categories: &'a [CategoryDefinition],
) -> Result<(FieldPath, &'a CategoryDefinition), LoadError> {
    let text = raw.get_ref();
    let fault = match text.parse::<FieldPath>() {
        Ok(path) => match categories.iter().find(|category| category.name.as_str() == path.category_str()) {
            Some(category) => return Ok((path, category)),
            None => Fault::UnknownCategory {
                path: text.clone(),
                category: path.category_str().to_owned(),
                known: categories.iter().map(|category| category.name.as_str()).collect::<Vec<_>>().join(", "),
            },
        },
        Err(_) if !text.contains('.') || text.starts_with('.') => Fault::WithoutCategory { path: text.clone() },
        Err(_) => Fault::Path { path: text.clone() },
    };
    refuse(file.place(raw), fault)
}

fn search(file: TomlFile<'_>, field: &RawField, category: &CategoryDefinition) -> Result<Search, LoadError> {
    let Some(raw) = &field.search else { return Ok(Search::None) };
    let path = field.path.get_ref().clone();
    let kind = field.kind.as_str();
    // A list is found by any of its items.
    let searched = match &field.of {
        Some(of) if field.kind == RawKind::List && *raw.get_ref() == Search::Exact => *of.get_ref(),
        _ => field.kind,
    };
    let fault = match (*raw.get_ref(), searched) {
        (Search::None, _) => return Ok(Search::None),
        _ if category.special => Fault::SpecialSearch { path },
        (search @ Search::Name, RawKind::Text)
        | (search @ Search::Exact, RawKind::Text | RawKind::Email | RawKind::Phone | RawKind::Date) => {
            return Ok(search);
        }
        (Search::Name, RawKind::Email | RawKind::Phone | RawKind::Date) => {
            Fault::Search { path, kind, search: "name", instead: "\"exact\"" }
        }
        (Search::Name, _) => Fault::Search { path, kind, search: "name", instead: "\"none\"" },
        (Search::Exact, _) => Fault::Search { path, kind, search: "exact", instead: "\"none\"" },
    };
    refuse(file.place(raw), fault)
}

/// The kind of one field: which keys it needs, and which it has no use for.
struct Kinds<'a> {
    file: TomlFile<'a>,
    field: &'a RawField,
}

impl Kinds<'_> {
    fn kind(&self) -> Result<Kind, LoadError> {
        let field = self.field;
        let item = match (field.kind, &field.of) {
            (RawKind::List, None) => return self.needs("of"),
            (RawKind::List, Some(of)) if *of.get_ref() == RawKind::List => {
                return refuse(self.file.place(of), Fault::ListOfLists { path: self.path() });
            }
            (RawKind::List, Some(of)) => *of.get_ref(),
            (kind, of) => {
                self.has_no(of.as_ref(), "of")?;
                self.has_no(field.max_items.as_ref(), "max-items")?;
                kind
            }
        };
        let kind = self.simple(item)?;
        if field.kind != RawKind::List {
            return Ok(kind);
        }
        let max_items = self.limit(field.max_items.as_ref(), "max-items", MOST_ITEMS)?;
        Ok(Kind::List { of: Box::new(kind), max_items })
    }

    fn simple(&self, kind: RawKind) -> Result<Kind, LoadError> {
        let field = self.field;
        if kind != RawKind::Text {
            self.has_no(field.max_length.as_ref(), "max-length")?;
        }
        if kind != RawKind::Choice {
            self.has_no(field.values.as_ref(), "values")?;
        }
        Ok(match kind {
            RawKind::Text => {
                Kind::Text { max_length: self.limit(field.max_length.as_ref(), "max-length", MOST_CHARACTERS)? }
            }
            RawKind::Choice => Kind::Choice(self.values()?),
            RawKind::Date => Kind::Date,
            RawKind::Email => Kind::Email,
            RawKind::Phone => Kind::Phone,
            RawKind::Flag => Kind::Flag,
            RawKind::Document => Kind::Document,
            RawKind::List => return refuse(self.place(), Fault::ListOfLists { path: self.path() }),
        })
    }

    fn values(&self) -> Result<Vec<ChoiceValue>, LoadError> {
        let Some(raw) = &self.field.values else { return self.needs("values") };
        if raw.get_ref().is_empty() {
            return refuse(self.file.place(raw), Fault::NoValues { path: self.path() });
        }
        let mut names = Names("value", BTreeMap::new());
        let mut values = Vec::with_capacity(raw.get_ref().len());
        for value in raw.get_ref() {
            let name = value.name.get_ref();
            names.add(self.file, &value.name)?;
            check_labels(self.file, &value.labels, name)?;
            if name.parse::<Category>().is_err() {
                return refuse(self.file.place(&value.name), Fault::Name { what: "value", name: name.clone() });
            }
            values.push(ChoiceValue { name: name.clone(), labels: value.labels.get_ref().clone() });
        }
        Ok(values)
    }

    fn limit(&self, raw: Option<&Spanned<i64>>, key: &'static str, most: usize) -> Result<usize, LoadError> {
        let Some(raw) = raw else { return self.needs(key) };
        match usize::try_from(*raw.get_ref()) {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => refuse(self.file.place(raw), Fault::Limit { path: self.path(), key, given: *raw.get_ref(), most }),
        }
    }

    fn needs<T>(&self, key: &'static str) -> Result<T, LoadError> {
        refuse(self.place(), Fault::Needs { path: self.path(), kind: self.field.kind.as_str(), key })
    }

    fn has_no<T>(&self, raw: Option<&Spanned<T>>, key: &'static str) -> Result<(), LoadError> {
        let kind = self.field.kind.as_str();
        raw.map_or(Ok(()), |raw| refuse(self.file.place(raw), Fault::HasNo { path: self.path(), kind, key }))
    }

    fn place(&self) -> Place {
        self.file.place(&self.field.path)
    }

    fn path(&self) -> String {
        self.field.path.get_ref().clone()
    }
}
