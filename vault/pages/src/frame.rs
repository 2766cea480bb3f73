//! Frames of a write-ahead log, each on its way to the system in one piece. SQLite writes the header of a frame and right after it the page: two
//! calls, neither of them of whole pages of the file, for what lies side by side.
//!
//! A header waits for what is written next and for nothing else. That of a frame that ends a commit does not wait: once it is written SQLite
//! may be done with the log.

use crate::pages::PAGE;

/// Bytes of the log before its first frame.
const BEGINNING: i64 = 32;
/// Bytes of a frame's header.
const HEADER: usize = 24;
/// Bytes of a frame.
const FRAME: usize = HEADER + PAGE;

/// The header of a frame whose page has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) bytes: [u8; HEADER],
    /// Where in the log it belongs.
    pub(crate) at: i64,
}

impl Header {
    /// What is written to a place of the log, if it is the header of a frame that ends no commit.
    pub(crate) fn of(bytes: &[u8], at: i64) -> Option<Self> {
        let bytes: [u8; HEADER] = bytes.try_into().ok()?;
        // The page's number, then how many pages the database has with this commit: none where it goes on.
        let [_, _, _, _, a, b, c, d, ..] = bytes;
        let begins_a_frame = at >= BEGINNING && (at - BEGINNING) % (FRAME as i64) == 0;
        (begins_a_frame && [a, b, c, d] == [0; 4]).then_some(Self { bytes, at })
    }

    /// The whole frame, if its page is what is written next.
    pub(crate) fn with(&self, page: &[u8], at: i64) -> Option<[u8; FRAME]> {
        if page.len() != PAGE || at != self.at + HEADER as i64 {
            return None;
        }
        let mut frame = [0; FRAME];
        let (header, rest) = frame.split_at_mut(HEADER);
        header.copy_from_slice(&self.bytes);
        rest.copy_from_slice(page);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SECOND: i64 = BEGINNING + FRAME as i64;

    /// The header of a frame for page 7.
    fn header(pages: u32) -> [u8; HEADER] {
        let mut bytes = [3; HEADER];
        bytes.split_at_mut(4).0.copy_from_slice(&7_u32.to_be_bytes());
        bytes.split_at_mut(4).1.split_at_mut(4).0.copy_from_slice(&pages.to_be_bytes());
        bytes
    }

    #[test]
    fn a_frame_goes_in_one_piece() {
        let (bytes, page) = (header(0), [9; PAGE]);
        for at in [BEGINNING, SECOND] {
            let frame = Header::of(&bytes, at).unwrap().with(&page, at + 24).unwrap();
            assert_eq!(frame.as_slice(), [bytes.as_slice(), page.as_slice()].concat());
        }
    }

    #[test]
    fn nothing_waits_but_a_header_within_a_commit() {
        assert_eq!(Header::of(&header(12), SECOND), None, "a commit ends");
        assert_eq!(Header::of(&header(0x0100_0000), SECOND), None, "a commit of a large database");
        assert_eq!(Header::of(&header(0), 8), None, "the log's own header, a part of it");
        assert_eq!(Header::of(&header(0), SECOND + 24), None, "not where a frame begins");
        assert_eq!(Header::of(&[0; 32], BEGINNING), None, "not of this length");
    }

    #[test]
    fn a_header_takes_no_other_page() {
        let header = Header::of(&header(0), SECOND).unwrap();
        assert_eq!(header.with(&[9; PAGE], SECOND + 24 + FRAME as i64), None);
        assert_eq!(header.with(&[9; PAGE], SECOND), None);
        assert_eq!(header.with(&[9; PAGE - 1], SECOND + 24), None);
    }
}
