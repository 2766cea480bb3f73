//! Requests and who makes them: what stands in a body, a query, a header, a token, a certificate.

use coffre_server::fuzzing;

use super::text;

/// A body is read strictly or refused.
pub fn body(data: &[u8]) {
    fuzzing::record_body(data);
}

/// A query is read strictly or refused, and so is a cursor.
pub fn query(data: &[u8]) {
    if let Some(text) = text(data) {
        fuzzing::query(text);
    }
}

/// File names come out as they went in, and no header of ours can be split.
pub fn headers(data: &[u8]) {
    fuzzing::headers(data);
}

/// The lines of a body are the same wherever it is cut.
pub fn lines(data: &[u8]) {
    fuzzing::lines(data);
}

/// A token of an operator is believed as the identity provider signed it or not at all.
pub fn operator_token(data: &[u8]) {
    fuzzing::operator_token(data);
}

/// The identity provider's keys believe what they signed.
pub fn jwks(data: &[u8]) {
    fuzzing::jwks(data);
}

/// A client's certificate, or a list of revoked ones.
pub fn certificate(data: &[u8]) {
    fuzzing::certificate(data);
}
