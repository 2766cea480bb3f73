//! From the text of one TOML file to its raw shape, with the place of whatever is wrong in it.
//! What the shape means is the business of the modules that declare it.

use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::LoadError;
use crate::place::Place;

/// A file and its text, as the checks that follow the parsing need them.
#[derive(Clone, Copy)]
pub(crate) struct TomlFile<'a> {
    /// Its name, relative to the policy folder.
    pub(crate) name: &'a str,
    /// Its content.
    pub(crate) text: &'a str,
}

impl TomlFile<'_> {
    /// The file in its raw shape; unknown keys, missing keys and wrong types are errors of the shape.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        toml::from_str(self.text).map_err(|error| LoadError::Toml {
            place: Place::of(self.name, self.text, error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })
    }

    /// Where a value stands.
    pub(crate) fn place<T>(&self, value: &Spanned<T>) -> Place {
        Place::of(self.name, self.text, value.span().start)
    }
}
