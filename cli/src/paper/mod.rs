//! Documents that are printed and filed: one description, rendered as text and as a page. Nothing of them is loaded from
//! elsewhere. What they say is where they are made (`recovery`).

mod html;
mod text;

use zeroize::Zeroizing;

use crate::language::Language;

/// A document.
pub(crate) struct Paper {
    pub(crate) language: Language,
    /// What stands at the head of the page.
    pub(crate) title: String,
    /// The line that the text begins with where a program reads it again.
    pub(crate) format: Option<&'static str>,
    pub(crate) blocks: Vec<Block>,
}

/// A part of a document.
pub(crate) enum Block {
    Heading(String),
    Text(String),
    /// Names and what they stand for.
    Facts(Vec<(String, String)>),
    /// Rows under their headings; an empty cell is filled in by hand.
    Table {
        headings: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// Numbered lines that are typed again, large. They are secret.
    Code(Vec<Zeroizing<String>>),
    /// What to do, in order, with the commands of each step.
    Steps(Vec<Step>),
    /// Lines to fill in by hand.
    Blanks(Vec<String>),
    /// A file to write, as it stands.
    File(String),
}

/// One step.
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) commands: Vec<String>,
}

impl Step {
    pub(crate) fn new<const N: usize>(text: impl Into<String>, commands: [&str; N]) -> Self {
        Self { text: text.into(), commands: commands.map(str::to_owned).into() }
    }
}

impl Paper {
    /// As text, for a file or a terminal.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        text::render(self)
    }

    /// As a page to print on A4.
    pub(crate) fn to_html(&self) -> Zeroizing<String> {
        html::render(self)
    }
}
