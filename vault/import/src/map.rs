//! From the rows of one data subject to one record, or to every reason why not. Pure.
//!
//! A data subject is brought whole or not at all: when one of its rows cannot be brought, none is,
//! so that no record ever looks complete and is not.

mod current;

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::record::{FieldPath, Fields};
use coffre_store::plain::SourceValue;
use serde_json::Value;

use self::current::{Line, current_first};
use crate::candidate::{DocumentCandidate, RecordCandidate};
use crate::document::Found;
use crate::mapping::{FieldRule, Join, Many, Mapping, Source, TableMapping};
use crate::reject::{Reason, Reject, shown};
use crate::translate::{check, key_text, plain_text, reason_of};

/// A row of a mapped table: the values of the mapping's columns, and its document.
#[derive(Debug, Clone)]
pub struct MappedRow {
    /// `SQLite`'s row id.
    pub row: i64,
    /// The values, in the mapping's order of columns.
    pub values: Vec<SourceValue>,
    /// The document, where the mapping expects one.
    pub document: Found,
}

/// All rows that have one key, by the position of their table in the mapping.
#[derive(Clone)]
pub struct SubjectRows {
    /// The key.
    pub key: Vec<u8>,
    /// The rows.
    pub tables: Vec<Vec<MappedRow>>,
}

/// The record that the rows become, or every reason why they do not.
pub fn map_subject(mapping: &Mapping, rows: &SubjectRows) -> Result<RecordCandidate, Vec<Reject>> {
    let mut work = Work { mapping, key: shown(&rows.key), rejects: Vec::new(), failed: BTreeSet::new() };
    let candidate = work.subject(rows);
    match candidate {
        Some(candidate) if work.rejects.is_empty() => Ok(candidate),
        _ => Err(work.rejects),
    }
}

/// A row, translated.
struct Translated {
    fields: Fields,
    document: Option<DocumentCandidate>,
}

struct Work<'m> {
    mapping: &'m Mapping,
    key: String,
    rejects: Vec<Reject>,
    /// The fields whose value could not be translated: a row is not complained of twice.
    failed: BTreeSet<FieldPath>,
}

impl Work<'_> {
    fn subject(&mut self, rows: &SubjectRows) -> Option<RecordCandidate> {
        let subject = self.mapping.subject()?;
        let [row] = rows.tables.first()?.as_slice() else {
            self.duplicates(subject, rows.tables.first()?);
            return None;
        };
        let key = key_text(&rows.key, self.mapping.encoding)
            .map_err(|reason| self.reject(subject, row.row, Some(&subject.key), reason))
            .ok()?;
        let mut record = RecordCandidate {
            consents: self.consents(subject, row),
            key: key.clone(),
            row: row.row,
            fields: Fields::default(),
            documents: Vec::new(),
            document_fields: BTreeMap::new(),
        };
        record.fields.0.insert(self.mapping.key_field.clone(), Value::from(key));
        for (table, rows) in self.mapping.tables.iter().zip(&rows.tables) {
            self.table(table, rows, &mut record);
        }
        self.whole(subject, row.row, &record);
        Some(record)
    }

    fn table(&mut self, table: &TableMapping, rows: &[MappedRow], record: &mut RecordCandidate) {
        match &table.join {
            Join::Many(many) => self.many(table, many, rows, record),
            Join::Subject | Join::One => match rows {
                [] => {}
                [row] => {
                    let translated = self.row(table, row);
                    add_document(table, translated.document, record);
                    record.fields.0.extend(translated.fields.0);
                }
                several => self.duplicates(table, several),
            },
        }
    }

    fn many(&mut self, table: &TableMapping, many: &Many, rows: &[MappedRow], record: &mut RecordCandidate) {
        let mut seen = BTreeMap::<String, i64>::new();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let column = table.columns.get(many.id).map(String::as_str);
            match plain_text(row.values.get(many.id).unwrap_or(&SourceValue::Null), self.mapping.encoding) {
                Err(reason) => self.reject(table, row.row, column, reason),
                Ok(id) if id.is_empty() => self.reject(table, row.row, column, Reason::MissingKey),
                Ok(id) => {
                    if let Some(first) = seen.insert(id.clone(), row.row) {
                        self.reject(table, first, column, Reason::DuplicateKey);
                        self.reject(table, row.row, column, Reason::DuplicateKey);
                    }
                    lines.push(Line { id, translated: self.row(table, row) });
                }
            }
        }
        let mut lines = current_first(many, lines).into_iter();
        let Some(current) = lines.next() else { return };
        add_document(table, current.translated.document, record);
        record.fields.0.extend(current.translated.fields.0);
        let mut listed: BTreeMap<&FieldPath, Vec<Value>> = BTreeMap::new();
        for line in lines {
            for (field, template) in &many.others {
                listed.entry(field).or_default().push(Value::from(template.fill(&line.translated.fields)));
            }
            record.documents.extend(line.translated.document);
        }
        record.fields.0.extend(listed.into_iter().map(|(field, items)| (field.clone(), Value::Array(items))));
    }

    fn row(&mut self, table: &TableMapping, row: &MappedRow) -> Translated {
        let mut fields = Fields::default();
        for rule in &table.rules {
            match value_of(rule, row) {
                Ok(Some(value)) => drop(fields.0.insert(rule.field.clone(), value)),
                Ok(None) => {}
                Err(reason) => {
                    self.failed.insert(rule.field.clone());
                    self.reject(table, row.row, column_of(table, rule), reason);
                }
            }
        }
        let document = self.document(table, row, &fields);
        Translated { fields, document }
    }

    fn document(&mut self, table: &TableMapping, row: &MappedRow, fields: &Fields) -> Option<DocumentCandidate> {
        match &row.document {
            Found::Nothing => None,
            Found::Unreadable { column, fault } => {
                self.reject(table, row.row, Some(column), Reason::UnreadableDocument(*fault));
                None
            }
            Found::Document { origin, format, length, sha256 } => {
                let rule = table.document.as_ref()?;
                Some(DocumentCandidate {
                    origin: origin.clone(),
                    file_name: format!("{}.{}", rule.name.fill(fields), format.extension()),
                    media_type: format.media_type(),
                    length: *length,
                    sha256: sha256.clone(),
                })
            }
        }
    }

    fn consents(&mut self, subject: &TableMapping, row: &MappedRow) -> BTreeSet<String> {
        let mut given = BTreeSet::new();
        for (name, rule) in &self.mapping.consents {
            match rule.translation.apply(row.values.get(rule.column).unwrap_or(&SourceValue::Null)) {
                Ok(Some(Value::Bool(true))) => drop(given.insert(name.clone())),
                // An empty column is no consent.
                Ok(_) => {}
                Err(reason) => {
                    self.reject(subject, row.row, subject.columns.get(rule.column).map(String::as_str), reason);
                }
            }
        }
        given
    }

    /// The rules that only a whole record can break: what is required, how much a list holds, that
    /// no two documents have one name.
    fn whole(&mut self, subject: &TableMapping, row: i64, record: &RecordCandidate) {
        for fault in self.mapping.record_type.validate(&record.fields).err().unwrap_or_default() {
            if !self.failed.contains(&fault.field) {
                let rule = subject.rules.iter().find(|rule| rule.field == fault.field);
                let column = rule.and_then(|rule| column_of(subject, rule));
                self.reject(subject, row, column, reason_of(&fault.rule));
            }
        }
        let names: BTreeSet<&str> = record.documents.iter().map(|document| document.file_name.as_str()).collect();
        if self.rejects.is_empty() && names.len() < record.documents.len() {
            self.reject(subject, row, None, Reason::DocumentNames);
        }
    }

    fn duplicates(&mut self, table: &TableMapping, rows: &[MappedRow]) {
        for row in rows {
            self.reject(table, row.row, Some(&table.key), Reason::DuplicateKey);
        }
    }

    fn reject(&mut self, table: &TableMapping, row: i64, column: Option<&str>, reason: Reason) {
        let reject =
            Reject { table: table.name.clone(), row, key: self.key.clone(), column: column.map(str::to_owned), reason };
        // Three rows of one id would name the middle one twice.
        if !self.rejects.contains(&reject) {
            self.rejects.push(reject);
        }
    }
}

fn value_of(rule: &FieldRule, row: &MappedRow) -> Result<Option<Value>, Reason> {
    let value = match &rule.source {
        Source::Constant(value) => Some(value.clone()),
        Source::Column { column, translation } => {
            translation.apply(row.values.get(*column).unwrap_or(&SourceValue::Null))?
        }
    };
    if let Some(value) = &value {
        check(&rule.kind, value)?;
    }
    Ok(value)
}

fn column_of<'t>(table: &'t TableMapping, rule: &FieldRule) -> Option<&'t str> {
    match &rule.source {
        Source::Constant(_) => None,
        Source::Column { column, .. } => table.columns.get(*column).map(String::as_str),
    }
}

/// The document that a table's field names, which is the current row's.
fn add_document(table: &TableMapping, document: Option<DocumentCandidate>, record: &mut RecordCandidate) {
    let Some(document) = document else { return };
    if let Some(field) = table.document.as_ref().and_then(|rule| rule.field.clone()) {
        record.document_fields.insert(field, document.file_name.clone());
    }
    record.documents.push(document);
}
