//! Cuts a stream of pieces into lines. A line that is too long for a message is passed over.

/// The longest line that is kept; restic's own are a few hundred bytes.
const LONGEST: usize = 1 << 20;

/// Collects pieces and gives whole lines.
#[derive(Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    overlong: bool,
}

impl Lines {
    /// Adds a piece and hands over each line that it completes, without its newline.
    pub(super) fn push(&mut self, piece: &[u8], mut each: impl FnMut(&str)) {
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.pending.len() + part.len() > LONGEST {
                self.overlong = true;
                self.pending.clear();
            } else {
                self.pending.extend_from_slice(part);
            }
            if parts.peek().is_some() {
                let line = std::mem::take(&mut self.pending);
                if !std::mem::take(&mut self.overlong) {
                    each(&String::from_utf8_lossy(&line));
                }
            }
        }
    }

    /// The last line, if it has no newline.
    pub(super) fn finish(self, each: impl FnOnce(&str)) {
        if !self.pending.is_empty() && !self.overlong {
            each(&String::from_utf8_lossy(&self.pending));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive() {
        for size in 1..12 {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in "one\n\ntwo é\nlast".as_bytes().chunks(size) {
                lines.push(piece, |line| seen.push(line.to_owned()));
            }
            lines.finish(|line| seen.push(line.to_owned()));
            assert_eq!(seen, ["one", "", "two é", "last"], "pieces of {size}");
        }
    }

    #[test]
    fn an_overlong_line_is_passed_over() {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for piece in [&vec![b'x'; LONGEST][..], b"yz", b"more\nnext\n"] {
            lines.push(piece, |line| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["next"]);
    }
}
