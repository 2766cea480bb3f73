//! Checks one rule: a column or a constant, and the translation that the kind of its field needs.

use std::collections::BTreeMap;

use coffre_policies::record_type::Kind;
use serde_json::Value;
use toml::Spanned;

use super::Source;
use super::fault::{MappingError, MappingFault as Fault};
use super::raw::RawRule;
use super::validate::position;
use crate::toml_text::TomlText;
use crate::translate::{DateForm, Encoding, Step, Translation};

/// Reads the rules of one file.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) file: TomlText<'a>,
    pub(super) encoding: Encoding,
}

impl Rules<'_> {
    /// The source of a field's value.
    pub(super) fn source(
        self,
        name: &Spanned<String>,
        kind: &Kind,
        raw: RawRule,
        columns: &mut Vec<String>,
    ) -> Result<Source, MappingError> {
        let field = name.get_ref();
        if kind.holds_documents() {
            return self.refuse(name, Fault::DocumentRule { field: field.clone() });
        }
        match (&raw.column, &raw.constant) {
            (None, Some(constant)) => {
                self.nothing_else(name, &raw)?;
                let value = json(constant.get_ref());
                match kind.check(&value) {
                    Ok(()) => Ok(Source::Constant(value)),
                    Err(rule) => {
                        self.refuse(constant, Fault::Constant { field: field.clone(), rule: rule.to_string() })
                    }
                }
            }
            (Some(column), None) => {
                let column = position(columns, column.get_ref().clone());
                Ok(Source::Column { column, translation: self.translation(name, kind, raw)? })
            }
            _ => self.refuse(name, Fault::Source { name: field.clone() }),
        }
    }

    /// The column of a consent and its codes.
    pub(super) fn consent(
        self,
        name: &Spanned<String>,
        raw: RawRule,
        columns: &mut Vec<String>,
    ) -> Result<(usize, Translation), MappingError> {
        let Some(column) = raw.column.as_ref().filter(|_| raw.constant.is_none()) else {
            return self.refuse(name, Fault::Needs { name: name.get_ref().clone(), kind: "a consent", key: "column" });
        };
        let column = position(columns, column.get_ref().clone());
        Ok((column, self.translation(name, &Kind::Flag, raw)?))
    }

    fn translation(self, name: &Spanned<String>, kind: &Kind, raw: RawRule) -> Result<Translation, MappingError> {
        let item = match kind {
            Kind::List { of, .. } => of,
            single => single,
        };
        let separator = self.separator(name, kind, raw.separator)?;
        let step = match (item, raw.date, raw.values) {
            (Kind::Date, Some(form), None) => match DateForm::parse(form.get_ref()) {
                Ok(form) => Step::Date(form),
                Err(error) => return self.refuse(&form, Fault::Date(error)),
            },
            (Kind::Date, None, _) => return self.needs(name, item, "date"),
            (Kind::Date, Some(_), Some(_)) => return self.has_no(name, item, "values"),
            (_, Some(_), _) => return self.has_no(name, item, "date"),
            (Kind::Flag | Kind::Choice(_), None, None) => return self.needs(name, item, "values"),
            (_, None, None) => Step::Keep,
            (_, None, Some(values)) => Step::Codes(self.codes(name, item, &values)?),
        };
        Ok(Translation { encoding: raw.encoding.unwrap_or(self.encoding), absent: raw.absent, separator, step })
    }

    fn separator(
        self,
        name: &Spanned<String>,
        kind: &Kind,
        separator: Option<Spanned<String>>,
    ) -> Result<Option<String>, MappingError> {
        match (matches!(kind, Kind::List { .. }), separator) {
            (true, None) => self.needs(name, kind, "separator"),
            (false, Some(_)) => self.has_no(name, kind, "separator"),
            (true, Some(text)) if text.get_ref().is_empty() => self.refuse(&text, Fault::Separator),
            (_, separator) => Ok(separator.map(Spanned::into_inner)),
        }
    }

    fn codes(
        self,
        name: &Spanned<String>,
        kind: &Kind,
        values: &Spanned<BTreeMap<String, toml::Value>>,
    ) -> Result<BTreeMap<String, Value>, MappingError> {
        let mut codes = BTreeMap::new();
        for (code, value) in values.get_ref() {
            let value = json(value);
            if let Err(rule) = kind.check(&value) {
                let (name, code) = (name.get_ref().clone(), code.clone());
                return self.refuse(values, Fault::Code { name, code, rule: rule.to_string() });
            }
            codes.insert(code.clone(), value);
        }
        Ok(codes)
    }

    fn nothing_else(self, name: &Spanned<String>, raw: &RawRule) -> Result<(), MappingError> {
        let present = [
            ("encoding", raw.encoding.is_some()),
            ("date", raw.date.is_some()),
            ("values", raw.values.is_some()),
            ("separator", raw.separator.is_some()),
            ("absent", !raw.absent.is_empty()),
        ];
        let Some((key, _)) = present.into_iter().find(|(_, there)| *there) else { return Ok(()) };
        self.refuse(name, Fault::ConstantHasNo { name: name.get_ref().clone(), key })
    }

    fn needs<T>(self, name: &Spanned<String>, kind: &Kind, key: &'static str) -> Result<T, MappingError> {
        self.refuse(name, Fault::Needs { name: name.get_ref().clone(), kind: in_words(kind), key })
    }

    fn has_no<T>(self, name: &Spanned<String>, kind: &Kind, key: &'static str) -> Result<T, MappingError> {
        self.refuse(name, Fault::HasNo { name: name.get_ref().clone(), kind: in_words(kind), key })
    }

    fn refuse<T, V>(self, value: &Spanned<V>, fault: Fault) -> Result<T, MappingError> {
        Err(MappingError { place: self.file.of(value), fault })
    }
}

const fn in_words(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text { .. } => "a text",
        Kind::Date => "a date",
        Kind::Email => "an e-mail address",
        Kind::Phone => "a phone number",
        Kind::Flag => "a flag",
        Kind::Choice(_) => "a choice",
        Kind::Document => "a document",
        Kind::List { .. } => "a list",
    }
}

/// A TOML value as JSON. Dates become their text, and numbers with a fraction too: no field holds them.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Array(items) => Value::Array(items.iter().map(json).collect()),
        other => Value::from(other.to_string()),
    }
}
