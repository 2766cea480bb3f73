//! The answer to a request for access, to be printed.

use coffre_core::day::Day;
use coffre_core::record::Category;
use coffre_policies::Labels;
use coffre_policies::record_type::Kind;
use maud::{Markup, html};
use serde_json::Value;

use super::{Language, document};
use crate::usecases::{AccessExport, Seen};

/// Everything that is held about a person, on paper.
pub(crate) fn access(export: &AccessExport, language: Language) -> String {
    let title = language.pick("Les données que nous détenons sur vous", "The data that we hold about you");
    let body = html! {
        p.ref { (language.pick("Dossier ", "Record ")) (export.id) ", " (language.day(export.exported_on)) }
        h1 { (title) }
        p { (language.pick(
            "Réponse à votre demande d'accès (article 15 du règlement général sur la protection des données).",
            "Answer to your request for access (article 15 of the General Data Protection Regulation).",
        )) }
        (data(export, language))
        (reasons(export, language))
        (kept(export, language))
        (seen(export, language))
        h2 { (language.pick("Vos droits", "Your rights")) }
        p { (language.pick(
            "Vous pouvez demander la rectification ou l'effacement de ces données, la limitation de leur traitement, vous y opposer, \
             et introduire une réclamation auprès de la CNIL (www.cnil.fr). Aucune décision n'est prise par Coffre sur le seul \
             fondement d'un traitement automatisé.",
            "You may ask for these data to be rectified or erased, for their processing to be restricted, object to it, and lodge a \
             complaint with the French supervisory authority CNIL (www.cnil.fr). Coffre takes no decision by automated means alone.",
        )) }
    };
    document(language, title, &body)
}

fn label(labels: &Labels, language: Language) -> &str {
    language.pick(&labels.fr, &labels.en)
}

fn data(export: &AccessExport, language: Language) -> Markup {
    html! {
        h2 { (language.pick("Données", "Data")) }
        table {
            @for value in &export.fields {
                tr { th scope="row" { (label(&value.labels, language)) } td { (written(&value.value, &value.kind, export, language)) } }
            }
        }
        p.ref {
            (language.pick("Détenues depuis le ", "Held since ")) (language.day(Day::of(export.held_since)))
            (language.pick(", modifiées le ", ", last changed on ")) (language.day(Day::of(export.changed_at)))
            @if export.restricted {
                (language.pick(". Leur traitement est limité (article 18)", ". Their processing is restricted (article 18)"))
                @for (place, ground) in export.restriction_grounds.iter().enumerate() {
                    @if place == 0 { (language.pick(" : ", ": ")) } @else { (language.pick(" ; ", "; ")) }
                    (language.ground(*ground))
                }
                "."
            }
        }
        @if !export.sources.is_empty() {
            p.ref {
                (language.pick("Origine des données : ", "Where the data come from: "))
                @for (place, source) in export.sources.iter().enumerate() {
                    @if place > 0 { ", " } (language.source(*source))
                }
                "."
            }
        }
        @if !export.documents.is_empty() {
            p { (language.pick("Documents, dont une copie est à votre disposition :", "Documents, of which you can have a copy:")) }
            ul { @for info in &export.documents { li { (info.file_name) ", " (language.day(Day::of(info.stored_at))) } } }
        }
    }
}

/// A value as people write it: a day in words, a choice by its label, a document by its file's name.
fn written(value: &Value, kind: &Kind, export: &AccessExport, language: Language) -> String {
    match (kind, value) {
        (Kind::List { of, .. }, Value::Array(items)) => {
            items.iter().map(|item| written(item, of, export, language)).collect::<Vec<_>>().join(", ")
        }
        (Kind::Date, Value::String(text)) => text.parse::<Day>().map_or_else(|_| text.clone(), |day| language.day(day)),
        (Kind::Choice(choices), Value::String(text)) => choices
            .iter()
            .find(|choice| choice.name == *text)
            .map_or_else(|| text.clone(), |choice| label(&choice.labels, language).to_owned()),
        (Kind::Document, Value::String(text)) => export
            .documents
            .iter()
            .find(|info| info.id.to_string() == *text)
            .map_or_else(|| text.clone(), |info| info.file_name.clone()),
        (_, Value::Bool(true)) => language.pick("oui", "yes").to_owned(),
        (_, Value::Bool(false)) => language.pick("non", "no").to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

fn reasons(export: &AccessExport, language: Language) -> Markup {
    html! {
        h2 { (language.pick("Pourquoi, et pour qui", "Why, and for whom")) }
        ul {
            @for purpose in &export.purposes {
                li {
                    (label(&purpose.labels, language)) (language.pick(" : ", ": ")) (label(&purpose.description, language))
                    " (" (language.pick("article 6, paragraphe 1 : ", "article 6(1): ")) (language.basis(purpose.basis)) ")"
                }
            }
        }
        @for objection in &export.objections {
            p {
                (language.pick("Vous avez exercé votre droit d'opposition : ", "You have exercised your right to object: "))
                (purpose_name(export, &objection.purpose, language))
                (language.pick(", le ", ", on ")) (language.day(Day::of(objection.at))) "."
            }
        }
        p {
            (language.pick("Services qui y ont accès ou en ont eu connaissance : ", "Services that know or knew of them: "))
            @for (place, role) in export.recipients.iter().enumerate() {
                @if place > 0 { ", " } (language.service(Some(*role)))
            }
            "."
        }
    }
}

fn kept(export: &AccessExport, language: Language) -> Markup {
    html! {
        h2 { (language.pick("Combien de temps", "How long")) }
        table {
            @for kept in &export.kept {
                tr {
                    th scope="row" { (label(&kept.labels, language)) }
                    td { (language.term(kept.term)) }
                    td { (label(&kept.source, language)) }
                }
            }
        }
    }
}

fn seen(export: &AccessExport, language: Language) -> Markup {
    let what = |seen: &Seen| {
        seen.categories.iter().map(|category| category_name(export, category, language)).collect::<Vec<_>>().join(", ")
    };
    html! {
        h2 { (language.pick("Qui les a consultées ou modifiées", "Who saw or changed them")) }
        p.ref { (language.pick(
            "Par service, date et finalité. Les personnes qui ont agi sous l'autorité d'un service ne sont pas nommées (CJUE, C-579/21).",
            "By service, date and purpose. Those who acted under a service's authority are not named (CJEU, C-579/21).",
        )) }
        @if let Some(since) = export.accesses_since {
            p.ref {
                (language.pick(
                    "Le journal des accès ne remonte qu'au ", "The log of accesses goes back no further than ",
                )) (language.day(Day::of(since)))
                (language.pick(
                    " : ce qui a été consulté ou modifié auparavant n'y figure plus, sa durée de conservation étant écoulée.",
                    ": what was seen or changed before is no longer in it, since its retention period is over.",
                ))
            }
        }
        table {
            @for seen in &export.accesses {
                tr {
                    td { (language.day(Day::of(seen.at))) }
                    td { (language.service(seen.role)) }
                    td { (language.act(seen.act)) @if seen.count > 1 { " × " (seen.count) } }
                    td { (seen.purpose.as_deref().map_or("–", |name| purpose_name(export, name, language))) }
                    td { (what(seen)) }
                }
            }
        }
    }
}

/// What people call a purpose. One that the policies no longer declare has its name left.
fn purpose_name<'e>(export: &'e AccessExport, name: &'e str, language: Language) -> &'e str {
    let declared = export.purposes.iter().find(|purpose| purpose.name == name);
    declared.map_or(name, |purpose| label(&purpose.labels, language))
}

/// What people call a category. One that the record type no longer declares has its name left.
fn category_name<'e>(export: &'e AccessExport, category: &'e Category, language: Language) -> &'e str {
    let declared = export.categories.iter().find(|known| known.name == *category);
    declared.map_or(category.as_str(), |known| label(&known.labels, language))
}
