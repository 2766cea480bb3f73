//! A place in a file of the policy folder, so that every complaint says where. Reads no file.

use std::fmt;

use crate::sources::Sources;

/// A line of a file of the policy folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to the policy folder, with `/` between its parts.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl Place {
    /// The line of `text` (the content of `file`) that holds the byte at `offset`.
    pub(crate) fn of(file: &str, text: &str, offset: usize) -> Self {
        let before = text.as_bytes().iter().take(offset);
        Self { file: file.to_owned(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
    }

    /// The first line from here on that holds a text; this line where none does.
    pub(crate) fn down_to(self, sources: &Sources, sought: &str) -> Self {
        let text = sources.iter().find(|(file, _)| *file == self.file).map_or("", |(_, text)| text);
        let below = text.lines().skip(self.line.saturating_sub(1)).position(|line| line.contains(sought));
        Self { line: self.line + below.unwrap_or(0), ..self }
    }

    /// The first line of a file, for what concerns it as a whole.
    pub(crate) fn top(file: &str) -> Self {
        Self { file: file.to_owned(), line: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one_and_never_beyond_the_end() {
        let line = |offset| Place::of("f", "a\nbc\n", offset).line;
        assert_eq!([line(0), line(1), line(2), line(4), line(99)], [1, 1, 2, 2, 3]);
    }
}
