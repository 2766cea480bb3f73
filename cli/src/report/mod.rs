//! How backups stand, for people: every morning, even when all is green. Gathering is the business of the verb; here facts
//! become text and one self-contained page, in French or English.

mod chart;
mod facts;
mod page;
mod series;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub(crate) use facts::{Copy, Drills, Facts, JobFact, RepositoryFact, SourceFact};
pub(crate) use page::page;
pub(crate) use text::{subject, text};

use serde_json::{Value, json};

use crate::language::Language;
use crate::notify::Message;

impl Facts {
    /// For programs: the facts, and what is wrong in them.
    pub(crate) fn as_json(&self) -> Value {
        json!({ "well": self.problems().is_empty(), "problems": self.problems(), "restorable": self.restorable(), "facts": self })
    }

    /// The report as it is sent.
    pub(crate) fn message(&self, language: Language) -> Message {
        let html = (page(self, language, false), page(self, language, true));
        Message {
            kind: "report",
            subject: subject(self, language),
            text: text(self, language),
            html: Some(html),
            facts: self.as_json(),
        }
    }
}
