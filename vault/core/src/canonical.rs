//! Canonical JSON: RFC 8785 for the values Coffre writes (no floating-point numbers).
//!
//! Whatever is hashed or signed is written by this module, so that equal values have equal bytes.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// A value that has no canonical form here.
#[derive(Debug, Error)]
pub enum CanonicalError {
    /// RFC 8785 writes numbers as IEEE doubles; Coffre writes integers only.
    #[error("a number with a fraction or beyond 53 bits cannot be written canonically: use text instead")]
    Number,
    /// The value does not serialize to JSON at all.
    #[error("the value cannot be written as JSON")]
    Serialize(#[source] serde_json::Error),
}

/// The canonical bytes of a value.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(CanonicalError::Serialize)?;
    let mut out = Vec::with_capacity(256);
    write(&value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            const SAFE: i64 = (1 << 53) - 1;
            let n = number.as_i64().filter(|n| (-SAFE..=SAFE).contains(n)).ok_or(CanonicalError::Number)?;
            out.extend_from_slice(n.to_string().as_bytes());
        }
        Value::String(text) => write_text(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // RFC 8785 sorts names by UTF-16 code units.
            let mut names: Vec<&String> = map.keys().collect();
            names.sort_unstable_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, name) in names.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(name, out)?;
                out.push(b':');
                write(map.get(name).unwrap_or(&Value::Null), out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// `serde_json` escapes exactly what RFC 8785 asks for: quote, backslash and control characters.
fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(CanonicalError::Serialize)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn sorts_names_and_escapes_as_rfc_8785() {
        let value = json!({"b": [1, null, true], "a": "é\u{20ac}\n\u{1f}\"\\", "\u{e000}": 1, "\u{10000}": 2});
        let text = String::from_utf8(to_vec(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"a\":\"é€\\n\\u001f\\\"\\\\\",\"b\":[1,null,true],\"\u{10000}\":2,\"\u{e000}\":1}");
    }

    #[test]
    fn refuses_fractions_and_big_numbers() {
        assert!(matches!(to_vec(&json!(1.5)), Err(CanonicalError::Number)));
        assert!(matches!(to_vec(&json!(1_u64 << 53)), Err(CanonicalError::Number)));
    }
}
