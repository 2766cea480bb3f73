//! A caller that creates something, perhaps under a key of its own: the header `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header), by which a repetition is known.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use coffre_core::crypto::sha256;
use coffre_store::RepeatKey;
use serde::de::DeserializeOwned;

use super::caller::Caller;
use super::problem::Problem;
use super::{Api, body};
use crate::authentication::Operator;
use crate::limits::Limits;
use crate::usecases::{Begun, Call};

/// The caller's key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The most characters of it.
const LONGEST_KEY: usize = 255;

/// A caller that creates something. Its key is taken before the body is read, so that a repetition which overtakes a slow
/// body is told so.
pub(super) struct Creator {
    call: Call,
    begun: Option<Begun>,
}

impl FromRequestParts<Api> for Creator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(call) = Caller::from_request_parts(parts, api).await?;
        let key = key(&parts.headers)?;
        let begun = key.map(|key| api.keeper.begin(call.application, key)).transpose()?;
        Ok(Self { call, begun })
    }
}

impl Creator {
    /// The call, before it is known what it creates.
    pub(super) const fn call(&self) -> &Call {
        &self.call
    }

    /// Reads a JSON body; with it the request is known.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        parts: &Parts,
        sent: Body,
        limits: &Limits,
    ) -> Result<(T, Call), Problem> {
        let bytes = body::bytes(&parts.headers, sent, limits, &["application/json"]).await?;
        let read = body::parsed(&bytes)?;
        Ok((read, self.knowing(parts, &sha256(&bytes))))
    }

    /// Reads nothing, for a route that takes no body.
    pub(super) async fn no_body(&self, parts: &Parts, sent: Body, limits: &Limits) -> Result<Call, Problem> {
        body::none(&parts.headers, sent, limits).await?;
        Ok(self.knowing(parts, &sha256(b"")))
    }

    /// The call for one line of a body: its number goes into the key, so that each line is created once.
    pub(super) fn knowing_line(&self, parts: &Parts, number: u64, line: &[u8]) -> Call {
        let mut call = self.knowing(parts, &sha256(line));
        if let Some(RepeatKey { key, .. }) = &mut call.repeat_key {
            // No key has a space in it.
            *key = format!("{key} line {number}");
        }
        call
    }

    /// The call, with its key bound to all that makes the request what it is.
    pub(super) fn knowing(&self, parts: &Parts, body_sha256: &[u8]) -> Call {
        let request = |begun: &Begun| begun.with_request(fingerprint(parts, self.call.operator.as_ref(), body_sha256));
        Call { repeat_key: self.begun.as_ref().map(request), ..self.call.clone() }
    }
}

/// The key, in the draft's spelling (a quoted string) or as most clients write it, bare.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = |detail: &str| {
        let title = "Not a key of a repeatable request";
        Problem::new(StatusCode::BAD_REQUEST, "malformed-idempotency-key", title, detail)
    };
    let mut given = headers.get_all(KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(wrong("send the header Idempotency-Key once"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let sound = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if bare.is_empty() || bare.len() > LONGEST_KEY || !bare.chars().all(sound) {
        return Err(wrong(
            "Idempotency-Key is 1 to 255 visible ASCII characters, such as a new UUID for each creation",
        ));
    }
    Ok(Some(bare.to_owned()))
}

/// The SHA-256 of what makes a request what it is. Each part is preceded by its length, so that none runs into the next.
fn fingerprint(parts: &Parts, operator: Option<&Operator>, body_sha256: &[u8]) -> [u8; 32] {
    let header = |name: HeaderName| parts.headers.get(name).map_or(&[][..], |value| value.as_bytes());
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let said = [
        parts.method.as_str().as_bytes(),
        path.as_bytes(),
        operator.map_or("", Operator::as_str).as_bytes(),
        header(CONTENT_TYPE),
        header(CONTENT_DISPOSITION),
        body_sha256,
    ];
    let with_length = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    sha256(&said.iter().flat_map(with_length).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use axum::http::Request;

    use super::*;

    #[test]
    fn keys_in_both_spellings() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, value.parse().unwrap());
            }
            key(&headers)
        };
        assert_eq!(read(&[]).unwrap(), None);
        for same in ["8e03978e-40d5", "\"8e03978e-40d5\"", " 8e03978e-40d5 "] {
            assert_eq!(read(&[same]).unwrap().unwrap(), "8e03978e-40d5");
        }
        let long = "x".repeat(256);
        for wrong in ["", "\"\"", "\"", "two words", "a\"b", "é", &long] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
        assert!(read(&["a", "a"]).is_err());
    }

    #[test]
    fn whatever_makes_a_request_another_one_gives_it_another_fingerprint() {
        let parts = |method: &str, path: &str, kind: &str, name: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.header(CONTENT_TYPE, kind).header(CONTENT_DISPOSITION, name);
            request.body(()).unwrap().into_parts().0
        };
        let operator = |name: &str| Some(name.parse::<Operator>().unwrap());
        let of =
            |parts: &Parts, operator: Option<Operator>, body: u8| fingerprint(parts, operator.as_ref(), &[body; 32]);
        let usual = parts("POST", "/v1/x?purpose=p", "a/b", "n");
        let mut seen = vec![
            of(&usual, operator("a"), 1),
            of(&usual, operator("a"), 2),
            of(&usual, operator("b"), 1),
            of(&usual, None, 1),
            of(&parts("PUT", "/v1/x?purpose=p", "a/b", "n"), operator("a"), 1),
            of(&parts("POST", "/v1/x?purpose=q", "a/b", "n"), operator("a"), 1),
            of(&parts("POST", "/v1/x?purpose=p", "a/bn", ""), operator("a"), 1),
            of(&parts("POST", "/v1/x?purpose=p", "a/b", "m"), operator("a"), 1),
        ];
        assert_eq!(seen.first(), Some(&of(&usual, operator("a"), 1)), "the same again");
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
