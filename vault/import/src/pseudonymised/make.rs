//! Making the data from what was gathered. Records come in an order drawn by lot.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coffre_core::crypto::Entropy;
use coffre_core::day::Day;
use coffre_core::record::{FieldPath, Fields};
use coffre_policies::RecordType;
use coffre_policies::record_type::{FieldDefinition, Kind};
use serde_json::Value;
use thiserror::Error;

use super::draw::Draw;
use super::gathering::{Gathered, Gathering, Reduced};
use super::originals::Tag;
use super::pseudonyms::Pseudonyms;
use super::rule::{Link, Rule, Trait as TraitRule};
use super::set::{Begin, End, Line, LineDocument, LineGrant};
use super::units::{Card, Deck, Trait, Traits, deck, shift, shifted, span};

/// Dates that are made up are of so many days before today.
const PAST: usize = 20 * 365;
/// The most items of a list that is made up.
const INVENTED_ITEMS: usize = 2;

/// Data that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MakeError {
    /// The field takes too few characters for as many replacements as there are values.
    #[error(
        "{field} takes too few characters to tell all replacements apart: raise its max-length, or leave it out of the record type"
    )]
    Exhausted {
        /// The field.
        field: FieldPath,
    },
}

/// Data being made: an iterator over the records.
pub struct Making {
    kind: Arc<RecordType>,
    rules: Arc<[Rule]>,
    /// In the order in which they are made, the first at the end.
    records: Vec<Gathered>,
    patterns: Vec<Vec<LineGrant>>,
    shared: HashSet<Tag>,
    pseudonyms: Pseudonyms,
    decks: Vec<Deck<Card>>,
    grants: Deck<usize>,
    today: Day,
    begun: Begin,
    made: u64,
    left_out: u64,
}

impl Making {
    /// Begins with what was gathered. `left_out` are the records that could not be.
    pub fn of(gathering: Gathering, left_out: u64, today: Day, entropy: Box<dyn Entropy>) -> Self {
        let mut draw = Draw::from(entropy);
        let shared = gathering.shared_texts();
        let Gathering { kind, rules, originals, mut records, patterns, .. } = gathering;
        let card = |record: &mut Gathered, at: usize| {
            Some(Card { origin: record.origin, traits: std::mem::take(record.traits.get_mut(at)?)? })
        };
        let mut taken = |at| records.iter_mut().filter_map(|record| card(record, at)).collect::<Vec<_>>();
        let cards: Vec<Vec<Card>> = (0..kind.categories().len()).map(&mut taken).collect();
        let decks = cards.into_iter().map(|cards| deck(cards, &mut draw)).collect();
        let of_records: Vec<usize> = records.iter().map(|record| record.grants).collect();
        let grants = Deck::of(of_records, |pattern| *pattern, &mut draw);
        draw.shuffle(&mut records);
        let begun = Begin::new(kind.name().clone());
        Self {
            kind,
            rules,
            records,
            patterns,
            shared,
            pseudonyms: Pseudonyms::new(originals, draw),
            decks,
            grants,
            today,
            begun,
            made: 0,
            left_out,
        }
    }

    /// The first line.
    pub fn begin(&self) -> &Begin {
        &self.begun
    }

    /// The last line, once all records were made.
    pub fn end(&self) -> End {
        End::new(self.made, self.left_out, self.pseudonyms.phones_shared)
    }

    /// A record; none where a required field is not there, because it may not be processed.
    fn make(&mut self, record: &Gathered) -> Result<Option<Line>, MakeError> {
        let (kind, rules) = (Arc::clone(&self.kind), Arc::clone(&self.rules));
        let links: HashMap<usize, &Reduced> = record.links.iter().map(|(at, reduced)| (*at, reduced)).collect();
        let traits = self.deal(record.origin);
        let mut fields = Fields::default();
        let mut holding: HashMap<usize, Vec<FieldPath>> = HashMap::new();
        let mut next_trait = vec![0; kind.categories().len()];
        for (at, (field, rule)) in kind.fields().iter().zip(rules.iter()).enumerate() {
            let value = match rule {
                Rule::Link(link) => match links.get(&at) {
                    Some(reduced) => {
                        documents_of(reduced, &mut |document| {
                            holding.entry(document).or_default().push(field.path.clone());
                        });
                        self.link(field, link, reduced)?
                    }
                    None => None,
                },
                Rule::Trait(rule) => {
                    let category = kind.categories().iter().position(|c| c.name.as_str() == field.path.category_str());
                    let category = category.unwrap_or(0);
                    let position = next_trait.get_mut(category).map_or(0, |next| std::mem::replace(next, *next + 1));
                    match traits.get(category) {
                        Some(Some(dealt)) => {
                            let value = dealt.get(position).copied().flatten();
                            value.map(|value| self.value(field, *rule, value)).transpose()?
                        }
                        _ => self.perhaps(field)?,
                    }
                }
                Rule::Invented(_) => self.perhaps(field)?,
            };
            if let Some(value) = value {
                fields.0.insert(field.path.clone(), value);
            }
        }
        let held =
            |path: &FieldPath| fields.0.contains_key(path) || holding.values().flatten().any(|held| held == path);
        if kind.fields().iter().any(|field| field.required && !held(&field.path)) {
            return Ok(None);
        }
        let documents = record.papers.iter().enumerate().map(|(at, paper)| LineDocument {
            file_name: format!("document-{}.{}", at + 1, paper.extension()),
            media_type: paper.media_type.to_owned(),
            length: paper.size.length(),
            fields: holding.remove(&at).unwrap_or_default(),
        });
        let documents = documents.collect();
        Ok(Some(Line { fields, documents, grants: self.deal_grants() }))
    }

    /// What others have in every category, with dates shifted; those declared later are not before those declared
    /// earlier, where such cards are among the next ones.
    fn deal(&mut self, to: usize) -> Vec<Option<Traits>> {
        let mut latest: Option<Day> = None;
        let mut dealt = Vec::with_capacity(self.decks.len());
        for deck in &mut self.decks {
            let suits = |card: &Card| span(&card.traits).zip(latest).is_none_or(|((first, _), latest)| latest <= first);
            let mut card = deck.deal(|card| card.origin == to, suits).map(|card| card.traits.clone());
            let days = shift(&mut self.pseudonyms.draw);
            for value in card.iter_mut().flatten().flatten() {
                if let Trait::Date(day) = value {
                    *day = shifted(*day, days);
                }
            }
            latest = latest.max(card.as_ref().and_then(span).map(|(_, last)| last));
            dealt.push(card);
        }
        dealt
    }

    fn deal_grants(&mut self) -> Vec<LineGrant> {
        let pattern = self.grants.deal(|_| false, |_| true).and_then(|at| self.patterns.get(*at));
        pattern.cloned().unwrap_or_default()
    }

    /// What stands for a value that links; nothing for documents, which the line tells apart.
    fn link(&mut self, field: &FieldDefinition, link: &Link, reduced: &Reduced) -> Result<Option<Value>, MakeError> {
        let text = match (link, reduced) {
            (Link::List(of), Reduced::List(items)) => {
                if matches!(**of, Link::Document) {
                    return Ok(None);
                }
                let items = items.iter().filter_map(|item| self.link(field, of, item).transpose());
                return items.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)));
            }
            (Link::Drawn(kind), _) => return self.invented(field, kind),
            (Link::Name { most }, Reduced::Name(tag)) => self.pseudonyms.name(*tag, *most),
            (Link::Number { most }, Reduced::Number(tag, form)) => self.pseudonyms.number(*tag, form, *most),
            (Link::Email, Reduced::Email(tag)) => self.pseudonyms.email(*tag),
            (Link::Phone, Reduced::Phone(tag)) => self.pseudonyms.phone(*tag),
            (Link::Words { most }, Reduced::Words(many)) => self.pseudonyms.words(*many, *most),
            _ => return Ok(None),
        };
        told(field, text).map(Some)
    }

    fn value(&mut self, field: &FieldDefinition, rule: TraitRule, value: Trait) -> Result<Value, MakeError> {
        Ok(match (rule, value, &field.kind) {
            (_, Trait::Flag(flag), _) => Value::from(flag),
            (_, Trait::Date(day), _) => Value::from(day.to_string()),
            (_, Trait::Choice(at), Kind::Choice(values)) => Value::from(values.get(at).map(|value| value.name.clone())),
            (TraitRule::Text { most }, Trait::Text { tag, words }, _) => {
                let shared = self.shared.contains(&tag);
                let text =
                    if shared { self.pseudonyms.text(tag, words, most) } else { self.pseudonyms.words(words, most) };
                told(field, text)?
            }
            _ => Value::Null,
        })
    }

    /// A value that is made up, or none.
    fn perhaps(&mut self, field: &FieldDefinition) -> Result<Option<Value>, MakeError> {
        if field.required || self.pseudonyms.draw.one_in(2) { self.invented(field, &field.kind) } else { Ok(None) }
    }

    fn invented(&mut self, field: &FieldDefinition, kind: &Kind) -> Result<Option<Value>, MakeError> {
        let draw = &mut self.pseudonyms.draw;
        let text = match kind {
            Kind::Flag => return Ok(Some(Value::from(draw.one_in(2)))),
            Kind::Choice(values) => {
                let at = draw.below(values.len());
                return Ok(values.get(at).map(|value| Value::from(value.name.clone())));
            }
            Kind::Date => {
                let days = i32::try_from(draw.below(PAST)).unwrap_or(0);
                return Ok(Some(Value::from(self.today.shifted(-days).to_string())));
            }
            Kind::Document => return Ok(None),
            Kind::List { of, max_items } => {
                let many = 1 + draw.below(INVENTED_ITEMS.min(*max_items));
                let items = (0..many).filter_map(|_| self.invented(field, of).transpose());
                return items.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)));
            }
            Kind::Text { max_length } => self.pseudonyms.word(*max_length),
            Kind::Email => self.pseudonyms.new_email(),
            Kind::Phone => self.pseudonyms.new_phone(),
        };
        told(field, text).map(Some)
    }
}

impl Iterator for Making {
    type Item = Result<Line, MakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = self.records.pop()?;
            match self.make(&record) {
                Ok(Some(line)) => {
                    self.made += 1;
                    return Some(Ok(line));
                }
                Ok(None) => self.left_out += 1,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn told(field: &FieldDefinition, text: Option<String>) -> Result<Value, MakeError> {
    text.map(Value::from).ok_or_else(|| MakeError::Exhausted { field: field.path.clone() })
}

fn documents_of(reduced: &Reduced, found: &mut impl FnMut(usize)) {
    match reduced {
        Reduced::Document(at) => found(*at),
        Reduced::List(items) => {
            for item in items {
                documents_of(item, found);
            }
        }
        _ => {}
    }
}
