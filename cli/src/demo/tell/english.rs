//! The story in English.

use std::path::Path;

use super::Words;
use crate::demo::facts::{Accesses, Approval, Blindness, Environments, Import, Loss, Refusal, Search, Withdrawal};
use crate::demo::figures::{Figures, short};

pub(super) const WORDS: Words = Words {
    opening: "Les Assureurs Engagés, a fictitious insurer. Every person, contract and illness below is made up.",
    import: ("Import", import),
    approval: ("Approval", approval),
    search: ("Search", search),
    refusal: ("Refusal", refusal),
    withdrawal: ("Withdrawal", withdrawal),
    accesses: ("Accesses", accesses),
    blindness: ("Blind backup", blindness),
    loss: ("Loss and restore", loss),
    environments: ("Environments", environments),
    closing,
};

fn import(figures: Figures, import: &Import) -> String {
    format!(
        "of {} in the COBOL application's database, {} enter the vault with {}; {} held back for {}, each with row, \
         column and reason. Both sides have the fingerprint {}.",
        figures.counted(import.clients, "client row", "client rows"),
        figures.count(import.imported),
        figures.counted(import.vault.documents, "contract", "contracts"),
        figures.counted(import.rejected, "is", "are"),
        figures.counted(import.faults, "fault", "faults"),
        short(&import.vault.fingerprint),
    )
}

fn approval(figures: Figures, approval: &Approval) -> String {
    let officers: Vec<&str> = approval.officers.iter().filter_map(|officer| officer.split('+').next()).collect();
    format!(
        "IT has added the application {}; whatever it asks for is refused ({}, {}, entry {}) until two officers, {}, have \
         signed its role. The policies were signed by both before the first record came in.",
        approval.application,
        approval.status,
        approval.cause,
        figures.count(approval.entry),
        officers.join(" and "),
    )
}

fn search(figures: Figures, search: &Search) -> String {
    format!(
        "Legal types “{}” and finds {} {} among {} people whose names sound alike; the contract {} opens ({}), byte \
         for byte the original.",
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
        "Sales asks for this person's {}: refused ({}) by the policy {}, and the refusal is entry {} of the log.",
        refusal.field.en,
        refusal.status,
        refusal.policies.first().map_or("", |policy| policy.id.as_str()),
        figures.count(refusal.entry),
    )
}

fn withdrawal(figures: Figures, withdrawal: &Withdrawal) -> String {
    let opened: Vec<&str> = withdrawal.opened.iter().map(|field| field.en.as_str()).collect();
    format!(
        "Sales reads the {} for {}, by consent; the consent is withdrawn, and the very next read, {} later, is refused \
         ({}, entry {}).",
        opened.join(" and "),
        withdrawal.purpose.en,
        figures.duration(withdrawal.delay),
        withdrawal.cause,
        figures.count(withdrawal.refused_entry),
    )
}

fn accesses(figures: Figures, accesses: &Accesses) -> String {
    format!(
        "Who has seen this person? The DPO is shown {} by {}, {} allowed and {} refused. One byte of \
         entry {} is altered in a copy of the log ({} entries): the verifier names entry {}.",
        figures.counted(accesses.entries.len() as u64, "access", "accesses"),
        figures.counted(accesses.operators, "operator", "operators"),
        figures.count(accesses.allowed()),
        figures.count(accesses.refused()),
        figures.count(accesses.alteration.entry),
        figures.count(accesses.log.entries),
        figures.count(accesses.alteration.entry),
    )
}

fn blindness(figures: Figures, blindness: &Blindness) -> String {
    format!(
        "everything the backup account holds ({} in {} files, restic's content decrypted) is searched for {} imported \
         names, e-mail addresses and client numbers: {} found. The same search finds {} of them in the COBOL database.",
        figures.bytes(blindness.bytes()),
        figures.count(blindness.files()),
        figures.count(blindness.values()),
        if blindness.hits == 0 { "none".to_owned() } else { figures.count(blindness.hits) },
        if blindness.found_in_source == blindness.values() {
            "all".to_owned()
        } else {
            figures.count(blindness.found_in_source)
        },
    )
}

fn loss(figures: Figures, loss: &Loss) -> String {
    format!(
        "the server is killed (kill -9) and its disk wiped; {} later it answers again: {} of {} records and {} of {} \
         documents are identical, and the log goes on from entry {}.",
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
    format!("the recette vault refuses production's key: “{refusal}”.")
}

fn closing(page: &Path) -> String {
    format!("The page for Legal, the DPO and IT, fictitious too: {}", page.display())
}
