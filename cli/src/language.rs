//! The language of what insurance staff read: French or English, by the locale of the environment.
//! What IT reads (help, errors, logs) is in English everywhere.

use std::env;
use std::str::FromStr;

/// A language that Coffre speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `fr`, in any country.
    French,
    /// Everything else.
    English,
}

impl FromStr for Language {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fr" => Ok(Self::French),
            "en" => Ok(Self::English),
            _ => Err("expected fr or en"),
        }
    }
}

impl Language {
    /// As POSIX has it: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty.
    pub(crate) fn of_environment() -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .filter_map(env::var_os)
            .find(|value| !value.is_empty())
            .map_or(Self::English, |value| Self::of_locale(&value.to_string_lossy()))
    }

    fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@']).next();
        if language == Some("fr") { Self::French } else { Self::English }
    }

    /// The text in this language.
    pub(crate) const fn pick<'a>(self, french: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_is_the_language_of_every_french_locale_and_of_no_other() {
        for locale in ["fr", "fr_FR", "fr_BE.UTF-8", "fr@euro"] {
            assert_eq!(Language::of_locale(locale), Language::French, "{locale}");
        }
        for locale in ["C", "POSIX", "en_GB.UTF-8", "frp", "de_CH"] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
    }
}
