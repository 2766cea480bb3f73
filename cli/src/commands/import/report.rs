//! What an import did, for the operators who run it: in figures, in French or English, without a name or a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::language::Language;

/// The report of `coffre-import`, as it is told.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    dry_run: bool,
    read: Read,
    imported: u64,
    unchanged: u64,
    changed: u64,
    changes_pending: u64,
    changed_in_vault: u64,
    restricted: u64,
    archived: u64,
    erased: u64,
    rejected: u64,
    rejects: u64,
    rejects_by_reason: BTreeMap<String, u64>,
    past_time: u64,
    consents_kept: u64,
    documents_imported: u64,
    grants_given: u64,
    grants_withdrawn: u64,
    reject_file: Option<PathBuf>,
    source: Tally,
    vault: Option<Tally>,
}

#[derive(Debug, Deserialize)]
struct Read {
    subjects: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Tally {
    records: u64,
    documents: u64,
    fingerprint: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything was brought, or accounted for.
    Complete,
    /// Some rows were rejected.
    Rejects,
    /// What the vault gave back is not what was brought.
    NotReconciled,
}

impl Report {
    pub(super) fn outcome(&self) -> Outcome {
        if self.vault.as_ref().is_some_and(|vault| *vault != self.source) {
            Outcome::NotReconciled
        } else if self.rejects > 0 {
            Outcome::Rejects
        } else {
            Outcome::Complete
        }
    }

    /// Where the server says that the rejected rows are.
    pub(super) fn reject_file(&self) -> Option<&Path> {
        self.reject_file.as_deref()
    }

    /// The lines for the terminal; figures of 0 are left out where they say nothing.
    pub(super) fn text(&self, language: Language) -> String {
        let mut lines = Vec::new();
        if self.dry_run {
            lines.push(
                language.pick("essai à blanc : rien n'a été importé", "dry run: nothing was imported").to_owned(),
            );
        }
        lines.extend(self.figures(language).into_iter().map(|(figure, words)| format!("{figure:>9}  {words}")));
        if let Some(file) = &self.reject_file {
            let words = language.pick("lignes rejetées, chiffrées :", "rejected rows, encrypted:");
            lines.push(format!("{words} {}", file.display()));
        }
        lines.push(self.reconciliation(language));
        lines.join("\n")
    }

    fn figures(&self, language: Language) -> Vec<(u64, String)> {
        let words = |fr: &str, en: &str| language.pick(fr, en).to_owned();
        let mut figures = vec![
            (self.read.subjects, words("personnes lues", "persons read")),
            (self.imported, words("dossiers importés", "records imported")),
            (self.documents_imported, words("documents importés", "documents imported")),
        ];
        let told_if_any = [
            (self.unchanged, words("dossiers déjà là, inchangés", "records there already, unchanged")),
            (self.changed, words("dossiers modifiés", "records changed")),
            (
                self.changes_pending,
                words(
                    "dossiers modifiés à la source, non repris (--apply-changes)",
                    "records changed in the source, not taken over (--apply-changes)",
                ),
            ),
            (
                self.changed_in_vault,
                words(
                    "dossiers modifiés dans Coffre, laissés tels quels",
                    "records changed in Coffre, left as they are",
                ),
            ),
            (
                self.restricted,
                words(
                    "dossiers au traitement limité, laissés tels quels",
                    "records under restriction, left as they are",
                ),
            ),
            (
                self.archived,
                words(
                    "dossiers en archivage intermédiaire, laissés tels quels",
                    "records in the intermediate archive, left as they are",
                ),
            ),
            (self.erased, words("personnes effacées, non réimportées", "erased persons, not brought back")),
            (
                self.past_time,
                words(
                    "catégories arrivées au terme de leur conservation, non réimportées",
                    "categories past their retention, not brought back",
                ),
            ),
            (
                self.consents_kept,
                words(
                    "dossiers dont un consentement donné dans Coffre manque à la source, maintenu",
                    "records with a consent given in Coffre that the source lacks, kept",
                ),
            ),
            (self.grants_given, words("habilitations données", "grants given")),
            (self.grants_withdrawn, words("habilitations retirées", "grants withdrawn")),
            (self.rejected, words("personnes rejetées", "persons rejected")),
        ];
        figures.extend(told_if_any.into_iter().filter(|(figure, _)| *figure > 0));
        figures.extend(self.rejects_by_reason.iter().map(|(reason, count)| (*count, format!("  {reason}"))));
        figures
    }

    /// Both sides, counted and fingerprinted.
    fn reconciliation(&self, language: Language) -> String {
        let Tally { records, documents, fingerprint } = &self.source;
        let source = match language {
            Language::French => format!("source   {records} dossiers, {documents} documents, empreinte {fingerprint}"),
            Language::English => {
                format!("source   {records} records, {documents} documents, fingerprint {fingerprint}")
            }
        };
        let Some(vault) = &self.vault else { return source };
        let Tally { records, documents, fingerprint } = vault;
        let (vault, verdict) = match language {
            Language::French => (
                format!("Coffre   {records} dossiers, {documents} documents, empreinte {fingerprint}"),
                if *vault == self.source { "identiques des deux côtés" } else { "DIFFÉRENTS : rien n'est sûr" },
            ),
            Language::English => (
                format!("Coffre   {records} records, {documents} documents, fingerprint {fingerprint}"),
                if *vault == self.source { "equal on both sides" } else { "DIFFERENT: nothing is certain" },
            ),
        };
        format!("{source}\n{vault}\n{verdict}")
    }
}
