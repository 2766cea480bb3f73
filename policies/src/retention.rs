//! Retention rules: how long each category of each record type is kept, and by which law. This
//! module declares and checks them; it erases nothing and reads no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use coffre_core::record::{Category, FieldPath, RecordTypeName};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::record_type::RecordType;
use crate::toml_file::TomlFile;

/// How long a category is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// Its category.
    pub category: Category,
    /// From when the durations run.
    pub starts: StartingEvent,
    /// How long it stays in daily use after that.
    pub active: Period,
    /// How long it is then kept apart, for disputes and legal duties only.
    pub archive: Option<Period>,
    /// Why it stands against an erasure that is asked for, if it does.
    pub opposes_erasure: Option<Exemption>,
    /// The field that holds the date of the starting event; none for events of the record itself.
    pub dated_by: Option<FieldPath>,
    /// The law or decision that says so.
    pub source: Labels,
}

/// How long a record is kept whose starting event can never come: a person without a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProspectRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// From when: an event of the record itself.
    pub starts: StartingEvent,
    /// How long after that.
    pub active: Period,
    /// The law or decision that says so.
    pub source: Labels,
}

/// A longer archive for records that say certain words in a field, such as a life insurance's product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongerRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// Its categories that are kept longer.
    pub categories: Vec<Category>,
    /// The text field that is looked at.
    pub field: FieldPath,
    /// The words, in lower case.
    pub words: Vec<String>,
    /// How long the archive is instead, where that is longer.
    pub archive: Period,
    /// The law or decision that says so.
    pub source: Labels,
}

/// How long the audit log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRule {
    /// How long each entry.
    pub keep: Period,
    /// Why longer than a year, where it is.
    pub justification: Option<Labels>,
}

impl Default for LogRule {
    /// CNIL, deliberation 2021-122: six months to a year.
    fn default() -> Self {
        Self { keep: Period { years: 1, months: 0, days: 0 }, justification: None }
    }
}

/// Everything that `retention.toml` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) rules: Vec<RetentionRule>,
    pub(crate) prospects: Vec<ProspectRule>,
    pub(crate) longer: Vec<LongerRule>,
    pub(crate) log: LogRule,
}

/// From when a duration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartingEvent {
    /// The record was created.
    Collection,
    /// The data subject was last in touch.
    LastContact,
    /// The contract ended.
    ContractEnd,
    /// The membership ended.
    MembershipEnd,
}

impl StartingEvent {
    /// Whether a field of the record must tell when it was.
    const fn needs_a_field(self) -> bool {
        matches!(self, Self::ContractEnd | Self::MembershipEnd)
    }
}

/// Why data are kept although their erasure is asked for (GDPR article 17(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    /// A law obliges to keep them: point (b).
    LegalObligation,
    /// Claims can still be made: point (e).
    LegalClaims,
}

/// A calendar duration, written as in ISO 8601: `P5Y`, `P18M`, `P30D`, `P1Y6M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Period {
    /// Years.
    pub years: u16,
    /// Months.
    pub months: u16,
    /// Days.
    pub days: u16,
}

/// Text that is not a period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a period of years, months and days: write it as P5Y, P18M, P30D or P1Y6M")]
pub struct PeriodError;

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(PeriodError)?;
        let mut parts = [0_u16; 3];
        for (part, unit) in parts.iter_mut().zip(['Y', 'M', 'D']) {
            if let Some((number, after)) = rest.split_once(unit) {
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                *part = number.parse().ok().filter(|_| plain).ok_or(PeriodError)?;
                rest = after;
            }
        }
        let [years, months, days] = parts;
        if rest.is_empty() { Ok(Self { years, months, days }) } else { Err(PeriodError) }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, 'Y'), (self.months, 'M'), (self.days, 'D')];
        f.write_str("P")?;
        if parts.iter().all(|(number, _)| *number == 0) {
            return f.write_str("0D");
        }
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

/// What can be wrong with the retention rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetentionFault {
    /// No such record type.
    #[error("there is no record type {name:?}: use one of {known}")]
    UnknownRecordType {
        /// The text.
        name: String,
        /// The declared ones.
        known: String,
    },
    /// The record type has no such category.
    #[error("record type {record_type:?} has no category {category:?}: use one of {known}")]
    UnknownCategory {
        /// The record type.
        record_type: String,
        /// The text.
        category: String,
        /// The declared ones.
        known: String,
    },
    /// Two rules for one category.
    #[error(
        "category {category:?} of {record_type:?} has a second rule, the first is on line {first}: remove one of the two"
    )]
    Twice {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
        /// Where the first is.
        first: usize,
    },
    /// A category that nothing ever erases.
    #[error(
        "category {category:?} of {record_type:?} has no rule: add a [[rule]], nothing is kept without end (GDPR article 5(1)(e))"
    )]
    Without {
        /// The record type.
        record_type: String,
        /// The category.
        category: String,
    },
    /// An event that no field tells the date of.
    #[error("no field tells when this event was: add an [[event]] for {record_type:?} that names a date field")]
    Undated {
        /// The record type.
        record_type: String,
    },
    /// A field that does not exist or is no date.
    #[error("{field:?} is no date field of {record_type:?}: name one of kind `date`")]
    NotADate {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// A prospect's time that starts with an event of a contract.
    #[error("a person without a contract is kept from `last-contact` or `collection` on: name one of these")]
    NotOfTheRecord,
    /// A field that is no text.
    #[error("{field:?} is no text field of {record_type:?}: name one of kind `text` or `choice`")]
    NotAText {
        /// The record type.
        record_type: String,
        /// The text.
        field: String,
    },
    /// Words that match nothing.
    #[error("`words` holds none, or one that is no single word in lower case: each is compared with whole words")]
    NoWords,
    /// A log that is kept longer without a reason.
    #[error(
        "the log is kept longer than a year without a `justification` (fr and en): say why (CNIL, deliberation 2021-122), or keep it P12M"
    )]
    Unjustified,
    /// An empty source.
    #[error("the {language} text of `source` is empty: name the law or decision that sets the duration")]
    EmptySource {
        /// The language.
        language: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    rule: Vec<RawRule>,
    #[serde(default)]
    event: Vec<RawEvent>,
    #[serde(default)]
    prospect: Vec<RawProspect>,
    #[serde(default)]
    longer: Vec<RawLonger>,
    log: Option<RawLog>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawProspect {
    record_type: Spanned<String>,
    starts: Spanned<StartingEvent>,
    active: Period,
    source: Spanned<Labels>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawLonger {
    record_type: Spanned<String>,
    categories: Vec<Spanned<String>>,
    field: Spanned<String>,
    words: Spanned<Vec<String>>,
    archive: Period,
    source: Spanned<Labels>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawLog {
    keep: Spanned<Period>,
    justification: Option<Labels>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawEvent {
    record_type: Spanned<String>,
    event: StartingEvent,
    field: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    record_type: Spanned<String>,
    category: Spanned<String>,
    starts: Spanned<StartingEvent>,
    active: Period,
    archive: Option<Period>,
    opposes_erasure: Option<Exemption>,
    source: Spanned<Labels>,
}

type RecordTypes = BTreeMap<RecordTypeName, RecordType>;

/// The rules that a file declares: exactly one for each category of each record type.
pub(crate) fn parse(file: TomlFile<'_>, types: &RecordTypes) -> Result<Retention, LoadError> {
    let raw: RawFile = file.parse()?;
    let refuse = |(place, fault)| LoadError::Retention { place, fault };
    let log = raw.log.map(|raw| log(file, raw)).transpose().map_err(refuse)?.unwrap_or_default();
    let prospects = raw.prospect.into_iter().map(|raw| prospect(file, raw, types));
    let prospects = prospects.collect::<Result<_, _>>().map_err(refuse)?;
    let longer = raw.longer.into_iter().map(|raw| longer(file, raw, types));
    let longer = longer.collect::<Result<_, _>>().map_err(refuse)?;
    let events = events(file, raw.event, types).map_err(refuse)?;
    let mut lines = BTreeMap::new();
    let mut rules = Vec::with_capacity(raw.rule.len());
    for raw in raw.rule {
        let place = file.place(&raw.category);
        let rule = rule(file, raw, types, &events).map_err(refuse)?;
        let key = (rule.record_type.clone(), rule.category.clone());
        if let Some(first) = lines.insert(key, place.line) {
            let (record_type, category) = (rule.record_type.to_string(), rule.category.to_string());
            let fault = RetentionFault::Twice { record_type, category, first };
            return Err(LoadError::Retention { place, fault });
        }
        rules.push(rule);
    }
    let every = types.values().flat_map(|t| t.categories().iter().map(move |c| (t.name().clone(), c.name.clone())));
    match every.into_iter().find(|key| !lines.contains_key(key)) {
        None => Ok(Retention { rules, prospects, longer, log }),
        Some((record_type, category)) => {
            let fault =
                RetentionFault::Without { record_type: record_type.to_string(), category: category.to_string() };
            Err(LoadError::Retention { place: Place::top(file.name), fault })
        }
    }
}

fn log(file: TomlFile<'_>, raw: RawLog) -> Result<LogRule, (Place, RetentionFault)> {
    let keep = *raw.keep.get_ref();
    let months = u32::from(keep.years) * 12 + u32::from(keep.months);
    let justified = raw.justification.as_ref().is_some_and(|why| why.missing().is_none());
    if (months, keep.days) > (12, 0) && !justified {
        return Err((file.place(&raw.keep), RetentionFault::Unjustified));
    }
    Ok(LogRule { keep, justification: raw.justification })
}

fn sourced(file: TomlFile<'_>, source: &Spanned<Labels>) -> Result<Labels, (Place, RetentionFault)> {
    match source.get_ref().missing() {
        Some(language) => Err((file.place(source), RetentionFault::EmptySource { language })),
        None => Ok(source.get_ref().clone()),
    }
}

fn prospect(
    file: TomlFile<'_>,
    raw: RawProspect,
    types: &RecordTypes,
) -> Result<ProspectRule, (Place, RetentionFault)> {
    let record_type = known_type(file, &raw.record_type, types)?.name().clone();
    let starts = *raw.starts.get_ref();
    if starts.needs_a_field() {
        return Err((file.place(&raw.starts), RetentionFault::NotOfTheRecord));
    }
    Ok(ProspectRule { record_type, starts, active: raw.active, source: sourced(file, &raw.source)? })
}

fn longer(file: TomlFile<'_>, raw: RawLonger, types: &RecordTypes) -> Result<LongerRule, (Place, RetentionFault)> {
    let record_type = known_type(file, &raw.record_type, types)?;
    let categories = raw.categories.iter().map(|name| known_category(file, name, record_type));
    let categories = categories.collect::<Result<_, _>>()?;
    let is_text = |path: &FieldPath| {
        use crate::record_type::Kind;
        record_type.field(path).is_some_and(|field| matches!(field.kind, Kind::Text { .. } | Kind::Choice(_)))
    };
    let Some(field) = raw.field.get_ref().parse().ok().filter(is_text) else {
        let (record_type, field) = (record_type.name().to_string(), raw.field.get_ref().clone());
        return Err((file.place(&raw.field), RetentionFault::NotAText { record_type, field }));
    };
    let words = raw.words.get_ref().clone();
    let is_word =
        |word: &String| !word.is_empty() && word.chars().all(char::is_alphanumeric) && *word == word.to_lowercase();
    if words.is_empty() || !words.iter().all(is_word) {
        return Err((file.place(&raw.words), RetentionFault::NoWords));
    }
    let (archive, source) = (raw.archive, sourced(file, &raw.source)?);
    Ok(LongerRule { record_type: record_type.name().clone(), categories, field, words, archive, source })
}

fn known_category(
    file: TomlFile<'_>,
    raw: &Spanned<String>,
    record_type: &RecordType,
) -> Result<Category, (Place, RetentionFault)> {
    match record_type.category(raw.get_ref()) {
        Some(category) => Ok(category.name.clone()),
        None => {
            let known = record_type.categories().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            let (record_type, category) = (record_type.name().to_string(), raw.get_ref().clone());
            Err((file.place(raw), RetentionFault::UnknownCategory { record_type, category, known }))
        }
    }
}

/// The field that tells the date of an event, for each record type and event.
type Events = BTreeMap<(RecordTypeName, StartingEvent), FieldPath>;

fn events(file: TomlFile<'_>, raw: Vec<RawEvent>, types: &RecordTypes) -> Result<Events, (Place, RetentionFault)> {
    let mut events = Events::new();
    for raw in raw {
        let record_type = known_type(file, &raw.record_type, types)?;
        let field = raw.field.get_ref().parse::<FieldPath>().ok().filter(|path| {
            record_type.field(path).is_some_and(|field| matches!(field.kind, crate::record_type::Kind::Date))
        });
        let Some(field) = field else {
            let (record_type, field) = (record_type.name().to_string(), raw.field.get_ref().clone());
            return Err((file.place(&raw.field), RetentionFault::NotADate { record_type, field }));
        };
        events.insert((record_type.name().clone(), raw.event), field);
    }
    Ok(events)
}

fn known_type<'t>(
    file: TomlFile<'_>,
    name: &Spanned<String>,
    types: &'t RecordTypes,
) -> Result<&'t RecordType, (Place, RetentionFault)> {
    types.values().find(|record_type| record_type.name().as_str() == name.get_ref()).ok_or_else(|| {
        let known = types.keys().map(RecordTypeName::as_str).collect::<Vec<_>>().join(", ");
        (file.place(name), RetentionFault::UnknownRecordType { name: name.get_ref().clone(), known })
    })
}

fn rule(
    file: TomlFile<'_>,
    raw: RawRule,
    types: &RecordTypes,
    events: &Events,
) -> Result<RetentionRule, (Place, RetentionFault)> {
    let record_type = known_type(file, &raw.record_type, types)?;
    let category = known_category(file, &raw.category, record_type)?;
    let source = sourced(file, &raw.source)?;
    let starts = *raw.starts.get_ref();
    let dated_by = events.get(&(record_type.name().clone(), starts)).cloned();
    if dated_by.is_none() && starts.needs_a_field() {
        let record_type = record_type.name().to_string();
        return Err((file.place(&raw.starts), RetentionFault::Undated { record_type }));
    }
    Ok(RetentionRule {
        record_type: record_type.name().clone(),
        category,
        starts,
        active: raw.active,
        archive: raw.archive,
        opposes_erasure: raw.opposes_erasure,
        dated_by,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written() {
        for text in ["P5Y", "P18M", "P30D", "P1Y6M", "P1Y2M3D", "P0D"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "P", "5Y", "PY", "P5", "P5X", "P6M1Y", "P-5Y", "P+5Y", "P99999Y", "P1Y1Y", "P5y", "PT5H"] {
            assert_eq!(text.parse::<Period>(), Err(PeriodError), "{text}");
        }
    }
}
