//! What says something about a person, by category: which records it may come from, and the lots by which it is dealt.
//! A category of a record is dealt only where several records have the same in it, dates to the decade: nothing that
//! one person alone has comes out.

use std::collections::HashMap;
use std::hash::Hash;

use coffre_core::day::Day;
use coffre_policies::values::date::{FIRST_YEAR, LAST_YEAR};

use super::draw::Draw;
use super::originals::Tag;

/// So many records must have something in common before it is dealt. Five is what official statistics ask of a cell.
pub(super) const SHARED_BY: usize = 5;

/// How far dates are shifted, in days, one way or the other.
const SHIFT: usize = 180;

/// How far ahead a category is looked for whose dates are not before those of the categories declared earlier.
const LOOK_AHEAD: usize = 64;

/// A value that says something about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    Flag(bool),
    /// By its position among the values.
    Choice(usize),
    Date(Day),
    Text {
        tag: Tag,
        words: usize,
    },
}

/// The values of a category's fields in a record, in the order in which the fields are declared.
pub(super) type Traits = Vec<Option<Trait>>;

/// What is compared of a value.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Coarse {
    Absent,
    Flag(bool),
    Choice(usize),
    Decade(i32),
    Text,
}

/// The traits of a category, and whose they are.
#[derive(Debug, Clone)]
pub(super) struct Card {
    /// The record that has them.
    pub(super) origin: usize,
    pub(super) traits: Traits,
}

/// The cards of one category: traits in an order drawn by lot, dealt from the first to the last and then again.
pub(super) struct Deck<T> {
    cards: Vec<T>,
    next: usize,
}

impl<T> Deck<T> {
    /// A deck of what several have in common, by a key.
    pub(super) fn of<K: Eq + Hash>(all: Vec<T>, key: impl Fn(&T) -> K, draw: &mut Draw) -> Self {
        let mut counts: HashMap<K, usize> = HashMap::new();
        for card in &all {
            *counts.entry(key(card)).or_default() += 1;
        }
        let shared = |card: &T| counts.get(&key(card)).is_some_and(|count| *count >= SHARED_BY);
        let mut cards: Vec<T> = all.into_iter().filter(shared).collect();
        draw.shuffle(&mut cards);
        Self { cards, next: 0 }
    }

    /// The next card that is not its own; of the next few the first that suits, if one does. None where nothing is shared.
    pub(super) fn deal(&mut self, is_own: impl Fn(&T) -> bool, suits: impl Fn(&T) -> bool) -> Option<&T> {
        if self.next >= self.cards.len() {
            self.next = 0;
        }
        let ahead = || self.cards.iter().skip(self.next).take(LOOK_AHEAD);
        let suiting = ahead().position(|card| !is_own(card) && suits(card));
        let Some(ahead) = suiting.or_else(|| ahead().position(|card| !is_own(card))) else {
            // Its own is the last one: another one is dealt again, and that goes to whoever comes next.
            return self.cards.iter().find(|card| !is_own(card));
        };
        self.cards.swap(self.next, self.next + ahead);
        self.next += 1;
        self.cards.get(self.next - 1)
    }
}

/// The deck of a category.
pub(super) fn deck(all: Vec<Card>, draw: &mut Draw) -> Deck<Card> {
    let coarse = |value: &Option<Trait>| match value {
        None => Coarse::Absent,
        Some(Trait::Flag(flag)) => Coarse::Flag(*flag),
        Some(Trait::Choice(at)) => Coarse::Choice(*at),
        Some(Trait::Date(day)) => Coarse::Decade(day.parts().2.div_euclid(10)),
        Some(Trait::Text { .. }) => Coarse::Text,
    };
    Deck::of(all, |card: &Card| card.traits.iter().map(coarse).collect::<Vec<_>>(), draw)
}

/// The first and the last date among traits.
pub(super) fn span(traits: &Traits) -> Option<(Day, Day)> {
    let days = || traits.iter().filter_map(|value| if let Some(Trait::Date(day)) = value { Some(*day) } else { None });
    Some((days().min()?, days().max()?))
}

/// How far the dates of a category are shifted: never not at all.
pub(super) fn shift(draw: &mut Draw) -> i32 {
    let days = i32::try_from(1 + draw.below(SHIFT)).unwrap_or(1);
    if draw.one_in(2) { days } else { -days }
}

/// A date so many days later or earlier, of the years that records can speak of. What stands for «without an end» is
/// nobody's date, and stays.
pub(super) fn shifted(day: Day, days: i32) -> Day {
    let moved = day.shifted(days);
    if day.parts() == (31, 12, LAST_YEAR) {
        day
    } else if moved.parts().2 < FIRST_YEAR {
        day.shifted(-days)
    } else {
        moved
    }
}
