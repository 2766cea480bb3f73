//! Which of several rows of one data subject is the current one. Pure; the order is total, so the
//! same rows always give the same record.

use std::cmp::Reverse;

use coffre_core::record::Fields;
use serde_json::Value;

use super::Translated;
use crate::mapping::Many;

/// A row among several.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) translated: Translated,
}

/// The rows, the current one first: by the preferred value, then the latest date, then the highest id.
pub(super) fn current_first(many: &Many, mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_cached_key(|line| {
        let fields = &line.translated.fields;
        (rank(many, fields), Reverse((latest(many, fields), line.id.clone())))
    });
    lines
}

fn rank(many: &Many, fields: &Fields) -> usize {
    let Some((field, values)) = &many.prefer else { return 0 };
    let value = fields.0.get(field).and_then(Value::as_str);
    values.iter().position(|preferred| Some(preferred.as_str()) == value).unwrap_or(values.len())
}

/// Dates of the form YYYY-MM-DD order as texts do; a row without one comes after those with one.
fn latest(many: &Many, fields: &Fields) -> Option<String> {
    fields.0.get(&many.latest).and_then(Value::as_str).map(str::to_owned)
}
