//! A document's file name in `Content-Disposition` (RFC 6266, RFC 8187): out of the way of URLs and
//! their logs, since it may name a person.

use std::fmt::Write as _;

use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};

use super::percent;
use super::problem::Problem;

/// The most characters of a file name.
const LONGEST: usize = 200;
/// The name of a document that came without one.
const NAMELESS: &str = "document";

/// The file name that an upload states.
pub(super) fn stated(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(CONTENT_DISPOSITION) else { return Ok(NAMELESS.to_owned()) };
    let wrong = |detail: &str| Problem::malformed(format!("in Content-Disposition, {detail}"));
    let text = value.to_str().map_err(|_| wrong("write a name beyond ASCII as filename*=UTF-8''…"))?;
    let parameters = parameters(text).ok_or_else(|| wrong("the parameters are malformed"))?;
    let named = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let name = match (named("filename*"), named("filename")) {
        (Some(extended), _) => extended_value(extended).ok_or_else(|| wrong("filename* is not UTF-8''…"))?,
        (None, Some(plain)) => plain.to_owned(),
        (None, None) => NAMELESS.to_owned(),
    };
    // Some clients state a path; its last part is the name.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name.chars().count() > LONGEST || name.contains(char::is_control) {
        return Err(wrong("a file name has 1 to 200 characters and no control character"));
    }
    Ok(name.to_owned())
}

/// The header of a download: never shown by a browser, always saved.
pub(super) fn attachment(name: &str) -> Option<HeaderValue> {
    let plain: String =
        name.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\') { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        text.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _infallible = write!(text, "%{byte:02X}");
            }
        }
    }
    HeaderValue::from_str(&text).ok()
}

/// The parameters after the disposition, their names in lower case, quotes undone.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest).trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let (value, after) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), after)
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = after.trim_start().trim_start_matches(';').trim_start();
    }
    Some(found)
}

fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(position + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent::decoded(encoded)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(value: &'static str) -> Result<String, Problem> {
        stated(&HeaderMap::from_iter([(CONTENT_DISPOSITION, HeaderValue::from_static(value))]))
    }

    #[test]
    fn names_come_in_as_rfc_6266_writes_them() {
        assert_eq!(read("attachment; filename=\"contrat.pdf\"").unwrap(), "contrat.pdf");
        assert_eq!(read("attachment; filename=contrat.pdf").unwrap(), "contrat.pdf");
        assert_eq!(read("attachment; filename=\"a \\\"b\\\"; c.pdf\"; size=3").unwrap(), "a \"b\"; c.pdf");
        assert_eq!(read("attachment; filename=\"x\"; filename*=UTF-8''Lef%C3%A8vre.pdf").unwrap(), "Lefèvre.pdf");
        assert_eq!(read("attachment; filename=\"C:\\\\Users\\\\contrat.pdf\"").unwrap(), "contrat.pdf");
        assert_eq!(read("attachment").unwrap(), NAMELESS);
        assert_eq!(stated(&HeaderMap::new()).unwrap(), NAMELESS);
        for wrong in [
            "a; filename=\"x",
            "a; filename",
            "a; filename*=latin1''x",
            "a; filename*=UTF-8''%C3",
            "a; filename=\"..//\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_go_out_so_that_they_come_back() {
        for name in ["contrat.pdf", "Lefèvre « 2024 ».pdf", "a\"b\\c.pdf", "100 %.pdf"] {
            let value = attachment(name).unwrap();
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
            let expected = name.rsplit(['/', '\\']).next().unwrap();
            assert_eq!(stated(&headers).unwrap(), expected);
        }
    }
}
