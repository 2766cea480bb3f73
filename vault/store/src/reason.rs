//! Reasons as they are kept beside the entries of the log: `epoch (4) ‖ subject (16) ‖ ciphertext`. The first two say which key
//! opens the rest.

use coffre_core::ids::SubjectId;

use crate::error::ReadError;

/// What a reason's ciphertext is, in its label.
pub(crate) const NOTE: &str = "reason";

/// The parts of a kept reason.
pub(crate) fn split(sealed: &[u8]) -> Result<(u32, SubjectId, &[u8]), ReadError> {
    let parts = sealed.split_first_chunk::<4>().and_then(|(epoch, rest)| {
        let (subject, bytes) = rest.split_first_chunk::<16>()?;
        Some((u32::from_be_bytes(*epoch), SubjectId::from_bytes(*subject), bytes))
    });
    parts.ok_or(ReadError::Format { what: "reason" })
}

/// A reason to be kept.
pub(crate) fn joined(epoch: u32, subject: SubjectId, bytes: &[u8]) -> Vec<u8> {
    [epoch.to_be_bytes().as_slice(), subject.as_bytes(), bytes].concat()
}
