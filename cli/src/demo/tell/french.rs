//! The story in French. Spaces are set by `typeset`.

use std::path::Path;

use super::Words;
use crate::demo::facts::{Accesses, Approval, Blindness, Environments, Import, Loss, Refusal, Search, Withdrawal};
use crate::demo::figures::{Figures, short};

pub(super) const WORDS: Words = Words {
    opening: "Les Assureurs Engagés, assureur fictif. Toute personne, tout contrat et toute maladie ci-dessous sont inventés.",
    import: ("Reprise", import),
    approval: ("Approbation", approval),
    search: ("Recherche", search),
    refusal: ("Refus", refusal),
    withdrawal: ("Retrait", withdrawal),
    accesses: ("Accès", accesses),
    blindness: ("Sauvegarde aveugle", blindness),
    loss: ("Perte et restauration", loss),
    environments: ("Environnements", environments),
    closing,
};

fn import(figures: Figures, import: &Import) -> String {
    format!(
        "sur {} de la base de l'application COBOL, {} au coffre avec {} ; {} pour {}, avec ligne, colonne et motif. Des \
         deux côtés, l'empreinte est {}.",
        figures.counted(import.clients, "ligne de client", "lignes de clients"),
        figures.counted(import.imported, "entre", "entrent"),
        figures.counted(import.vault.documents, "contrat", "contrats"),
        figures.counted(import.rejected, "est retenue", "sont retenues"),
        figures.counted(import.faults, "défaut", "défauts"),
        short(&import.vault.fingerprint),
    )
}

fn approval(figures: Figures, approval: &Approval) -> String {
    let officers: Vec<&str> = approval.officers.iter().filter_map(|officer| officer.split('+').next()).collect();
    format!(
        "l'informatique a ajouté l'application {} ; quoi qu'elle demande, c'est un refus ({}, {}, écriture nº {}) tant que deux \
         responsables, {}, n'ont pas signé son rôle. Les règles ont été signées par les deux avant la première reprise.",
        approval.application,
        approval.status,
        approval.cause,
        figures.count(approval.entry),
        officers.join(" et "),
    )
}

fn search(figures: Figures, search: &Search) -> String {
    format!(
        "le service légal tape « {} » et trouve {} {} parmi {} personnes au nom semblable ; le contrat {} s'ouvre ({}), \
         octet pour octet l'original.",
        search.typed,
        search.given_name,
        search.family_name,
        figures.count(search.hits),
        search.contract.number,
        figures.bytes(search.contract.content.len() as u64),
    )
}

fn refusal(figures: Figures, refusal: &Refusal) -> String {
    format!(
        "la vente demande une donnée de santé de cette personne ({}) : refus ({}) par la règle {}, inscrit au journal \
         sous le nº {}.",
        refusal.field.fr,
        refusal.status,
        refusal.policies.first().map_or("", |policy| policy.id.as_str()),
        figures.count(refusal.entry),
    )
}

fn withdrawal(figures: Figures, withdrawal: &Withdrawal) -> String {
    let opened: Vec<&str> = withdrawal.opened.iter().map(|field| field.fr.as_str()).collect();
    format!(
        "la vente lit {} pour la {}, par consentement ; le consentement est retiré, et la lecture suivante, {} plus \
         tard, est refusée ({}, écriture nº {}).",
        opened.join(" et "),
        withdrawal.purpose.fr,
        figures.duration(withdrawal.delay),
        withdrawal.cause,
        figures.count(withdrawal.refused_entry),
    )
}

fn accesses(figures: Figures, accesses: &Accesses) -> String {
    format!(
        "« Qui a vu cette personne ? » Le DPO reçoit {} accès de {}, {} et {}. Un octet de \
         l'écriture nº {} est altéré dans une copie du journal ({} écritures) : le vérificateur désigne la nº {}.",
        figures.count(accesses.entries.len() as u64),
        figures.counted(accesses.operators, "opérateur", "opérateurs"),
        figures.counted(accesses.allowed(), "permis", "permis"),
        figures.counted(accesses.refused(), "refusé", "refusés"),
        figures.count(accesses.alteration.entry),
        figures.count(accesses.log.entries),
        figures.count(accesses.alteration.entry),
    )
}

fn blindness(figures: Figures, blindness: &Blindness) -> String {
    format!(
        "tout ce que détient le compte de sauvegarde ({} dans {} fichiers, contenu de restic déchiffré) est fouillé à la \
         recherche de {} noms, adresses et numéros de clients repris : {}. La même recherche en trouve {} dans la base COBOL.",
        figures.bytes(blindness.bytes()),
        figures.count(blindness.files()),
        figures.count(blindness.values()),
        if blindness.hits == 0 { "aucun".to_owned() } else { figures.count(blindness.hits) },
        figures.count(blindness.found_in_source),
    )
}

fn loss(figures: Figures, loss: &Loss) -> String {
    format!(
        "le serveur est tué (kill -9) et son disque effacé ; {} plus tard il répond de nouveau : {} dossiers sur {} et {} \
         documents sur {} sont identiques, et le journal reprend à l'écriture nº {}.",
        figures.duration(loss.took),
        figures.count(loss.identical_records),
        figures.count(loss.records),
        figures.count(loss.identical_documents),
        figures.count(loss.documents),
        figures.count(loss.log_continues_at),
    )
}

fn environments(_: Figures, environments: &Environments) -> String {
    let refusal = environments.attempts.first().map_or("", |attempt| attempt.cause());
    format!("le coffre de recette refuse la clé de production : « {refusal} ».")
}

fn closing(page: &Path) -> String {
    format!("La page pour le légal, le DPO et l'informatique, fictive elle aussi : {}", page.display())
}
