//! What two policy folders declare: record types, categories, fields, purposes, retention, and the policies themselves,
//! word for word. Whatever questions are put to them, a rule that changes is told.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::record::FieldPath;
use serde::Serialize;

use crate::policies::Policies;
use crate::purpose::Purpose;
use crate::record_type::{FieldDefinition, Kind, RecordType, Search};
use crate::retention::{Exemption, LogRule, LongerRule, ProspectRule, RequestRule, RetentionRule, StartingEvent};

/// Something declared that is new, gone or different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclaredChange {
    /// What it is.
    pub what: Declared,
    /// Its name.
    pub name: String,
    /// What was declared of it; none when it is new.
    pub before: Option<String>,
    /// What is declared of it now; none when it is gone.
    pub after: Option<String>,
}

/// What can be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    /// A type of record.
    RecordType,
    /// A category of one.
    Category,
    /// A field of one.
    Field,
    /// A purpose.
    Purpose,
    /// How long a category is kept.
    Retention,
    /// A Cedar policy.
    Policy,
}

type Everything = BTreeMap<(Declared, String), String>;

pub(super) fn changes(old: &Policies, new: &Policies) -> Vec<DeclaredChange> {
    let (old, new) = (everything(old), everything(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let change = |(what, name): &(Declared, String)| {
        let key = (*what, name.clone());
        DeclaredChange {
            what: key.0,
            name: name.clone(),
            before: old.get(&key).cloned(),
            after: new.get(&key).cloned(),
        }
    };
    changed.map(change).collect()
}

/// Everything that is declared, with what there is to say of it.
fn everything(policies: &Policies) -> Everything {
    let mut all = Everything::new();
    for record_type in policies.record_types() {
        let kind = record_type.name();
        all.insert((Declared::RecordType, kind.to_string()), of_record_type(record_type));
        for category in record_type.categories() {
            let text = format!("{}, special = {}", labelled(&category.labels), category.special);
            all.insert((Declared::Category, format!("{kind} {}", category.name)), text);
        }
        for field in record_type.fields() {
            all.insert((Declared::Field, format!("{kind} {}", field.path)), of_field(field));
        }
    }
    for purpose in policies.purposes() {
        all.insert((Declared::Purpose, purpose.name.clone()), of_purpose(purpose));
    }
    for rule in policies.retention() {
        all.insert((Declared::Retention, format!("{} {}", rule.record_type, rule.category)), of_rule(rule));
    }
    for rule in policies.prospects() {
        all.insert((Declared::Retention, format!("{} without a contract", rule.record_type)), of_prospect(rule));
    }
    for rule in policies.longer_rules() {
        let name = format!("{} longer where {} says {}", rule.record_type, rule.field, rule.words.join("/"));
        // Several may look for the same words.
        let told = all.entry((Declared::Retention, name)).or_default();
        let separator = if told.is_empty() { "" } else { "; " };
        *told = format!("{told}{separator}{}", of_longer(rule));
    }
    all.insert((Declared::Retention, "audit log".to_owned()), of_log(policies.log_retention()));
    all.insert((Declared::Retention, "answered requests".to_owned()), of_requests(policies.request_retention()));
    let rules = policies.engine().rules();
    for note in policies.policies() {
        let rule = rules.get(note.id.as_str()).map(String::as_str).unwrap_or_default();
        all.insert((Declared::Policy, note.id.clone()), format!("{}: {rule}", labelled(&note.description)));
    }
    all
}

fn of_record_type(record_type: &RecordType) -> String {
    let addressee = record_type.addressee().iter().map(FieldPath::as_str).collect::<Vec<_>>().join(", ");
    format!("{}, addressee = [{addressee}]", labelled(record_type.labels()))
}

fn labelled(labels: &crate::labels::Labels) -> String {
    format!("«{}» «{}»", labels.fr, labels.en)
}

fn of_field(field: &FieldDefinition) -> String {
    let search = match field.search {
        Search::None => "none",
        Search::Exact => "exact",
        Search::Name => "name",
    };
    let (labels, kind, required) = (labelled(&field.labels), of_kind(&field.kind), field.required);
    format!("{labels}, kind = {kind}, search = {search}, required = {required}")
}

fn of_kind(kind: &Kind) -> String {
    match kind {
        Kind::Text { max_length } => format!("text of {max_length}"),
        Kind::Date => "date".to_owned(),
        Kind::Email => "email".to_owned(),
        Kind::Phone => "phone".to_owned(),
        Kind::Flag => "flag".to_owned(),
        Kind::Document => "document".to_owned(),
        Kind::Choice(values) => {
            let told: Vec<String> =
                values.iter().map(|value| format!("{} {}", value.name, labelled(&value.labels))).collect();
            format!("choice of {}", told.join("/"))
        }
        Kind::List { of, max_items } => format!("list of {max_items} {}", of_kind(of)),
    }
}

fn of_purpose(purpose: &Purpose) -> String {
    let roles: Vec<&str> = purpose.roles.iter().map(|role| role.as_str()).collect();
    let conditions: Vec<&str> = purpose.article9.iter().map(|condition| condition.as_str()).collect();
    format!(
        "{}: {}, article 6: {}, article 9: [{}], roles: [{}], {}",
        labelled(&purpose.labels),
        labelled(&purpose.description),
        purpose.article6,
        conditions.join(", "),
        roles.join(", "),
        purpose.dpv
    )
}

fn of_rule(rule: &RetentionRule) -> String {
    let archive = rule.archive.map_or_else(|| "none".to_owned(), |period| period.to_string());
    let dated_by = rule.dated_by.as_ref().map(|field| format!(" ({field})")).unwrap_or_default();
    let opposes = rule.opposes_erasure.map(|why| format!(", opposes erasure: {}", exemption(why))).unwrap_or_default();
    let (starts, active) = (event(rule.starts), rule.active);
    format!("from {starts}{dated_by}, active {active}, archive {archive}{opposes}, {}", labelled(&rule.source))
}

const fn event(event: StartingEvent) -> &'static str {
    match event {
        StartingEvent::Collection => "collection",
        StartingEvent::LastContact => "last contact",
        StartingEvent::ContractEnd => "end of contract",
        StartingEvent::MembershipEnd => "end of membership",
        StartingEvent::RequestAnswered => "answer to the last request",
    }
}

const fn exemption(exemption: Exemption) -> &'static str {
    match exemption {
        Exemption::LegalObligation => "legal obligation",
        Exemption::LegalClaims => "legal claims",
    }
}

fn of_prospect(rule: &ProspectRule) -> String {
    format!("from {}, active {}, {}", event(rule.starts), rule.active, labelled(&rule.source))
}

fn of_longer(rule: &LongerRule) -> String {
    let categories: Vec<&str> = rule.categories.iter().map(coffre_core::record::Category::as_str).collect();
    let others = rule.others.as_ref().map(|field| format!(" or {field}")).unwrap_or_default();
    format!("[{}]{others}, archive {}, {}", categories.join(", "), rule.archive, labelled(&rule.source))
}

fn of_requests(rule: &RequestRule) -> String {
    format!("kept {}, {}", rule.keep, labelled(&rule.source))
}

fn of_log(rule: &LogRule) -> String {
    let why = rule.justification.as_ref().map(|why| format!(", {}", labelled(why))).unwrap_or_default();
    format!("kept {}{why}", rule.keep)
}
