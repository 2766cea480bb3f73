//! The answer to a request for access, to be printed.

use coffre_core::day::Day;
use coffre_policies::Labels;
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
                tr { th scope="row" { (label(&value.labels, language)) } td { (written(&value.value, language)) } }
            }
        }
        p.ref {
            (language.pick("Détenues depuis le ", "Held since ")) (language.day(Day::of(export.held_since)))
            (language.pick(", modifiées le ", ", last changed on ")) (language.day(Day::of(export.changed_at)))
            @if export.restricted {
                (language.pick(". Leur traitement est limité (article 18).", ". Their processing is restricted (article 18)."))
            }
        }
        @if !export.documents.is_empty() {
            p { (language.pick("Documents, dont une copie est à votre disposition :", "Documents, of which you can have a copy:")) }
            ul { @for info in &export.documents { li { (info.file_name) ", " (language.day(Day::of(info.stored_at))) } } }
        }
    }
}

/// A value as people write it.
fn written(value: &Value, language: Language) -> String {
    match value {
        Value::Bool(true) => language.pick("oui", "yes").to_owned(),
        Value::Bool(false) => language.pick("non", "no").to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| written(item, language)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn reasons(export: &AccessExport, language: Language) -> Markup {
    html! {
        h2 { (language.pick("Pourquoi, et pour qui", "Why, and for whom")) }
        ul {
            @for purpose in &export.purposes {
                li {
                    (label(&purpose.labels, language)) ": " (label(&purpose.description, language))
                    " (" (language.pick("article 6, paragraphe 1 : ", "article 6(1): ")) (purpose.basis) ")"
                }
            }
        }
        p {
            (language.pick("Services qui y ont ou en ont eu connaissance : ", "Services that know or knew of them: "))
            @for (place, role) in export.recipients.iter().enumerate() { @if place > 0 { ", " } (role.as_str()) }
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
                    td {
                        @match &kept.until {
                            Some(until) => { (language.pick("jusqu'au ", "until ")) (until) }
                            None => { (language.pick("tant que le contrat court", "as long as the contract runs")) }
                        }
                    }
                    td { (label(&kept.source, language)) }
                }
            }
        }
    }
}

fn seen(export: &AccessExport, language: Language) -> Markup {
    let what =
        |seen: &Seen| seen.categories.iter().map(coffre_core::record::Category::as_str).collect::<Vec<_>>().join(", ");
    html! {
        h2 { (language.pick("Qui les a consultées ou modifiées", "Who saw or changed them")) }
        p.ref { (language.pick(
            "Par service, date et finalité. Les personnes qui ont agi sous l'autorité d'un service ne sont pas nommées (CJUE, C-579/21).",
            "By service, date and purpose. Those who acted under a service's authority are not named (CJEU, C-579/21).",
        )) }
        table {
            @for seen in &export.accesses {
                tr {
                    td { (language.day(Day::of(seen.at))) }
                    td { (seen.role.map_or("coffre", coffre_core::role::Role::as_str)) }
                    td { (seen.act) @if seen.count > 1 { " × " (seen.count) } }
                    td { (seen.purpose.as_deref().unwrap_or("–")) }
                    td { (what(seen)) }
                }
            }
        }
    }
}
