//! What can be wrong with `coffre.toml`, told with file and line.

use std::io;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use thiserror::Error;

/// A configuration that cannot be used. Nothing was started with it.
#[derive(Debug, Error)]
pub(crate) enum ConfigurationError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}; check the path given with --config and its permissions", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Not TOML, a field that does not exist, a value that is none.
    #[error("{}:{line}:{column}: {reason}; the fields are described in docs/OPERATIONS.md", file.display())]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Every field is well-formed, but together they make no sense.
    #[error("in {}, {reason}", file.display())]
    Contradiction {
        /// Which file.
        file: PathBuf,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// Several environments are declared, and none is named.
    #[error("{} declares several environments; say which one is meant: `coffre --environment NAME …`", place.display())]
    Several {
        /// Where they are.
        place: PathBuf,
    },
    /// None of the places holds a configuration.
    #[error("no configuration found; name one with --config FILE, or put it at {}", place.display())]
    Nowhere {
        /// The last place looked at.
        place: PathBuf,
    },
}

impl ConfigurationError {
    pub(super) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        // The parser's own message may take several lines.
        Self::after(before, file, error.message().trim().replace('\n', ", "))
    }

    /// A file in an encoding of former times.
    pub(super) fn encoding(file: &Path, error: &FromUtf8Error) -> Self {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let reason = "the next character is no UTF-8, so save the file as UTF-8".to_owned();
        Self::after(&String::from_utf8_lossy(before), file, reason)
    }

    fn after(before: &str, file: &Path, reason: String) -> Self {
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
        Self::Syntax { file: file.to_owned(), line, column, reason }
    }
}
