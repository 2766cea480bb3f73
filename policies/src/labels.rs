//! What people read in place of a technical name, in the two languages of the project.

use serde::{Deserialize, Serialize};

/// A text in French and English. Both are required and non-empty, wherever labels are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// In French.
    pub fr: String,
    /// In English.
    pub en: String,
}

impl Labels {
    /// The language whose text is empty, if one is.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        if self.fr.trim().is_empty() {
            Some("fr")
        } else if self.en.trim().is_empty() {
            Some("en")
        } else {
            None
        }
    }
}
