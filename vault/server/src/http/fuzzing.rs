//! The readers of requests, opened to the fuzz targets, with what they promise. Not part of the product.

use axum::http::header::{CONTENT_DISPOSITION, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, Uri};

use super::parameters::Parameters;
use super::record_body::RecordBody;
use super::{digest, etag, file_name};

/// A body is read strictly or refused.
pub fn record_body(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<RecordBody>(data) else { return };
    let cleared: std::collections::BTreeSet<_> = body.cleared.iter().collect();
    assert_eq!(cleared.len(), body.cleared.len(), "a category is cleared once");
}

/// A query is read strictly or refused.
pub fn query(text: &str) {
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

/// A file name that is accepted can be given back, and names a file and not a path.
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
    let _ = etag::expected(&with(IF_MATCH));
    let _ = digest::announced(&with(digest::REPR_DIGEST));
}
