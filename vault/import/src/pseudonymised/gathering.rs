//! What remains of a record once it was read: hashes, lengths, counts. The values themselves are gone by then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coffre_core::crypto::{Entropy, SecretKey};
use coffre_core::grant::{Grant, GrantState};
use coffre_core::record::{FieldPath, Fields};
use coffre_core::search;
use coffre_core::time::Timestamp;
use coffre_policies::record_type::Kind;
use coffre_policies::{Policies, RecordType};
use serde_json::Value;

use super::number::{Run, form};
use super::originals::{Originals, Tag, one_form};
use super::paper::Paper;
use super::rule::{Link, Rule, Trait as TraitRule};
use super::set::LineGrant;
use super::units::{SHARED_BY, Trait, Traits};

/// The most words of a free text that are counted.
const MOST_WORDS: usize = 12;
const DAY: i64 = 86_400;
/// Validities are told in steps of so many days.
const STEP: i64 = 30;

/// A record as it is read.
#[derive(Debug)]
pub struct Source<'s> {
    /// Its values, special categories left out.
    pub fields: &'s Fields,
    /// The name, media type and length of each of its documents, and the identifier that fields name it by.
    pub documents: Vec<(&'s str, &'s str, u64, String)>,
    /// Its grants.
    pub grants: &'s [Grant],
}

/// A value that links, reduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reduced {
    Name(Tag),
    Number(Tag, Arc<[Run]>),
    Email(Tag),
    Phone(Tag),
    Words(usize),
    /// The document at this position.
    Document(usize),
    Drawn,
    List(Vec<Self>),
}

/// A record, reduced.
pub(super) struct Gathered {
    /// Which record it is, by the order in which they were taken.
    pub(super) origin: usize,
    /// By position of the field.
    pub(super) links: Vec<(usize, Reduced)>,
    /// By position of the category: none where the category was not read whole.
    pub(super) traits: Vec<Option<Traits>>,
    /// The grants in force, by position among the patterns.
    pub(super) grants: usize,
    pub(super) papers: Vec<Paper>,
}

/// Records on their way to become test data.
pub struct Gathering {
    pub(super) kind: Arc<RecordType>,
    pub(super) rules: Arc<[Rule]>,
    pub(super) originals: Originals,
    pub(super) records: Vec<Gathered>,
    pub(super) patterns: Vec<Vec<LineGrant>>,
    known_patterns: HashMap<Vec<LineGrant>, usize>,
    forms: HashMap<Vec<Run>, Arc<[Run]>>,
    /// How many records say a text.
    texts: HashMap<Tag, usize>,
}

impl Gathering {
    /// Begins with nothing, under a new key.
    pub fn new(kind: RecordType, entropy: &mut dyn Entropy) -> Self {
        let rules = kind.fields().iter().map(|field| Rule::of(&kind, field)).collect();
        Self {
            kind: Arc::new(kind),
            rules,
            originals: Originals::under(SecretKey::random(entropy)),
            records: Vec::new(),
            patterns: Vec::new(),
            known_patterns: HashMap::new(),
            forms: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    /// The fields that are read: all but those of special categories, which are made up.
    pub fn reads(&self) -> impl Iterator<Item = &FieldPath> {
        let fields = self.kind.fields().iter().zip(self.rules.iter());
        fields.filter(|(_, rule)| rule.reads()).map(|(field, _)| &field.path)
    }

    /// How many records were taken.
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// Takes a record. `closed` are the fields that may not be read of it.
    pub fn take(&mut self, source: &Source<'_>, closed: impl Fn(&FieldPath) -> bool, now: Timestamp) {
        let kind = Arc::clone(&self.kind);
        let rules = Arc::clone(&self.rules);
        let papers = source.documents.iter().map(|(name, media_type, length, _)| {
            self.originals.remember(name);
            Paper::of(media_type, *length)
        });
        let papers = papers.collect();
        let origin = self.records.len();
        let mut record = Gathered { origin, links: Vec::new(), traits: Vec::new(), grants: 0, papers };
        for (at, (field, rule)) in kind.fields().iter().zip(rules.iter()).enumerate() {
            let Some(value) = source.fields.0.get(&field.path) else { continue };
            if let Rule::Link(link) = rule
                && let Some(reduced) = self.link(link, value, source)
            {
                record.links.push((at, reduced));
            }
        }
        for category in kind.categories() {
            let of_category = kind
                .fields()
                .iter()
                .zip(rules.iter())
                .filter(|(field, _)| field.path.category_str() == category.name.as_str());
            let traits = of_category.filter_map(|(field, rule)| match rule {
                Rule::Trait(rule) => Some((field, *rule)),
                Rule::Link(_) | Rule::Invented(_) => None,
            });
            let mut values = Traits::new();
            let mut whole = true;
            for (field, rule) in traits {
                whole &= !closed(&field.path);
                let value = source.fields.0.get(&field.path);
                values.push(value.and_then(|value| self.reduce_trait(rule, &field.kind, value)));
            }
            record.traits.push(Some(values).filter(|_| whole));
        }
        let texts = record.traits.iter().flatten().flatten().flatten().filter_map(|value| match value {
            Trait::Text { tag, .. } => Some(*tag),
            _ => None,
        });
        // Records are counted, not fields.
        for text in texts.collect::<HashSet<Tag>>() {
            *self.texts.entry(text).or_default() += 1;
        }
        record.grants = self.pattern(source.grants, now);
        self.records.push(record);
    }

    /// Leaves out grants that the policies take no more: a set that holds one could not be loaded.
    pub fn keep_grants(&mut self, policies: &Policies, now: Timestamp) {
        for pattern in &mut self.patterns {
            pattern.retain(|grant| policies.grant_faults(self.kind.name(), &grant.terms(now)).is_empty());
        }
    }

    fn reduce_trait(&mut self, rule: TraitRule, kind: &Kind, value: &Value) -> Option<Trait> {
        match (rule, kind) {
            (TraitRule::Flag, _) => value.as_bool().map(Trait::Flag),
            (TraitRule::Choice, Kind::Choice(values)) => {
                values.iter().position(|known| Some(known.name.as_str()) == value.as_str()).map(Trait::Choice)
            }
            (TraitRule::Choice, _) => None,
            (TraitRule::Date, _) => value.as_str()?.parse().ok().map(Trait::Date),
            (TraitRule::Text { .. }, _) => {
                let text = value.as_str()?;
                self.originals.remember(text);
                let tag = self.originals.tag("text", &search::compact(text));
                Some(Trait::Text { tag, words: words_of(text) })
            }
        }
    }

    fn link(&mut self, link: &Link, value: &Value, source: &Source<'_>) -> Option<Reduced> {
        if let Link::List(of) = link {
            let items = value.as_array()?.iter().filter_map(|item| self.link(of, item, source));
            return Some(Reduced::List(items.collect()));
        }
        if matches!(link, Link::Drawn(_)) {
            return Some(Reduced::Drawn);
        }
        let text = value.as_str()?;
        if *link == Link::Document {
            return source.documents.iter().position(|(.., id)| id == text).map(Reduced::Document);
        }
        self.originals.remember(text);
        Some(match link {
            Link::Name { .. } => Reduced::Name(self.originals.tag("name", &one_form(text))),
            Link::Email => Reduced::Email(self.originals.tag("email", &search::compact(text))),
            Link::Phone => {
                let number = search::phone(text);
                self.originals.remember(&number);
                Reduced::Phone(self.originals.tag("phone", &number))
            }
            Link::Number { .. } => {
                let tag = self.originals.tag("number", &search::compact(text));
                let runs = form(&self.originals, text);
                let runs = self.forms.entry(runs).or_insert_with_key(|runs| runs.as_slice().into());
                Reduced::Number(tag, Arc::clone(runs))
            }
            Link::Words { .. } | Link::Document | Link::Drawn(_) | Link::List(_) => Reduced::Words(words_of(text)),
        })
    }

    /// The grants in force, without moments: as many days as are left of each, rounded up.
    fn pattern(&mut self, grants: &[Grant], now: Timestamp) -> usize {
        let left = |until: Timestamp| (until.as_seconds() - now.as_seconds()).div_euclid(DAY * STEP) * STEP + STEP;
        let in_force = grants.iter().filter(|grant| grant.state(now) == GrantState::Valid);
        let mut pattern: Vec<LineGrant> = in_force
            .map(|grant| LineGrant {
                role: grant.terms.role,
                purpose: grant.terms.purpose.clone(),
                fields: grant.terms.fields.clone(),
                basis: grant.terms.basis,
                article9: grant.terms.article9.clone(),
                valid_days: grant.terms.valid_until.map(left),
            })
            .collect();
        pattern.sort_by(|a, b| (a.role, &a.purpose, &a.fields).cmp(&(b.role, &b.purpose, &b.fields)));
        if let Some(known) = self.known_patterns.get(&pattern) {
            return *known;
        }
        let at = self.patterns.len();
        self.known_patterns.insert(pattern.clone(), at);
        self.patterns.push(pattern);
        at
    }

    /// The texts that several records have.
    pub(super) fn shared_texts(&self) -> HashSet<Tag> {
        self.texts.iter().filter(|(_, count)| **count >= SHARED_BY).map(|(tag, _)| *tag).collect()
    }
}

fn words_of(text: &str) -> usize {
    text.split_whitespace().count().clamp(1, MOST_WORDS)
}
