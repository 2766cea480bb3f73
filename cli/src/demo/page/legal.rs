//! For Legal: that everything came across, what did not and why, and a contract as it is opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::parts::{chapter, definitions, hash, part, verdict, wide_table};
use super::voice::Voice;
use crate::demo::facts::{Contract, Facts, Import, Reject, Search, Side};

/// So many rejects are listed; the others are in the reject file.
const LISTED: usize = 100;

pub(super) fn section(voice: Voice, facts: &Facts) -> Markup {
    let lead = voice.say(
        "Ce que contenait la base de l'application COBOL est au coffre, à l'identique, ou dans la liste des rejets avec son \
         motif.",
        "What the COBOL application's database held is in the vault, identical, or on the list of rejects with its reason.",
    );
    let content = html! {
        (chapter(&voice.say("Rapprochement", "Reconciliation"), &reconciliation(voice, facts)))
        (chapter(&voice.say("Rejets", "Rejects"), &rejects(voice, &facts.import)))
        (chapter(&voice.say("Un contrat ouvert", "A contract, opened"), &contract(voice, &facts.search)))
    };
    part("legal", &voice.say("Première partie", "Part one"), &voice.say("Service légal", "Legal"), &lead, &content)
}

fn reconciliation(voice: Voice, facts: &Facts) -> Markup {
    let figures = voice.figures();
    let import = &facts.import;
    let sides: [(String, &Side); 3] = [
        (voice.say("Base COBOL, à reprendre", "COBOL database, to be imported"), &import.source),
        (voice.say("Coffre, relu et déchiffré", "Vault, read back and decrypted"), &import.vault),
        (voice.say("Coffre restauré, relu par l'API", "Restored vault, read over the API"), &facts.loss.after),
    ];
    let equal = import.reconciled() && facts.loss.after == import.vault;
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Côté", "Side")) }
                th.number scope="col" { (voice.say("Dossiers", "Records")) }
                th.number scope="col" { (voice.say("Documents", "Documents")) }
                th scope="col" { (voice.say("Empreinte (SHA-256 sommées)", "Fingerprint (sum of SHA-256)")) }
            }
        }
        tbody {
            @for (name, side) in sides {
                tr {
                    th scope="row" { (name) }
                    td.number { (figures.count(side.records)) }
                    td.number { (figures.count(side.documents)) }
                    td { (hash(&side.fingerprint)) }
                }
            }
        }
    };
    let tables: Vec<String> =
        import.tables.iter().map(|(name, rows)| format!("{name} {}", figures.count(*rows))).collect();
    html! {
        (verdict(equal, &if equal {
            voice.say(
                "Dossiers, documents et empreintes sont égaux des trois côtés.",
                "Records, documents and fingerprints are equal on all three sides.",
            )
        } else {
            voice.say("Les côtés diffèrent.", "The sides differ.")
        }))
        (wide_table(&voice.say(
            "Les mêmes dossiers et documents, comptés et hachés de chaque côté",
            "The same records and documents, counted and hashed on each side",
        ), &rows))
        (definitions(&[
            (voice.say("Lignes de clients", "Rows of clients"), html! {
                (figures.count(import.clients)) " = "
                (figures.count(import.imported)) " " (voice.say("reprises", "imported")) " + "
                (figures.count(import.rejected)) " " (voice.say("retenues", "held back"))
            }),
            (voice.say("Lignes lues par table", "Rows read, by table"), html! { (tables.join(" · ")) }),
            (voice.say("Habilitations accordées", "Grants given"), html! { (figures.count(import.grants)) }),
            (voice.say("Durée", "Time taken"), html! { (figures.duration(import.took)) }),
        ]))
    }
}

fn rejects(voice: Voice, import: &Import) -> Markup {
    let figures = voice.figures();
    let rows = html! {
        thead {
            tr {
                th scope="col" { (voice.say("Table", "Table")) }
                th.number scope="col" { (voice.say("Ligne", "Row")) }
                th scope="col" { (voice.say("Numéro", "Number")) }
                th scope="col" { (voice.say("Colonne", "Column")) }
                th scope="col" { (voice.say("Motif et remède", "Reason and remedy")) }
            }
        }
        tbody { @for reject in import.rejects.iter().take(LISTED) { (row_of(voice, reject)) } }
    };
    let more = import.rejects.len().saturating_sub(LISTED) as u64;
    html! {
        p {
            (voice.say(
                "Rien n'est deviné : un client en défaut est retenu entier, jusqu'à ce que la ligne soit corrigée dans \
                 l'ancienne application. Les valeurs ne sont pas répétées ici ; le fichier des rejets est chiffré.",
                "Nothing is guessed: a client at fault is held back as a whole until the row is corrected in the old \
                 application. Values are not repeated here; the reject file is encrypted.",
            ))
        }
        ul.reasons {
            @for (code, count) in &import.faults_by_reason {
                li { strong { (figures.count(*count)) } " " code { (code) } }
            }
        }
        (wide_table(&voice.say("Chaque défaut, avec sa ligne et sa colonne", "Each fault, with its row and column"), &rows))
        @if more > 0 {
            p.note {
                (voice.say(
                    &format!("{} autres sont dans le fichier des rejets.", figures.count(more)),
                    &format!("{} more are in the reject file.", figures.count(more)),
                ))
            }
        }
    }
}

fn row_of(voice: Voice, reject: &Reject) -> Markup {
    html! {
        tr {
            td { code { (reject.table) } }
            td.number { (reject.row) }
            td { @if reject.key.is_empty() { "–" } @else { code { (reject.key) } } }
            td { @match &reject.column { Some(column) => { code { (column) } }, None => { "–" } } }
            td {
                (voice.label(&reject.reason))
                span.other lang=(voice.other_code()) { (voice.other(&reject.reason)) }
            }
        }
    }
}

fn contract(voice: Voice, search: &Search) -> Markup {
    let figures = voice.figures();
    let contract = &search.contract;
    html! {
        p { (found(voice, search)) }
        div.contract {
            (sheet(voice, contract))
            div {
                (definitions(&[
                    (voice.say("Contrat", "Contract"), html! { (contract.number) ", " (contract.product) }),
                    (voice.say("Fichier", "File"), html! { code { (contract.file_name) } }),
                    (voice.say("Taille", "Size"), html! { (figures.bytes(contract.content.len() as u64)) }),
                    (voice.say("SHA-256 dans la base COBOL", "SHA-256 in the COBOL database"), hash(&contract.sha256_in_source)),
                    (voice.say("SHA-256 à la sortie du coffre", "SHA-256 as it leaves the vault"), hash(&contract.sha256)),
                    (voice.say("Ouvert par", "Opened by"), html! {
                        (search.operator) ", " (voice.say("écriture nº ", "entry ")) (figures.count(contract.entry))
                    }),
                ]))
                (verdict(contract.sha256 == contract.sha256_in_source, &voice.say("Octet pour octet l'original.", "Byte for byte the original.")))
                (download(voice, contract))
            }
        }
    }
}

fn found(voice: Voice, search: &Search) -> String {
    let Search { operator, typed, given_name, family_name, .. } = search;
    let (hits, names) = (voice.figures().count(search.hits), search.names.join(", "));
    let entry = voice.figures().count(search.entry);
    voice.say(
        &format!(
            "{operator} cherche « {typed} », faute de frappe comprise (écriture nº {entry}), et trouve {hits} personnes dont \
             le nom se prononce pareil : {names}. Voici le contrat de {given_name} {family_name}."
        ),
        &format!(
            "{operator} searches for “{typed}”, misspelt as it is (entry {entry}), and finds {hits} people whose names sound \
             alike: {names}. This is the contract of {given_name} {family_name}."
        ),
    )
}

/// The text of the first page, as it stands there.
fn sheet(voice: Voice, contract: &Contract) -> Markup {
    let caption = voice.say("Texte de la première page", "Text of the first page");
    html! {
        figure.sheet {
            div lang="fr" { @for line in &contract.first_page { p.two[line.len() > 1] { @for column in line { span { (column) } } } } }
            figcaption { (caption) }
        }
    }
}

fn download(voice: Voice, contract: &Contract) -> Markup {
    let address = format!("data:application/pdf;base64,{}", STANDARD.encode(&contract.content));
    html! {
        p.download {
            a href=(address) download=(contract.file_name) { (voice.say("Télécharger le PDF", "Download the PDF")) }
        }
        details {
            summary { (voice.say("Afficher le PDF dans la page", "Show the PDF in the page")) }
            object type="application/pdf" data=(address) {
                p { (voice.say("Ce navigateur n'affiche pas les PDF ; le lien ci-dessus le télécharge.", "This browser does not show PDFs; the link above downloads it.")) }
            }
        }
    }
}
