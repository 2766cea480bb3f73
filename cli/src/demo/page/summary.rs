//! The head of the page: what this is, the figures at a glance, the story; and its foot.

use coffre_policies::Labels;
use maud::{Markup, html};

use super::parts::{definitions, hash};
use super::voice::Voice;
use crate::demo::facts::Facts;
use crate::demo::tell::Teller;

pub(super) fn header(voice: Voice, facts: &Facts) -> Markup {
    html! {
        header.page-head {
            p.overline { "Coffre" span { (voice.say("démonstration", "demonstration")) } }
            h1 { (voice.say("De l'ancien serveur au coffre, de la perte à la restauration", "From the old server into the vault, from loss to restore")) }
            p.client {
                "Les Assureurs Engagés, " (crate::figures::moment(facts.occasion.at))
            }
            p.fictitious role="note" {
                strong { (voice.say("Données fictives.", "Fictitious data.")) } " "
                (voice.say(
                    "L'assureur, les personnes, leurs contrats et leur santé sont inventés par un générateur ; aucun chiffre ne l'est : chacun a été mesuré pendant cette exécution.",
                    "The insurer, the people, their contracts and their health are made up by a generator; no figure is: each was measured during this run.",
                ))
            }
            nav aria-label=(voice.say("Parties", "Parts")) {
                ul {
                    li { a href="#legal" { (voice.say("Service légal", "Legal")) } }
                    li { a href="#dpo" { (voice.say("Délégué à la protection des données", "Data protection officer")) } }
                    li { a href="#it" { (voice.say("Informatique", "IT")) } }
                }
            }
        }
    }
}

pub(super) fn figures(voice: Voice, facts: &Facts) -> Markup {
    let figures = voice.figures();
    let tiles = [
        (figures.count(facts.import.imported), voice.say("dossiers repris", "records imported")),
        (figures.count(facts.import.vault.documents), voice.say("contrats numérisés", "digital contracts")),
        (figures.count(facts.import.faults), voice.say("défauts expliqués", "faults explained")),
        (
            figures.count(facts.accesses.log.entries),
            voice.say("écritures au journal, vérifiées", "log entries, verified"),
        ),
        (
            figures.count(facts.blindness.hits),
            voice.say("valeur en clair dans les sauvegardes", "plaintext values in the backups"),
        ),
        (
            figures.duration(facts.loss.took),
            voice.say("pour tout restaurer, à l'identique", "to restore everything, identical"),
        ),
    ];
    html! {
        section.figures aria-label=(voice.say("En chiffres", "In figures")) {
            @for (figure, caption) in tiles {
                p { strong { (figure) } " " span { (caption) } }
            }
        }
    }
}

pub(super) fn story(voice: Voice, facts: &Facts) -> Markup {
    html! {
        section.story aria-labelledby="story-title" {
            h2 id="story-title" { (voice.say("Le récit", "The story")) }
            ol {
                @for line in Teller(voice.0).story(facts) {
                    li { strong { (line.title) } " " span { (line.text) } }
                }
            }
        }
    }
}

/// The words that staff of both languages need to agree on.
pub(super) fn terms(voice: Voice) -> Markup {
    const TERMS: [(&str, &str); 9] = [
        ("coffre", "vault"),
        ("dossier", "record"),
        ("habilitation, consentement", "grant, consent"),
        ("finalité", "purpose"),
        ("journal des accès", "audit log"),
        ("tête signée du journal", "signed tree head"),
        ("empreinte", "fingerprint"),
        ("rejet", "reject"),
        ("recette", "acceptance environment"),
    ];
    html! {
        section.terms aria-labelledby="terms-title" {
            h2 id="terms-title" { (voice.say("Les mots dans les deux langues", "The words in both languages")) }
            dl {
                @for (fr, en) in TERMS {
                    @let labels = Labels { fr: fr.to_owned(), en: en.to_owned() };
                    div { dt { (voice.label(&labels)) } dd lang=(voice.other_code()) { (voice.other(&labels)) } }
                }
            }
        }
    }
}

pub(super) fn footer(voice: Voice, facts: &Facts) -> Markup {
    let occasion = &facts.occasion;
    html! {
        footer {
            (definitions(&[
                (voice.say("Environnement", "Environment"), html! { (occasion.environment) }),
                (voice.say("Coffre", "Vault"), html! { code { (occasion.vault_id) } }),
                (voice.say("Clé de vérification", "Verification key"), html! { code { (occasion.verification_key) } }),
                (voice.say("Règles en vigueur", "Policies in force"), hash(&occasion.policy_set)),
                (voice.say("Approuvées par", "Approved by"), html! { (facts.approval.officers.join(", ")) }),
                (voice.say("Produit par", "Made with"), html! { "coffre " (env!("CARGO_PKG_VERSION")) }),
            ]))
            p {
                (voice.say("Toutes les données de cette page sont fictives.", "All data on this page are fictitious."))
            }
        }
    }
}
