//! Requests: what stands in a body, a query, a header.

use coffre_server::fuzzing;

use super::text;

/// A body is read strictly or refused.
pub fn body(data: &[u8]) {
    fuzzing::record_body(data);
}

/// A query is read strictly or refused.
pub fn query(data: &[u8]) {
    if let Some(text) = text(data) {
        fuzzing::query(text);
    }
}

/// File names come out as they went in, and no header of ours can be split.
pub fn headers(data: &[u8]) {
    fuzzing::headers(data);
}
