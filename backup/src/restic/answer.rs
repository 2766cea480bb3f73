//! What restic says, kept as a whole. Whoever may write to a repository can have it say more than there is memory for: a few
//! bytes there stand for any number of them here.

use std::borrow::Cow;

use crate::destination::Allowance;

/// It grows by doubling, and what is read in it stands beside it.
const TIMES: u64 = 4;

/// What was said so far, unless that was too much.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    allowance: Allowance,
    is_too_much: bool,
}

impl Answer {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.is_too_much |= !self.allowance.bytes(TIMES * piece.len() as u64);
        if self.is_too_much {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(piece);
        }
    }

    /// All of it; none where it was too much.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        if self.is_too_much { None } else { Some(String::from_utf8_lossy(&self.bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_without_an_end_is_not_kept() {
        let mut answer = Answer { allowance: Allowance::of(TIMES * 5), ..Answer::default() };
        answer.push(b"[{}");
        answer.push(b"]\n");
        assert_eq!(answer.text().as_deref(), Some("[{}]\n"));
        answer.push(b" ");
        assert_eq!((answer.text(), answer.bytes.capacity()), (None, 0));
        answer.push(b"");
        assert_eq!(answer.text(), None, "nor is the end of it taken for all");
    }
}
