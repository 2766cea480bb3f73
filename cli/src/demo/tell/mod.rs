//! The story in nine lines, for whoever runs the demonstration. Renders facts; computes and prints nothing.

mod english;
mod french;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use super::facts::{Accesses, Approval, Blindness, Environments, Facts, Import, Loss, Refusal, Search, Withdrawal};
use super::figures::Figures;
use super::typeset;
use crate::language::Language;

/// Tells in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller(pub(crate) Language);

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u8,
    pub(crate) title: &'static str,
    colon: &'static str,
    pub(crate) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}{} {}", self.number, self.title, self.colon, self.text)
    }
}

/// A title, and what tells a fact.
type Tale<T> = (&'static str, fn(Figures, &T) -> String);

/// The words of one language.
struct Words {
    opening: &'static str,
    import: Tale<Import>,
    approval: Tale<Approval>,
    search: Tale<Search>,
    refusal: Tale<Refusal>,
    withdrawal: Tale<Withdrawal>,
    accesses: Tale<Accesses>,
    blindness: Tale<Blindness>,
    loss: Tale<Loss>,
    environments: Tale<Environments>,
    closing: fn(&Path) -> String,
}

impl Teller {
    const fn words(self) -> &'static Words {
        match self.0 {
            Language::French => &french::WORDS,
            Language::English => &english::WORDS,
        }
    }

    /// Before the story: that nobody in it exists.
    pub(crate) fn opening(self) -> String {
        self.set(self.words().opening)
    }

    pub(crate) fn import(self, import: &Import) -> Line {
        self.line(1, self.words().import, import)
    }

    pub(crate) fn approval(self, approval: &Approval) -> Line {
        self.line(2, self.words().approval, approval)
    }

    pub(crate) fn search(self, search: &Search) -> Line {
        self.line(3, self.words().search, search)
    }

    pub(crate) fn refusal(self, refusal: &Refusal) -> Line {
        self.line(4, self.words().refusal, refusal)
    }

    pub(crate) fn withdrawal(self, withdrawal: &Withdrawal) -> Line {
        self.line(5, self.words().withdrawal, withdrawal)
    }

    pub(crate) fn accesses(self, accesses: &Accesses) -> Line {
        self.line(6, self.words().accesses, accesses)
    }

    pub(crate) fn blindness(self, blindness: &Blindness) -> Line {
        self.line(7, self.words().blindness, blindness)
    }

    pub(crate) fn loss(self, loss: &Loss) -> Line {
        self.line(8, self.words().loss, loss)
    }

    pub(crate) fn environments(self, environments: &Environments) -> Line {
        self.line(9, self.words().environments, environments)
    }

    /// After the story: where its page is.
    pub(crate) fn closing(self, page: &Path) -> String {
        self.set(&(self.words().closing)(page))
    }

    /// The nine lines.
    pub(crate) fn story(self, facts: &Facts) -> [Line; 9] {
        [
            self.import(&facts.import),
            self.approval(&facts.approval),
            self.search(&facts.search),
            self.refusal(&facts.refusal),
            self.withdrawal(&facts.withdrawal),
            self.accesses(&facts.accesses),
            self.blindness(&facts.blindness),
            self.loss(&facts.loss),
            self.environments(&facts.environments),
        ]
    }

    fn line<T>(self, number: u8, (title, tell): Tale<T>, fact: &T) -> Line {
        Line { number, title, colon: self.0.pick("\u{a0}:", ":"), text: self.set(&tell(Figures(self.0), fact)) }
    }

    fn set(self, text: &str) -> String {
        typeset::set(self.0, text)
    }
}
