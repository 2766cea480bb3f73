//! From the text of `retention.toml` to rules, strictly.

use std::collections::BTreeMap;

use coffre_core::filing::REQUESTER;
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use serde::Deserialize;
use toml::Spanned;

use super::outliving::outliving;
use super::{
    Exemption, LogRule, LongerRule, Period, ProspectRule, RequestRule, Retention, RetentionFault, RetentionRule,
    StartingEvent,
};
use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::record_type::RecordType;
use crate::toml_file::TomlFile;

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
    requests: Option<RawRequests>,
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
    others: Option<Spanned<String>>,
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
struct RawRequests {
    keep: Spanned<Period>,
    source: Spanned<Labels>,
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

/// The rules that a file declares: exactly one for each category of each record type. Of former ones it does not matter whether
/// they outlive what they rest on, or requests what they prove.
pub(crate) fn parse(file: TomlFile<'_>, types: &RecordTypes, former: bool) -> Result<Retention, LoadError> {
    let raw: RawFile = file.parse()?;
    let refuse = |(place, fault)| LoadError::Retention { place, fault };
    let log = raw.log.map(|raw| log(file, raw)).transpose().map_err(refuse)?.unwrap_or_default();
    let requests = raw.requests.as_ref().map(|raw| requests(file, raw, former));
    let requests = requests.transpose().map_err(refuse)?.unwrap_or_default();
    let prospects = prospects(file, &raw.prospect, types).map_err(refuse)?;
    let longer = raw.longer.iter().map(|raw| longer(file, raw, types));
    let longer = longer.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    let events = events(file, raw.event, types).map_err(refuse)?;
    let mut lines = BTreeMap::new();
    let mut rules = Vec::with_capacity(raw.rule.len());
    for raw in raw.rule {
        let place = file.place(&raw.category);
        let rule = rule(file, &raw, types, &events).map_err(refuse)?;
        let by_request = rule.starts == StartingEvent::RequestAnswered && rule.dated_by.is_none();
        if !former && by_request && rule.record_type.as_str() != REQUESTER {
            let fault = RetentionFault::OutlivesRequest { record_type: rule.record_type.to_string() };
            return Err(LoadError::Retention { place: file.place(&raw.starts), fault });
        }
        let key = (rule.record_type.clone(), rule.category.clone());
        if let Some(first) = lines.insert(key, place.line) {
            let (record_type, category) = (rule.record_type.to_string(), rule.category.to_string());
            let fault = RetentionFault::Twice { record_type, category, first };
            return Err(LoadError::Retention { place, fault });
        }
        rules.push(rule);
    }
    let every = types.values().flat_map(|t| t.categories().iter().map(move |c| (t.name().clone(), c.name.clone())));
    if let Some((record_type, category)) = every.into_iter().find(|key| !lines.contains_key(key)) {
        let fault = RetentionFault::Without { record_type: record_type.to_string(), category: category.to_string() };
        return Err(LoadError::Retention { place: Place::top(file.name), fault });
    }
    if let Some((rule, field)) = outliving(&rules, &longer).filter(|_| !former) {
        let line = lines.get(&(rule.record_type.clone(), rule.category.clone())).copied().unwrap_or(1);
        let (record_type, category) = (rule.record_type.to_string(), rule.category.to_string());
        let fault = RetentionFault::Outlives { record_type, category, field: field.to_string() };
        return Err(LoadError::Retention { place: Place { file: file.name.to_owned(), line }, fault });
    }
    Ok(Retention { rules, prospects, longer, log, requests })
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

fn requests(file: TomlFile<'_>, raw: &RawRequests, former: bool) -> Result<RequestRule, (Place, RetentionFault)> {
    let keep = *raw.keep.get_ref();
    if keep.is_nothing() && !former {
        return Err((file.place(&raw.keep), RetentionFault::NothingKept));
    }
    Ok(RequestRule { keep, source: sourced(file, &raw.source)? })
}

fn sourced(file: TomlFile<'_>, source: &Spanned<Labels>) -> Result<Labels, (Place, RetentionFault)> {
    match source.get_ref().missing() {
        Some(language) => Err((file.place(source), RetentionFault::EmptySource { language })),
        None => Ok(source.get_ref().clone()),
    }
}

/// At most one for each record type.
fn prospects(
    file: TomlFile<'_>,
    raw: &[RawProspect],
    types: &RecordTypes,
) -> Result<Vec<ProspectRule>, (Place, RetentionFault)> {
    let mut lines = BTreeMap::new();
    let mut rules = Vec::with_capacity(raw.len());
    for raw in raw {
        let rule = prospect(file, raw, types)?;
        let place = file.place(&raw.record_type);
        if let Some(first) = lines.insert(rule.record_type.clone(), place.line) {
            let record_type = rule.record_type.to_string();
            return Err((place, RetentionFault::ProspectTwice { record_type, first }));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn prospect(
    file: TomlFile<'_>,
    raw: &RawProspect,
    types: &RecordTypes,
) -> Result<ProspectRule, (Place, RetentionFault)> {
    let record_type = known_type(file, &raw.record_type, types)?.name().clone();
    let starts = *raw.starts.get_ref();
    if !matches!(starts, StartingEvent::LastContact | StartingEvent::Collection) {
        return Err((file.place(&raw.starts), RetentionFault::NotOfTheRecord));
    }
    Ok(ProspectRule { record_type, starts, active: raw.active, source: sourced(file, &raw.source)? })
}

fn longer(file: TomlFile<'_>, raw: &RawLonger, types: &RecordTypes) -> Result<LongerRule, (Place, RetentionFault)> {
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
    let others = raw.others.as_ref().map(|named| list_of_texts(file, named, record_type)).transpose()?;
    let words = raw.words.get_ref().clone();
    let is_word =
        |word: &String| !word.is_empty() && word.chars().all(char::is_alphanumeric) && *word == word.to_lowercase();
    if words.is_empty() || !words.iter().all(is_word) {
        return Err((file.place(&raw.words), RetentionFault::NoWords));
    }
    let (archive, source) = (raw.archive, sourced(file, &raw.source)?);
    Ok(LongerRule { record_type: record_type.name().clone(), categories, field, others, words, archive, source })
}

fn list_of_texts(
    file: TomlFile<'_>,
    named: &Spanned<String>,
    record_type: &RecordType,
) -> Result<FieldPath, (Place, RetentionFault)> {
    use crate::record_type::Kind;
    let is_list = |path: &FieldPath| {
        let kind = record_type.field(path).map(|field| &field.kind);
        matches!(kind, Some(Kind::List { of, .. }) if matches!(**of, Kind::Text { .. }))
    };
    named.get_ref().parse::<FieldPath>().ok().filter(is_list).ok_or_else(|| {
        let (record_type, field) = (record_type.name().to_string(), named.get_ref().clone());
        (file.place(named), RetentionFault::NotAListOfTexts { record_type, field })
    })
}

fn known_category(
    file: TomlFile<'_>,
    raw: &Spanned<String>,
    record_type: &RecordType,
) -> Result<Category, (Place, RetentionFault)> {
    if let Some(category) = record_type.category(raw.get_ref()) {
        return Ok(category.name.clone());
    }
    let known = record_type.categories().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let (record_type, category) = (record_type.name().to_string(), raw.get_ref().clone());
    Err((file.place(raw), RetentionFault::UnknownCategory { record_type, category, known }))
}

/// The field that tells the date of an event, for each record type and event.
type Events = BTreeMap<(RecordTypeName, StartingEvent), FieldPath>;

fn events(file: TomlFile<'_>, raw: Vec<RawEvent>, types: &RecordTypes) -> Result<Events, (Place, RetentionFault)> {
    let mut events = Events::new();
    let mut lines = BTreeMap::new();
    for raw in raw {
        let record_type = known_type(file, &raw.record_type, types)?;
        let field = raw.field.get_ref().parse::<FieldPath>().ok().filter(|path| {
            record_type.field(path).is_some_and(|field| matches!(field.kind, crate::record_type::Kind::Date))
        });
        let Some(field) = field else {
            let (record_type, field) = (record_type.name().to_string(), raw.field.get_ref().clone());
            return Err((file.place(&raw.field), RetentionFault::NotADate { record_type, field }));
        };
        let (key, place) = ((record_type.name().clone(), raw.event), file.place(&raw.record_type));
        if let Some(first) = lines.insert(key.clone(), place.line) {
            let record_type = record_type.name().to_string();
            return Err((place, RetentionFault::EventTwice { record_type, first }));
        }
        events.insert(key, field);
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
    raw: &RawRule,
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
