//! Texts with fields in them: `{contract.number} · {contract.product}`. Pure.

use coffre_core::record::{FieldPath, Fields};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Field(FieldPath),
}

/// A text with places for fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Segment>);

impl Template {
    /// The template that a text describes; `None` when a brace has no partner or holds no field.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}')?;
            segments.push(Segment::Text(before.to_owned()));
            segments.push(Segment::Field(name.parse().ok()?));
            rest = tail;
        }
        segments.push(Segment::Text(rest.to_owned()));
        let stray = |s: &Segment| matches!(s, Segment::Text(text) if text.contains(['{', '}']));
        (!segments.iter().any(stray)).then_some(Self(segments))
    }

    /// The fields it names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Field(field) => Some(field),
            Segment::Text(_) => None,
        })
    }

    /// The text for these values; a field without one is shown as a dash.
    pub(crate) fn fill(&self, fields: &Fields) -> String {
        let part = |segment: &Segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Field(field) => fields.0.get(field).map_or_else(|| "–".to_owned(), shown),
        };
        self.0.iter().map(part).collect()
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn fields_are_filled_in() {
        let mut fields = Fields::default();
        fields.0.insert("contract.number".parse().unwrap(), "C1".into());
        let filled = |text: &str| Template::parse(text).unwrap().fill(&fields);
        assert_eq!(filled("n° {contract.number}, {contract.product}."), "n° C1, –.");
        assert_eq!(filled("plain"), "plain");
        for text in ["{contract.number", "contract.number}", "{number}", "{}", "{contract.{number}}"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }
}
