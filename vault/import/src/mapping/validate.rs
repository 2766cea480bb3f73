//! From the shape of a mapping file to a mapping, or to what is wrong in it and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use coffre_core::record::FieldPath;
use coffre_policies::RecordType;
use coffre_policies::record_type::{FieldDefinition, Kind};
use toml::Spanned;

use super::fault::{MappingError, MappingFault as Fault};
use super::raw::{RawDocument, RawFields, RawMapping, RawOneToMany, RawRule};
use super::rule::Rules;
use super::{ConsentRule, DocumentRule, FieldRule, Join, Many, Mapping, TableMapping, Template};
use crate::toml_text::TomlText;
use crate::translate::Encoding;

pub(super) fn validate(file: TomlText<'_>, record_type: &RecordType) -> Result<Mapping, MappingError> {
    let raw: RawMapping =
        file.parse().map_err(|(place, message)| MappingError { place, fault: Fault::Shape { message } })?;
    let mut check =
        Check { file, record_type, encoding: raw.encoding, filled: BTreeSet::new(), tables: BTreeSet::new() };
    check.record_type(&raw.record_type)?;
    let key_field = check.key_field(&raw.subject.key_field)?;
    let mut subject =
        check.table(&raw.subject.table, raw.subject.key, Join::Subject, raw.subject.fields, raw.subject.document)?;
    let consents = check.consents(raw.consents, &mut subject.columns)?;
    let mut tables = vec![subject];
    for one in raw.one_to_one {
        tables.push(check.table(&one.table, one.key, Join::One, one.fields, one.document)?);
    }
    for many in raw.one_to_many {
        tables.push(check.many(many)?);
    }
    check.required(&raw.subject.table)?;
    let (name, encoding) = (raw.name, raw.encoding);
    Ok(Mapping { name, record_type: record_type.clone(), encoding, key_field, tables, consents })
}

/// What the checks know of the file and of what they have seen so far.
struct Check<'a> {
    file: TomlText<'a>,
    record_type: &'a RecordType,
    encoding: Encoding,
    filled: BTreeSet<FieldPath>,
    tables: BTreeSet<String>,
}

impl Check<'_> {
    fn refuse<T, V>(&self, value: &Spanned<V>, fault: Fault) -> Result<T, MappingError> {
        Err(MappingError { place: self.file.of(value), fault })
    }

    fn record_type(&self, named: &Spanned<String>) -> Result<(), MappingError> {
        let expected = self.record_type.name().as_str();
        if named.get_ref() == expected {
            return Ok(());
        }
        self.refuse(named, Fault::RecordType { found: named.get_ref().clone(), expected: expected.to_owned() })
    }

    /// A field of the record type, which nothing else fills.
    fn fill(&mut self, named: &Spanned<String>) -> Result<(FieldPath, Kind), MappingError> {
        let text = named.get_ref();
        let found = text.parse::<FieldPath>().ok().and_then(|path| self.record_type.field(&path));
        let Some(definition) = found else {
            let record_type = self.record_type.name().to_string();
            return self.refuse(named, Fault::UnknownField { record_type, field: text.clone() });
        };
        if !self.filled.insert(definition.path.clone()) {
            return self.refuse(named, Fault::FilledTwice { field: text.clone() });
        }
        Ok((definition.path.clone(), definition.kind.clone()))
    }

    fn key_field(&mut self, named: &Spanned<String>) -> Result<FieldPath, MappingError> {
        let (field, _) = self.fill(named)?;
        if self.record_type.field(&field).is_some_and(FieldDefinition::may_be_a_key) {
            return Ok(field);
        }
        self.refuse(named, Fault::KeyField { field: field.to_string() })
    }

    fn required(&self, subject: &Spanned<String>) -> Result<(), MappingError> {
        let unfilled = |f: &&FieldDefinition| f.required && !self.filled.contains(&f.path);
        let Some(missing) = self.record_type.fields().iter().find(unfilled) else { return Ok(()) };
        let (field, record_type) = (missing.path.to_string(), self.record_type.name().to_string());
        self.refuse(subject, Fault::RequiredUnfilled { field, record_type })
    }

    fn table(
        &mut self,
        name: &Spanned<String>,
        key: String,
        join: Join,
        fields: RawFields,
        document: Option<RawDocument>,
    ) -> Result<TableMapping, MappingError> {
        if !self.tables.insert(name.get_ref().to_ascii_lowercase()) {
            return self.refuse(name, Fault::TableTwice { table: name.get_ref().clone() });
        }
        let mut columns = Vec::new();
        let rules = self.rules(fields, &mut columns)?;
        let document = document.map(|raw| self.document(raw, &rules, &mut columns)).transpose()?;
        Ok(TableMapping { name: name.get_ref().clone(), key, join, columns, rules, document })
    }

    fn rules(&mut self, fields: RawFields, columns: &mut Vec<String>) -> Result<Vec<FieldRule>, MappingError> {
        let mut rules = Vec::with_capacity(fields.len());
        for (named, raw) in fields {
            let (field, kind) = self.fill(&named)?;
            let source = self.rule_reader().source(&named, &kind, raw, columns)?;
            rules.push(FieldRule { field, kind, source });
        }
        Ok(rules)
    }

    const fn rule_reader(&self) -> Rules<'_> {
        Rules { file: self.file, encoding: self.encoding }
    }

    fn consents(
        &self,
        raw: BTreeMap<Spanned<String>, RawRule>,
        columns: &mut Vec<String>,
    ) -> Result<BTreeMap<String, ConsentRule>, MappingError> {
        let read = |(name, rule): (Spanned<String>, RawRule)| {
            let (column, translation) = self.rule_reader().consent(&name, rule, columns)?;
            Ok((name.into_inner(), ConsentRule { column, translation }))
        };
        raw.into_iter().map(read).collect()
    }

    fn document(
        &mut self,
        raw: RawDocument,
        rules: &[FieldRule],
        columns: &mut Vec<String>,
    ) -> Result<DocumentRule, MappingError> {
        let field = match &raw.field {
            None => None,
            Some(named) => match self.fill(named)? {
                (field, Kind::Document) => Some(field),
                (field, _) => return self.refuse(named, Fault::NotADocument { field: field.to_string() }),
            },
        };
        if raw.blob.is_none() && raw.path.is_none() {
            return self.refuse(&raw.name, Fault::DocumentSource);
        }
        if raw.formats.is_empty() {
            return self.refuse(&raw.name, Fault::Formats);
        }
        let folder = raw.folder.as_ref().map(|f| f.get_ref().as_str()).unwrap_or_default();
        let below = Path::new(folder).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        match &raw.folder {
            Some(named) if !below => return self.refuse(named, Fault::Folder),
            _ => {}
        }
        let name = self.template(&raw.name, rules)?;
        let path = raw.path.map(|column| position(columns, column.into_inner()));
        let blob = raw.blob.map(Spanned::into_inner);
        Ok(DocumentRule { field, blob, path, folder: folder.into(), name, formats: raw.formats })
    }

    fn template(&self, named: &Spanned<String>, rules: &[FieldRule]) -> Result<Template, MappingError> {
        let Some(template) = Template::parse(named.get_ref()) else { return self.refuse(named, Fault::Template) };
        let filled = |field: &FieldPath| rules.iter().any(|rule| rule.field == *field);
        let absent = template.fields().find(|field| !filled(field)).map(FieldPath::to_string);
        absent.map_or(Ok(template), |field| self.refuse(named, Fault::NotInSection { field }))
    }

    fn many(&mut self, raw: RawOneToMany) -> Result<TableMapping, MappingError> {
        let mut table = self.table(&raw.table, raw.key, Join::One, raw.fields, raw.document)?;
        let latest = self.date_in_section(&raw.current.latest, &table.rules)?;
        let ends = raw.current.ends.as_ref().map(|named| self.date_in_section(named, &table.rules)).transpose()?;
        let prefer = match raw.current.prefer {
            None => None,
            Some(preference) => Some((self.in_section(&preference.field, &table.rules)?.0, preference.values)),
        };
        if raw.others.is_empty() {
            return self.refuse(&raw.table, Fault::OthersLost);
        }
        let mut others = Vec::new();
        for (named, text) in &raw.others {
            let (field, kind) = self.fill(named)?;
            if !matches!(&kind, Kind::List { of, .. } if matches!(**of, Kind::Text { .. })) {
                return self.refuse(named, Fault::Others { field: field.to_string() });
            }
            others.push((field, self.template(text, &table.rules)?));
        }
        let id = position(&mut table.columns, raw.id);
        table.join = Join::Many(Many { id, ends, prefer, latest, others });
        Ok(table)
    }

    /// A date that the section fills.
    fn date_in_section(&self, named: &Spanned<String>, rules: &[FieldRule]) -> Result<FieldPath, MappingError> {
        match self.in_section(named, rules)? {
            (field, Kind::Date) => Ok(field),
            (field, _) => self.refuse(named, Fault::Latest { field: field.to_string() }),
        }
    }

    /// A field that the section fills, and its kind.
    fn in_section(&self, named: &Spanned<String>, rules: &[FieldRule]) -> Result<(FieldPath, Kind), MappingError> {
        let found = rules.iter().find(|rule| rule.field.as_str() == named.get_ref());
        match found {
            Some(rule) => Ok((rule.field.clone(), rule.kind.clone())),
            None => self.refuse(named, Fault::NotInSection { field: named.get_ref().clone() }),
        }
    }
}

/// The position of a column among those to fetch, added if it is new.
pub(super) fn position(columns: &mut Vec<String>, column: String) -> usize {
    if let Some(known) = columns.iter().position(|c| c.eq_ignore_ascii_case(&column)) {
        return known;
    }
    columns.push(column);
    columns.len() - 1
}
