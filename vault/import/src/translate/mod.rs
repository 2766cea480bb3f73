//! From one value of a legacy column to one value of a field. Pure and total: a value that cannot be
//! translated has a reason, and no reason repeats the value.

mod date;
mod encoding;

use std::collections::BTreeMap;

use coffre_policies::record_type::{Kind, Rule};
use coffre_store::plain::SourceValue;
use serde_json::Value;

pub(crate) use self::date::DateForm;
pub(crate) use self::date::DateFormError;
pub(crate) use self::encoding::Encoding;
use crate::reject::Reason;

/// How the values of one column become values of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Translation {
    /// How the application encoded text.
    pub(crate) encoding: Encoding,
    /// Texts that stand for «no value», besides the empty one.
    pub(crate) absent: Vec<String>,
    /// What separates the items of a list.
    pub(crate) separator: Option<String>,
    /// What is done with each text.
    pub(crate) step: Step,
}

/// What is done with a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// It is kept.
    Keep,
    /// It is a date in this form.
    Date(DateForm),
    /// It is a code.
    Codes(BTreeMap<String, Value>),
}

impl Translation {
    /// The field's value, if the column holds one.
    pub(crate) fn apply(&self, value: &SourceValue) -> Result<Option<Value>, Reason> {
        let Some(text) = self.text(value)? else { return Ok(None) };
        match &self.separator {
            None => self.item(&text),
            Some(separator) => {
                let items = text.split(separator.as_str()).map(|item| self.item(item.trim()));
                let items: Vec<Value> = items.filter_map(Result::transpose).collect::<Result<_, _>>()?;
                Ok((!items.is_empty()).then_some(Value::Array(items)))
            }
        }
    }

    fn item(&self, text: &str) -> Result<Option<Value>, Reason> {
        if text.is_empty() || self.absent.iter().any(|absent| absent == text) {
            return Ok(None);
        }
        match &self.step {
            Step::Keep => Ok(Some(Value::from(text))),
            Step::Date(form) => form.read(text).map(|date| Some(Value::from(date))).map_err(|_| Reason::ImpossibleDate),
            Step::Codes(codes) => codes.get(text).cloned().map(Some).ok_or(Reason::UnknownValue),
        }
    }

    fn text(&self, value: &SourceValue) -> Result<Option<String>, Reason> {
        let text = match value {
            SourceValue::Integer(number) => self.digits(*number),
            SourceValue::Real(number) => self.digits(whole(*number).ok_or(Reason::UndecodableText)?),
            _ => plain_text(value, self.encoding)?,
        };
        Ok((!text.is_empty()).then_some(text))
    }

    /// A date that was stored as a number has lost its leading zeros.
    fn digits(&self, number: i64) -> String {
        match &self.step {
            Step::Date(form) if form.is_digits() => format!("{number:0width$}", width = form.width()),
            _ => number.to_string(),
        }
    }
}

/// A value as text without the padding of its fixed-width field; empty when there is none.
pub(crate) fn plain_text(value: &SourceValue, encoding: Encoding) -> Result<String, Reason> {
    match value {
        SourceValue::Null => Ok(String::new()),
        SourceValue::Integer(number) => Ok(number.to_string()),
        // A fraction's decimal form depends on who prints it.
        SourceValue::Real(number) => whole(*number).map(|n| n.to_string()).ok_or(Reason::UndecodableText),
        SourceValue::Text(bytes) | SourceValue::Blob(bytes) => {
            encoding.decode(unpadded(bytes)).map(|text| text.trim().to_owned()).ok_or(Reason::UndecodableText)
        }
    }
}

/// A key as text. Tables are joined by keys without the padding of fixed-width fields; one that has other white space
/// at its ends would become the text of another key, and two data subjects one.
pub(crate) fn key_text(key: &[u8], encoding: Encoding) -> Result<String, Reason> {
    let text = encoding.decode(unpadded(key)).ok_or(Reason::UndecodableText)?;
    if text.trim().len() == text.len() { Ok(text) } else { Err(Reason::KeySpacing) }
}

fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// Without the padding of fixed-width fields: blanks, and the NUL bytes that COBOL calls LOW-VALUES.
fn unpadded(bytes: &[u8]) -> &[u8] {
    let padding = |b: &u8| *b == b' ' || *b == 0;
    let start = bytes.iter().position(|b| !padding(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !padding(b)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// Whether a translated value is what its field may hold.
pub(crate) fn check(kind: &Kind, value: &Value) -> Result<(), Reason> {
    kind.check(value).map_err(|rule| reason_of(&rule))
}

/// The reason for which a row is rejected when one of its values breaks a rule of its field.
pub(crate) fn reason_of(rule: &Rule) -> Reason {
    match rule {
        Rule::Required | Rule::Empty => Reason::MissingRequired,
        Rule::Date(_) => Reason::ImpossibleDate,
        Rule::Email(_) => Reason::BadEmail,
        Rule::Phone(_) => Reason::BadPhone,
        Rule::Long { .. } => Reason::TooLong,
        Rule::Many { .. } => Reason::TooMany,
        Rule::Control => Reason::UndecodableText,
        Rule::Item { rule, .. } => reason_of(rule),
        Rule::Unknown | Rule::Type { .. } | Rule::Choice { .. } | Rule::Document => Reason::UnknownValue,
    }
}

#[cfg(test)]
mod tests;
