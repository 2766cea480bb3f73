//! For the data protection officer: who may read what and why, who has seen a person, and a log that proves itself.

use coffre_core::record::FieldPath;
use coffre_policies::{Access as Opening, Cell, Column, Labels, Matrix};
use maud::{Markup, html};

use super::parts::{chapter, definitions, part, scrolling, verdict, wide_table};
use super::voice::Voice;
use crate::demo::facts::{Access, Alteration, Facts, Log};

pub(super) fn section(voice: Voice, facts: &Facts) -> Markup {
    let lead = voice.say(
        "Qui peut lire quoi, et pour quelle finalité ; qui a lu quoi ; et la preuve que le journal n'a pas été réécrit.",
        "Who may read what, and for which purpose; who has read what; and the proof that the log has not been rewritten.",
    );
    let content = html! {
        (chapter(&voice.say("Qui peut lire quoi", "Who may read what"), &access_matrix(voice, &facts.matrix)))
        (chapter(&voice.say("Qui a vu cette personne ?", "Who has seen this person?"), &accesses(voice, facts)))
        (chapter(&voice.say("Un refus, un retrait", "A refusal, a withdrawal"), &refusals(voice, facts)))
        (chapter(&voice.say("Le journal se prouve lui-même", "The log proves itself"), &log(voice, facts)))
    };
    let title = voice.say("Délégué à la protection des données", "Data protection officer");
    part("dpo", &voice.say("Deuxième partie", "Part two"), &title, &lead, &content)
}

fn access_matrix(voice: Voice, matrix: &Matrix) -> Markup {
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Rôle", "Role")) }
                @for column in &matrix.columns {
                    th scope="col" {
                        (voice.label(&column.labels))
                        @if column.special { " " span.tag { (voice.say("article 9", "article 9")) } }
                    }
                }
            }
        }
        tbody {
            @for row in &matrix.rows {
                tr {
                    th scope="row" { (voice.role(row.role)) " " code { (row.role) } }
                    @for (cell, span) in runs(&row.cells) {
                        td colspan=[(span > 1).then_some(span)] { (access_cell(voice, cell)) }
                    }
                }
            }
        }
    };
    html! {
        p {
            (voice.say(
                "Calculé à partir des règles en vigueur : chaque case est la réponse du coffre à la question elle-même. Sans \
                 habilitation valide, le service client, la vente et la facturation ne lisent rien.",
                "Computed from the policies in force: each cell is the vault's answer to the question itself. Without a \
                 valid grant, customer service, Sales and Billing read nothing.",
            ))
        }
        (scrolling("scroll wide matrix", &voice.say(
            &format!("Lecture d'un dossier ({}), par rôle et par catégorie", matrix.labels.fr),
            &format!("Reading a record ({}), by role and category", matrix.labels.en),
        ), &rows))
    }
}

/// Equal neighbours become one wide cell: what differs is seen.
fn runs(cells: &[Cell]) -> Vec<(&Cell, usize)> {
    let mut runs: Vec<(&Cell, usize)> = Vec::new();
    for cell in cells {
        match runs.last_mut() {
            Some((same, span)) if *same == cell => *span += 1,
            _ => runs.push((cell, 1)),
        }
    }
    runs
}

fn access_cell(voice: Voice, cell: &Cell) -> Markup {
    let [free, granted]: [Vec<&Labels>; 2] = [Opening::Free, Opening::Grant].map(|access| cell.with(access).collect());
    html! {
        @if !free.is_empty() {
            p.free { strong { (voice.say("Oui", "Yes")) } span { (voice.labels(free)) } }
        }
        @if !granted.is_empty() {
            p.granted { strong { (voice.say("Avec habilitation", "With a grant")) } span { (voice.labels(granted)) } }
        }
        @if cell.habilitation {
            p.granted { span { (voice.say("opérateur habilité seulement", "habilitated operators only")) } }
        }
        @if cell.is_closed() {
            p.closed {
                strong { (voice.say("Jamais", "Never")) }
                @for policy in &cell.forbidden_by { code { (policy) } }
            }
        }
    }
}

fn accesses(voice: Voice, facts: &Facts) -> Markup {
    let accesses = &facts.accesses;
    let rows = html! {
        thead {
            tr {
                th.number scope="col" { (voice.say("Nº", "No.")) }
                th scope="col" { (voice.say("Heure (UTC)", "Time (UTC)")) }
                th scope="col" { (voice.say("Qui", "Who")) }
                th scope="col" { (voice.say("Quoi", "What")) }
                th scope="col" { (voice.say("Finalité", "Purpose")) }
                th scope="col" { (voice.say("Décision", "Decision")) }
            }
        }
        tbody { @for access in &accesses.entries { (access_row(voice, &facts.matrix, access)) } }
    };
    html! {
        p {
            (voice.say("Sujet ", "Subject ")) code { (accesses.subject) } ". "
            (voice.say(
                "Le journal ne connaît que ce pseudonyme ; la reprise et les refus y sont aussi.",
                "The log knows this pseudonym only; the import and refusals are in it too.",
            ))
        }
        (wide_table(&voice.say("Chaque accès, permis ou refusé", "Every access, allowed or refused"), &rows))
    }
}

fn access_row(voice: Voice, matrix: &Matrix, access: &Access) -> Markup {
    let time = access.time.to_string();
    let fields = if access.allowed { &access.fields } else { &access.withheld };
    html! {
        tr {
            td.number { (voice.figures().count(access.entry)) }
            td.nowrap { (time.get(11..23).unwrap_or(&time)) }
            td {
                (access.operator.as_deref().unwrap_or("–"))
                span.other {
                    @match access.role {
                        Some(role) => { (voice.role(role)) },
                        None => { (voice.say("compte du serveur", "account on the server")) }
                    }
                }
            }
            td {
                (voice.action(&access.action))
                @if !fields.is_empty() {
                    span.other { (field_list(voice, matrix, fields)) }
                } @else if access.document {
                    span.other { (voice.say("un document", "a document")) }
                }
            }
            td {
                @match &access.purpose { Some(purpose) => { (voice.label(purpose)) }, None => { "–" } }
                @if let Some(reason) = &access.reason { span.other { (reason) } }
            }
            td {
                @if access.allowed {
                    span.allowed { (voice.say("permis", "allowed")) }
                } @else {
                    span.refused { (voice.say("refusé", "refused")) }
                    @if let Some(cause) = &access.cause { span.other { (cause) } }
                }
            }
        }
    }
}

/// Few fields by their names; many by how many there are of each category.
fn field_list(voice: Voice, matrix: &Matrix, fields: &[FieldPath]) -> String {
    if fields.len() <= 3 {
        return fields.iter().map(FieldPath::as_str).collect::<Vec<_>>().join(", ");
    }
    let of = |column: &Column| fields.iter().filter(|field| field.category_str() == column.name.as_str()).count();
    let counted = matrix.columns.iter().map(|column| (voice.label(&column.labels), of(column)));
    let listed: Vec<String> =
        counted.filter(|(_, count)| *count > 0).map(|(label, count)| format!("{label} ({count})")).collect();
    listed.join(", ")
}

fn refusals(voice: Voice, facts: &Facts) -> Markup {
    let figures = voice.figures();
    let (refusal, withdrawal) = (&facts.refusal, &facts.withdrawal);
    let entry =
        |number| voice.say(&format!("nº {}", figures.count(number)), &format!("entry {}", figures.count(number)));
    html! {
        (definitions(&[
            (voice.say("La vente demande une donnée de santé", "Sales asks for health data"), html! {
                (voice.label(&refusal.field)) " → " span.refused { (voice.say("refusé", "refused")) }
                " (" (refusal.status) ", " code { (refusal.cause) } ", " (entry(refusal.entry)) ")"
                @for policy in &refusal.policies {
                    span.other { code { (policy.id) } " – " (voice.label(&policy.description)) }
                }
            }),
            (voice.say("Un consentement est retiré", "A consent is withdrawn"), html! {
                (voice.label(&withdrawal.purpose)) " (" (voice.labels(&withdrawal.opened)) ")"
                span.other {
                    (voice.say("lecture permise, ", "read allowed, ")) (entry(withdrawal.allowed_entry))
                    " → " (voice.say("retrait, ", "withdrawal, ")) (entry(withdrawal.withdrawn_entry))
                    " → " (voice.say("lecture refusée, ", "read refused, ")) (entry(withdrawal.refused_entry))
                    ", " (figures.duration(withdrawal.delay)) " " (voice.say("plus tard", "later"))
                    " (" code { (withdrawal.cause) } ")"
                }
            }),
        ]))
    }
}

fn log(voice: Voice, facts: &Facts) -> Markup {
    let accesses = &facts.accesses;
    html! {
        p {
            (voice.say(
                "Chaque écriture est une feuille d'un arbre de Merkle (RFC 6962) ; sa tête est signée (C2SP). Qui garde une \
                 tête peut prouver plus tard qu'on a réécrit le journal. Celle-ci a été remise au DPO :",
                "Every entry is a leaf of a Merkle tree (RFC 6962); its head is signed (C2SP). Whoever keeps a head can \
                 prove later that the log was rewritten. This one was given to the DPO:",
            ))
        }
        pre { (accesses.tree_head) }
        p {
            (voice.say(
                "Une copie du journal a été laissée à côté de cette page. La vérifier, sans le coffre :",
                "A copy of the log was left beside this page. To verify it, without the vault:",
            ))
        }
        pre { "$ " (accesses.log.verify_command) }
        (verdict(accesses.log.verify_exit == 0, &verified(voice, &accesses.log)))
        p { (altered(voice, &accesses.alteration)) }
        pre.finding { (accesses.alteration.finding) }
    }
}

fn verified(voice: Voice, log: &Log) -> String {
    let [entries, allowed, denied] =
        [log.entries, log.reads_allowed, log.reads_denied].map(|count| voice.figures().count(count));
    let exit = log.verify_exit;
    voice.say(
        &format!("{entries} écritures, chacune telle qu'elle a été signée (code {exit}) ; {allowed} lectures permises, {denied} refusées."),
        &format!("{entries} entries, each as it was signed (exit code {exit}); {allowed} reads allowed, {denied} refused."),
    )
}

fn altered(voice: Voice, alteration: &Alteration) -> String {
    let Alteration { file, before, after, exit, .. } = alteration;
    let (entry, offset) = (voice.figures().count(alteration.entry), voice.figures().count(alteration.offset));
    voice.say(
        &format!(
            "Dans cette copie, un octet de l'écriture nº {entry} est altéré ({file}, octet {offset} : {before:02x} devient \
             {after:02x}). La même commande s'arrête avec le code {exit} et désigne l'écriture :"
        ),
        &format!(
            "In this copy, one byte of entry {entry} is altered ({file}, byte {offset}: {before:02x} becomes {after:02x}). \
             The same command stops with exit code {exit} and names the entry:"
        ),
    )
}
