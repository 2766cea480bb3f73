//! What replaces what: drawn by lot the first time, remembered for the next, and dropped with the run. No two different
//! values have the same replacement, and none is a value of the vault.

use std::collections::{HashMap, HashSet};

use coffre_core::search;

use super::draw::Draw;
use super::number::{self, Run};
use super::originals::{Originals, Tag, one_form};
use super::words::{capital, word};

/// Lots that are drawn for a replacement that holds no part of a value; then for one that is none; then it grows.
const STRICT: usize = 48;
const LENIENT: usize = 96;
/// By how many digits a number may grow where all of its length are taken.
const GROWTH: usize = 4;

/// The beginnings of the phone numbers that are kept for fiction, 10,000 each (Arcep, décision n° 2018-0881).
const FICTION: [&str; 6] = ["06 39 98", "01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49"];
const OF_EACH: usize = 10_000;
/// From one number that is tried to the next, so that a few tries see every beginning: a part that is looked for may
/// stand in a thousand numbers that follow each other. Prime to the number of all, so that none is left out.
const STRIDE: usize = 37_081;

/// Domains that are kept for examples (RFC 2606).
const DOMAINS: [&str; 3] = ["example.org", "example.net", "example.com"];

/// Their first letters, fewer than a part that is looked for.
const DOMAINS_BEGIN: &str = "exam";

/// The replacements of one run.
pub(super) struct Pseudonyms {
    originals: Originals,
    pub(super) draw: Draw,
    known: HashMap<Tag, String>,
    letters: HashMap<(Tag, usize), String>,
    given: HashSet<u64>,
    phones: HashSet<usize>,
    /// How many phone numbers were given a second time, because all that are kept for fiction were given.
    pub(super) phones_shared: u64,
}

impl Pseudonyms {
    pub(super) fn new(originals: Originals, draw: Draw) -> Self {
        Self {
            originals,
            draw,
            known: HashMap::new(),
            letters: HashMap::new(),
            given: HashSet::new(),
            phones: HashSet::new(),
            phones_shared: 0,
        }
    }

    /// What stands for a value, in a field of so many characters.
    fn once(&mut self, tag: Tag, most: usize, make: impl FnOnce(&mut Self) -> Option<String>) -> Option<String> {
        // One that was made for a longer field may not fit: then a shorter one stands for the value from here on.
        if let Some(known) = self.known.get(&tag).filter(|known| known.chars().count() <= most) {
            return Some(known.clone());
        }
        let new = make(self)?;
        self.known.insert(tag, new.clone());
        Some(new)
    }

    /// Draws until something comes that is new and no value of the vault.
    fn drawn(&mut self, mut lot: impl FnMut(&mut Self, usize) -> String) -> Option<String> {
        for attempt in 0..STRICT + LENIENT {
            let made = lot(self, attempt);
            let taken = if attempt < STRICT { self.originals.are_in(&made) } else { self.originals.are(&made) };
            if !taken && !made.is_empty() && self.given.insert(self.originals.hash(&one_form(&made))) {
                return Some(made);
            }
        }
        None
    }

    /// A new word that means nothing.
    pub(super) fn word(&mut self, most: usize) -> Option<String> {
        // Short ones run out: in a field that takes more, more syllables are tried.
        self.drawn(|this, attempt| word(&mut this.draw, 2 + attempt % 3, most)).map(|word| capital(&word))
    }

    /// So many of them, as far as they fit.
    pub(super) fn words(&mut self, many: usize, most: usize) -> Option<String> {
        let mut last = self.word(most)?;
        let mut text = last.clone();
        for _ in 1..many {
            let next = self.word(most)?.to_lowercase();
            // Where two words meet there may stand one that is known.
            let meet = format!("{last} {next}");
            if text.chars().count() + 1 + next.chars().count() > most || self.originals.are_in(&meet) {
                break;
            }
            text = format!("{text} {next}");
            last = next;
        }
        Some(text)
    }

    /// The words that stand for a text.
    pub(super) fn text(&mut self, tag: Tag, many: usize, most: usize) -> Option<String> {
        self.once(tag, most, |this| this.words(many, most))
    }

    /// The name that stands for a name.
    pub(super) fn name(&mut self, tag: Tag, most: usize) -> Option<String> {
        self.once(tag, most, |this| this.word(most))
    }

    /// The address that stands for an address.
    pub(super) fn email(&mut self, tag: Tag) -> Option<String> {
        self.once(tag, usize::MAX, Self::new_email)
    }

    pub(super) fn new_email(&mut self) -> Option<String> {
        // With the beginning of its domain: where the two meet there may stand a name that is known.
        let name = self.drawn(|this, attempt| word(&mut this.draw, 3 + attempt % 2, 24) + DOMAINS_BEGIN)?;
        let name = name.strip_suffix(DOMAINS_BEGIN)?;
        Some(format!("{name}@{}", self.draw.pick(&DOMAINS)?))
    }

    /// The phone number that stands for a number.
    pub(super) fn phone(&mut self, tag: Tag) -> Option<String> {
        self.once(tag, usize::MAX, Self::new_phone)
    }

    pub(super) fn new_phone(&mut self) -> Option<String> {
        let all = FICTION.len() * OF_EACH;
        let from = self.draw.below(all);
        let lots = || (0..all).map(|lot| (from + lot * STRIDE) % all);
        // Where numbers of the vault have five digits, as client numbers have, nearly every number holds one of them.
        for (strict, tries) in [(true, STRICT), (false, all)] {
            let free = lots().filter(|at| !self.phones.contains(at)).take(tries);
            let numbers = free.filter_map(|at| Some((at, fictitious(at)?)));
            let taken = |number: &str| self.is_real(number) || (strict && self.originals.are_in(number));
            let found = numbers.into_iter().find(|(_, number)| !taken(number));
            if let Some((at, number)) = found {
                self.phones.insert(at);
                return Some(number);
            }
        }
        self.phones_shared += 1;
        let free = lots().filter_map(fictitious).find(|number| !self.is_real(number));
        free.or_else(|| fictitious(from))
    }

    fn is_real(&self, phone: &str) -> bool {
        self.originals.are(phone) || self.originals.are(&search::phone(phone))
    }

    /// The number that stands for a number.
    pub(super) fn number(&mut self, tag: Tag, form: &[Run], most: usize) -> Option<String> {
        self.once(tag, most, |this| {
            (0..=GROWTH).find_map(|more| this.drawn(|this, _| this.of_form(form, more).chars().take(most).collect()))
        })
    }

    fn of_form(&mut self, form: &[Run], more: usize) -> String {
        let mut text: String = form.iter().map(|run| self.of_run(run)).collect();
        if more > 0 {
            text.push_str(&number::digits(&mut self.draw, more, false));
        }
        text
    }

    fn of_run(&mut self, run: &Run) -> String {
        match run {
            Run::Sign(sign) => sign.to_string(),
            Run::Digits { many, from_zero } => number::digits(&mut self.draw, *many, *from_zero),
            Run::Letters { many, upper, tag } => {
                if let Some(known) = self.letters.get(&(*tag, *many)) {
                    return known.clone();
                }
                let mut made = number::letters(&mut self.draw, *many, *upper);
                for _ in 0..STRICT {
                    if !self.originals.are_in(&made) && self.originals.tag("letters", &made.to_lowercase()) != *tag {
                        break;
                    }
                    made = number::letters(&mut self.draw, *many, *upper);
                }
                self.letters.insert((*tag, *many), made.clone());
                made
            }
        }
    }
}

fn fictitious(at: usize) -> Option<String> {
    let (range, rest) = (at / OF_EACH, at % OF_EACH);
    FICTION.get(range).map(|begin| format!("{begin} {:02} {:02}", rest / 100, rest % 100))
}
