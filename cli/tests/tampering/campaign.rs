//! Many changes, each by a seed: a few of each kind in every run of the tests, as many as `COFFRE_CHANGES` says in a campaign.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use crate::dice::Dice;

/// How a change came to light.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// By whom, in a word: it is counted.
    By(&'static str),
    /// What was changed is derived and was made anew: everything is as it was.
    MadeAnew,
    /// The bytes are as they were.
    Nothing,
    /// It did not: what is wrong.
    Not(String),
}

/// Of so many some are other bytes than there were, whatever the dice say.
const ENOUGH: usize = 12;

/// How it begins where nobody had anything to find, which is proven by the case and told, so that somebody can look.
const NOBODY: &str = "nobody";

/// One kind of file under attack.
pub(crate) struct Campaign {
    kind: &'static str,
    by: &'static [&'static str],
    size: usize,
    first: u64,
    found: BTreeMap<Found, usize>,
    failed: Vec<String>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Tells whoever waits for hours, past the capture of tests.
fn say(line: &str) {
    writeln!(io::stderr().lock(), "{line}").expect("somebody reads it");
}

impl Campaign {
    /// Of so many changes in a usual run, each found by one of these.
    pub(crate) fn begin(kind: &'static str, few: usize, by: &'static [&'static str]) -> Self {
        let size = number("COFFRE_CHANGES").map_or(few, |size| usize::try_from(size).expect("it fits"));
        let first = number("COFFRE_SEED").unwrap_or(1);
        Self { kind, by, size, first, found: BTreeMap::new(), failed: Vec::new() }
    }

    /// Tries as many changes as there are to be, each with dice of its own.
    pub(crate) fn run(&mut self, mut trial: impl FnMut(&mut Dice) -> (String, Found)) {
        for seed in (self.first..).take(self.size) {
            let (what, found) = trial(&mut Dice::new(seed));
            self.note(&format!("seed {seed}: {what}"), found);
        }
    }

    /// Counts one.
    pub(crate) fn note(&mut self, what: &str, found: Found) {
        let found = match found {
            Found::By(by) if !self.by.contains(&by) => Found::Not(format!("{by} finds nothing of this kind")),
            found => found,
        };
        if let Found::Not(why) = &found {
            let line = format!("{}: {what}: {why}", self.kind);
            say(&format!("NOT FOUND {line}"));
            self.failed.push(line);
        }
        if let Found::By(by) = &found
            && by.starts_with(NOBODY)
        {
            say(&format!("{}: {what}: {by}", self.kind));
        }
        let counted = if let Found::Not(_) = found { Found::Not(String::new()) } else { found };
        *self.found.entry(counted).or_default() += 1;
    }

    pub(crate) fn end(self) {
        let Self { kind, size, first, found, failed, .. } = self;
        let counts: Vec<_> = found.iter().map(|(found, count)| format!("{count} {found:?}")).collect();
        say(&format!("{kind}, from seed {first} on: {}", counts.join(", ")));
        assert!(failed.is_empty(), "{} of {kind} were not found:\n{}", failed.len(), failed.join("\n"));
        let tried: usize = found.values().sum();
        let nothing = found.get(&Found::Nothing).copied().unwrap_or_default();
        assert!(size == 0 || tried > 0, "there are no {kind}");
        assert!(tried < ENOUGH || nothing < tried, "none of {tried} {kind} was changed");
    }
}
