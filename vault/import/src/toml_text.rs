//! A TOML file whose every complaint says where in it. Knows nothing of what it declares.

use coffre_policies::Place;
use serde::de::DeserializeOwned;
use toml::Spanned;

/// A TOML file and its name.
#[derive(Clone, Copy)]
pub(crate) struct TomlText<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl TomlText<'_> {
    /// The line of a byte.
    pub(crate) fn at(&self, offset: usize) -> Place {
        let before = self.text.as_bytes().iter().take(offset);
        Place { file: self.file.to_owned(), line: 1 + before.filter(|b| **b == b'\n').count() }
    }

    /// The line of a value.
    pub(crate) fn of<T>(&self, value: &Spanned<T>) -> Place {
        self.at(value.span().start)
    }

    /// The file's shape, or where and why it has another.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, (Place, String)> {
        toml::from_str(self.text).map_err(|error| {
            let place = self.at(error.span().map_or(0, |span| span.start));
            (place, error.message().trim_end().replace('\n', ", "))
        })
    }
}
