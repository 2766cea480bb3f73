//! The readers of requests, opened to the fuzz targets, with what they promise. Not part of the product.

use std::fmt::Debug;

use axum::body::Bytes;
use axum::http::header::{CONTENT_DISPOSITION, IF_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use coffre_store::FilingCursor;

use super::cursor::{Cursor, InPages, NextEntry, OlderThan};
use super::ndjson::{Line, Splitter};
use super::parameters::Parameters;
use super::record_body::RecordBody;
use super::{creator, digest, etag, file_name};

/// The longest line.
const LONGEST: usize = 48;

/// A body is read strictly or refused.
pub fn record_body(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<RecordBody>(data) else { return };
    let cleared: std::collections::BTreeSet<_> = body.cleared.iter().collect();
    assert_eq!(cleared.len(), body.cleared.len(), "a category is cleared once");
}

/// A query is read strictly or refused; a cursor in it is of one list, and is written as what reads the same.
pub fn query(text: &str) {
    cursor::<FilingCursor>(text);
    cursor::<NextEntry>(text);
    cursor::<OlderThan>(text);
    let Ok(uri) = format!("/v1/records?{text}").parse::<Uri>() else { return };
    let Ok(mut read) = Parameters::read(&uri, &[], &["fields", "limit", "purpose", "reason"]) else { return };
    if let Ok(limit) = read.limit(10, 100) {
        assert!((1..=100).contains(&limit));
    }
    if let Ok(Some(reason)) = read.reason() {
        assert!(!reason.contains(char::is_control) && !reason.trim().is_empty());
    }
    let _ = read.fields();
}

fn cursor<P: InPages + Copy + PartialEq + Debug>(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor<P>>() {
        assert_eq!(cursor.to_string().parse::<Cursor<P>>(), Ok(cursor), "a cursor comes back as it was");
    }
}

/// The lines of a body are the same wherever it is cut, and none is longer than one may be.
pub fn lines(data: &[u8]) {
    let whole = split([data].into_iter());
    let length = 1 + usize::from(data.first().copied().unwrap_or_default() % 16);
    assert_eq!(split(data.chunks(length)), whole, "a body is the same wherever it is cut");
    assert!(whole.is_sorted_by(|one, other| one.number < other.number));
    assert!(whole.iter().filter_map(|line| line.text.as_ref()).all(|text| text.len() <= LONGEST));
}

fn split<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> Vec<Line> {
    let (mut splitter, mut found) = (Splitter::up_to(LONGEST), Vec::new());
    for piece in pieces {
        splitter.feed(&Bytes::copy_from_slice(piece));
        found.extend(std::iter::from_fn(|| splitter.next(false)));
    }
    found.extend(std::iter::from_fn(|| splitter.next(true)));
    found
}

/// A file name that is accepted can be given back, and names a file and not a path. The key of a repeatable request has no
/// space in it, behind which the number of a line goes.
pub fn headers(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let with = |name| HeaderMap::from_iter([(name, value.clone())]);
    if let Ok(name) = file_name::stated(&with(CONTENT_DISPOSITION)) {
        assert!(!name.is_empty() && !name.contains(['/', '\\']) && !name.contains(char::is_control));
        let attachment = file_name::attachment(&name);
        assert!(attachment.is_some(), "an accepted name can be given back");
        let again = file_name::stated(&HeaderMap::from_iter(attachment.map(|value| (CONTENT_DISPOSITION, value))));
        assert!(again.is_ok_and(|again| again == name), "a name comes back as it was");
    }
    if let Ok(Some(key)) = creator::key(&with(HeaderName::from_static("idempotency-key"))) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let _ = etag::expected(&with(IF_MATCH));
    let _ = digest::announced(&with(digest::REPR_DIGEST));
}
