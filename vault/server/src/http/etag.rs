//! A record's version as an entity tag (RFC 9110): `ETag` out, `If-Match` in.

use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;
use crate::usecases::ExpectedVersion;

/// The tag of a version.
pub(super) fn of(version: u32) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{version}\"")).ok()
}

/// The versions that `If-Match` names. A weak tag matches none (RFC 9110, section 13.1.1), and `*`
/// is refused: it says that the caller saw nothing. So is a bare number, which would match none either, and look like the
/// version of somebody who was late.
pub(super) fn expected(headers: &HeaderMap) -> Result<ExpectedVersion, Problem> {
    let mut versions = Vec::new();
    let mut given = false;
    for value in headers.get_all(IF_MATCH) {
        given = true;
        let text = value.to_str().unwrap_or_default();
        if text.trim() == "*" {
            return Err(required());
        }
        if text.split(',').any(|tag| tag.trim().parse::<u32>().is_ok()) {
            return Err(Problem::malformed("in If-Match a version stands in quotes, as the ETag has it"));
        }
        versions.extend(text.split(',').filter_map(version));
    }
    if given { Ok(ExpectedVersion(versions)) } else { Err(required()) }
}

fn version(tag: &str) -> Option<u32> {
    tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

fn required() -> Problem {
    let detail = "name in If-Match the version that the change is made against: the ETag of the last reading";
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", "No version is named", detail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(value: &'static str) -> Result<ExpectedVersion, Problem> {
        expected(&HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(value))]))
    }

    #[test]
    fn only_strong_tags_match() {
        assert_eq!(read("\"3\"").unwrap(), ExpectedVersion(vec![3]));
        assert_eq!(read("\"3\", \"4\"").unwrap(), ExpectedVersion(vec![3, 4]));
        assert_eq!(read("W/\"3\"").unwrap(), ExpectedVersion(vec![]));
        assert_eq!(read("\"other\"").unwrap(), ExpectedVersion(vec![]));
        assert_eq!(read("*").unwrap_err().name(), "precondition-required");
        for bare in ["3", "\"3\", 4"] {
            assert_eq!(read(bare).unwrap_err().name(), "malformed-request", "{bare}");
        }
        assert!(expected(&HeaderMap::new()).is_err());
        assert_eq!(of(3).unwrap(), "\"3\"");
    }
}
