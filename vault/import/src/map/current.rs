//! Which of several rows of one data subject is the current one. Pure; the order is total, so the
//! same rows always give the same record.

use std::cmp::Reverse;

use coffre_core::record::{FieldPath, Fields};
use serde_json::Value;

use super::Translated;
use crate::mapping::Many;

/// A row among several.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) translated: Translated,
}

/// The rows, the current one first: one that goes on or else ends last, so that its end is that of all; then by the
/// preferred value, the latest date, the highest id.
pub(super) fn current_first(many: &Many, mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_cached_key(|line| {
        let fields = &line.translated.fields;
        let end = many.ends.as_ref().and_then(|ends| day(ends, fields));
        let latest = (day(&many.latest, fields), height(&line.id));
        (end.is_some(), Reverse(end), rank(many, fields), Reverse(latest))
    });
    lines
}

/// How high an id is: those of digits alone are numbers, above all others. Ids that are one number are told apart by
/// how they are written.
fn height(id: &str) -> (bool, usize, String, String) {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return (false, 0, id.to_owned(), String::new());
    }
    let number = id.trim_start_matches('0');
    (true, number.len(), number.to_owned(), id.to_owned())
}

fn rank(many: &Many, fields: &Fields) -> usize {
    let Some((field, values)) = &many.prefer else { return 0 };
    let value = fields.0.get(field).and_then(Value::as_str);
    values.iter().position(|preferred| Some(preferred.as_str()) == value).unwrap_or(values.len())
}

/// Dates of the form YYYY-MM-DD order as texts do, and none before every one.
fn day(field: &FieldPath, fields: &Fields) -> Option<String> {
    fields.0.get(field).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::height;

    #[test]
    fn ids_of_digits_are_compared_by_their_value() {
        for (lower, higher) in [("9", "10"), ("0009", "10"), ("09", "9"), ("C10", "C9"), ("C9", "1"), ("", "0")] {
            assert!(height(lower) < height(higher), "{lower} {higher}");
        }
        let long = "1".repeat(60);
        assert!(height("999") < height(&long), "whatever their length");
    }
}
