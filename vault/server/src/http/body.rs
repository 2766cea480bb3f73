//! Reading bodies: bounded in size and time, JSON strictly.

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::problem::Problem;
use crate::limits::Limits;

/// Reads a JSON body of one of these media types.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    media_types: &[&str],
) -> Result<T, Problem> {
    parsed(&bytes(headers, body, limits, media_types).await?)
}

/// Reads JSON.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Read without their names, members would be taken for one another.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(not_as_expected("expected an object with named members"));
    }
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut text).map_err(|error| {
        let place = error.path().to_string();
        malformed(error.inner()).in_field(&place)
    })?;
    text.end().map_err(|error| malformed(&error))?;
    Ok(read)
}

/// Reads the bytes of a body of one of these media types.
pub(super) async fn bytes(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    media_types: &[&str],
) -> Result<Bytes, Problem> {
    check_type(headers, media_types)?;
    whole(headers, body, limits).await
}

/// A body is of one of these media types, and as it is to be read.
pub(super) fn check_type(headers: &HeaderMap, media_types: &[&str]) -> Result<(), Problem> {
    if !media_types.iter().any(|known| is_of_type(headers, known)) {
        return Err(unsupported(&format!("send the body as {}", media_types.join(" or "))));
    }
    check_coding(headers)
}

/// A body is not encoded: it is not decoded here, and would be taken for what it is not.
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().any(encoded) {
        return Ok(());
    }
    let refused = unsupported("send the body as it is, without Content-Encoding");
    Err(refused.with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// Reads a JSON body, or nothing where none is announced.
pub(super) async fn json_or_none<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Option<T>, Problem> {
    if headers.contains_key(CONTENT_TYPE) {
        return json(headers, body, limits, &["application/json"]).await.map(Some);
    }
    none(headers, body, limits).await.map(|()| None)
}

/// Reads a text.
pub(super) async fn text(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    bytes(headers, body, limits, &["text/plain"]).await
}

/// Reads nothing: for routes that take no body.
pub(super) async fn none(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<(), Problem> {
    if whole(headers, body, limits).await?.is_empty() {
        Ok(())
    } else {
        Err(Problem::malformed("this route takes no body: send none"))
    }
}

async fn whole(headers: &HeaderMap, mut body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let most = limits.json_bytes;
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let mut read = Vec::with_capacity(usize::try_from(declared.unwrap_or(0)).unwrap_or(most).min(most));
    let deadline = tokio::time::Instant::now() + limits.body;
    loop {
        let frame = tokio::time::timeout_at(deadline, body.frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else { return Ok(read.into()) };
        let Ok(bytes) = frame.map_err(|_| cut_off())?.into_data() else { continue };
        if read.len() + bytes.len() > most {
            let title = "The body is too large";
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                title,
                format!("a JSON body holds at most {most} bytes"),
            )
            .with("most_bytes", most));
        }
        read.extend_from_slice(&bytes);
    }
}

/// The next piece of a long body; `None` at its end.
pub(super) async fn next(body: &mut Body, limits: &Limits) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = tokio::time::timeout(limits.body, body.frame()).await.map_err(|_| too_slow())?;
        match frame {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(bytes) = frame.map_err(|_| cut_off())?.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

pub(super) fn is_of_type(headers: &HeaderMap, known: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(known))
}

pub(super) fn unsupported(detail: &str) -> Problem {
    let title = "The body is of another type";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title, detail)
}

pub(super) fn too_slow() -> Problem {
    let detail = "the body did not arrive in time: send it again";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body took too long", detail)
}

fn cut_off() -> Problem {
    // Of an import some lines may have been created.
    let detail = "it did not arrive whole: send it again";
    Problem::new(StatusCode::BAD_REQUEST, "cut-off", "The body was cut off", detail)
}

/// Says where and what, without repeating a value.
fn malformed(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let said = match error.classify() {
        // What is expected is this program's own text: whatever stands before its last mention may be a value.
        Category::Data => match text.rsplit_once(", expected ") {
            Some((wrong, expected)) if wrong.starts_with("invalid ") || wrong.starts_with("unknown variant ") => {
                format!("expected {expected}")
            }
            _ => text,
        },
        Category::Eof => format!("not JSON: it ends at line {}, column {}", error.line(), error.column()),
        Category::Syntax | Category::Io => {
            format!("not JSON from line {}, column {} on", error.line(), error.column())
        }
    };
    not_as_expected(&said)
}

fn not_as_expected(said: &str) -> Problem {
    let title = "The body is not the JSON that is expected";
    Problem::new(StatusCode::BAD_REQUEST, "malformed-json", title, format!("{said}; see /openapi.json"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_member_that_is_wrong_is_named_unless_it_may_be_a_text_of_somebody() {
        type Places = std::collections::BTreeMap<String, Vec<u32>>;
        for (text, told) in [
            (r#"{"people": [1, "Dupont"]}"#, Some("people[1]")),
            (r#"{"contact.email": [true]}"#, Some("contact.email[0]")),
            (r#"{"Anne Dupont": true}"#, None),
            ("[]", None),
            (r#"{"people": [1]} {}"#, None),
        ] {
            let problem = parsed::<Places>(text.as_bytes()).unwrap_err();
            let body = problem.body(coffre_core::ids::RequestId::from_bytes([0; 16]));
            assert_eq!(body.get("field").and_then(serde_json::Value::as_str), told, "{text}: {body}");
        }
    }

    #[tokio::test]
    async fn whoever_is_cut_off_is_not_told_that_nothing_was_stored() {
        let pieces = [Ok("{}\n"), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
        let mut body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(next(&mut body, &Limits::default()).await.unwrap().unwrap(), "{}\n");
        let problem = next(&mut body, &Limits::default()).await.unwrap_err();
        let told = problem.body(coffre_core::ids::RequestId::from_bytes([0; 16]));
        assert_eq!(problem.name(), "cut-off");
        assert_eq!(told.get("detail").unwrap(), "it did not arrive whole: send it again");
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only its parsing is tested")]
        number: u32,
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        for (text, told) in [
            (r#"{"number": "Dupont"}"#, "expected u32 at line 1 column 19; see /openapi.json"),
            (r#"{"number": "a, expected Dupont"}"#, "expected u32 at line 1 column 31; see /openapi.json"),
            (
                r#"{"number": 1, "other": 2}"#,
                "unknown field `other`, expected `number` at line 1 column 21; see /openapi.json",
            ),
            (" [1]", "expected an object with named members; see /openapi.json"),
            (r#"{"number": 1"#, "not JSON: it ends at line 1, column 12; see /openapi.json"),
            ("{number}", "not JSON from line 1, column 2 on; see /openapi.json"),
        ] {
            let body = format!("{:?}", parsed::<Strict>(text.as_bytes()).unwrap_err());
            assert!(body.contains(&format!("{told:?}")), "{body}");
        }
    }

    #[test]
    fn a_word_that_is_none_of_those_there_are_is_not_repeated() {
        type Roles = std::collections::BTreeMap<String, coffre_core::role::Role>;
        for text in [r#"{"role": "Dupont"}"#, r#"{"role": "a`, expected Dupont"}"#] {
            let body = format!("{:?}", parsed::<Roles>(text.as_bytes()).unwrap_err());
            assert!(body.contains("expected one of `legal`, ") && !body.contains("Dupont"), "{body}");
        }
    }
}
