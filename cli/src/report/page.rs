//! The report as one page: the verdict, the last restorable moment, copies, drills, jobs, retention, and charts of lag,
//! sizes and restore times over 90 days. Self-contained: loads nothing.

use coffre_core::drill::{DrillResult, Phase};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::chart;
use super::facts::{Copy, Drills, Facts, JobFact, RepositoryFact, SourceFact};
use super::series;
use super::words::Words;
use crate::figures;
use crate::language::Language;

const STYLE: &str = include_str!("style.css");
/// How many drills are listed.
const LISTED: usize = 8;
/// The heading of what is said of a row beside its figures.
const REMARK: (&str, &str) = ("Remarque", "Remark");

/// The whole document; without charts where they would not be shown, as in most mail programs.
pub(crate) fn page(facts: &Facts, language: Language, charts: bool) -> String {
    let words = Words(language);
    let title = words.pick("Coffre\u{a0}: état des sauvegardes", "Coffre: how backups stand");
    let document = html! {
        (DOCTYPE)
        html lang=(words.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p.soft { (facts.environment) " · " (figures::moment(facts.at)) }
                (verdict(facts, words))
                @if facts.vault.is_some() { (copies(facts, words)) }
                @if !facts.sources.is_empty() { (sources(facts, words)) }
                @if !facts.repositories.is_empty() { (repositories(facts, words)) }
                @if !matches!(facts.drills, Drills::None) { (drills(facts, words)) }
                (jobs(words.pick("Tâches", "Jobs"), facts.jobs_about(false), words))
                (jobs(words.pick("Conservation et purge", "Retention and pruning"), facts.jobs_about(true), words))
                @if charts && facts.vault.is_some() { (all_charts(facts, words)) }
                footer {
                    (words.pick("Coffre, conservation chiffrée de données sensibles.", "Coffre, an encrypted vault."))
                    @if let Some(vault) = facts.vault {
                        " " (words.pick("Identifiant\u{a0}:", "Vault")) " " (vault)
                    }
                }
            }
        }
    };
    document.into_string()
}

fn verdict(facts: &Facts, words: Words) -> Markup {
    let problems = facts.problems();
    html! {
        div.verdict.bad[!problems.is_empty()] {
            @if problems.is_empty() {
                strong { "✓ " (words.pick("Tout va bien.", "All is well.")) }
            } @else {
                strong { "✕ " (words.pick("À traiter", "To see to")) }
                ul { @for problem in &problems { li { (words.problem(problem)) } } }
            }
        }
        @if facts.vault.is_some() {
            p.soft { (words.pick("Dernier instant restaurable", "Last restorable moment")) }
            p.moment { (words.moment(facts.restorable())) }
        }
    }
}

fn state(good: bool, word: &str) -> Markup {
    html! { td.good[good].bad[!good] { @if good { "✓" } @else { "✕" } " " (word) } }
}

/// A table that may be wider than the page.
fn table(words: Words, heads: &[(&'static str, &'static str)], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { @for (french, english) in heads { th scope="col" { (words.pick(french, english)) } } } }
            tbody { @for row in rows { (row) } }
        } }
    }
}

fn copies(facts: &Facts, words: Words) -> Markup {
    let row = |copy: &Copy| {
        let word = if copy.within { words.pick("à jour", "up to date") } else { words.pick("en retard", "late") };
        html! {
            tr {
                td { (copy.name) }
                (state(copy.within, word))
                td.number { (words.moment(copy.captured)) }
                td.number { @if let Some(age) = copy.age_seconds { (words.age(age)) } }
                td { (copy.trouble.as_deref().unwrap_or_default()) }
            }
        }
    };
    html! {
        section {
            h2 { (words.pick("Copies", "Copies")) }
            (table(
                words,
                &[
                    ("Lieu", "Place"),
                    ("État", "State"),
                    ("Instant le plus récent", "Newest moment"),
                    ("Âge", "Age"),
                    REMARK,
                ],
                facts.copies.iter().map(row),
            ))
            p.soft { (words.pick("Âge maximal convenu\u{a0}:", "Oldest age agreed on:")) " " (words.age(facts.objective_seconds)) }
        }
    }
}

fn sources(facts: &Facts, words: Words) -> Markup {
    let row = |source: &SourceFact| {
        let word = if source.within { words.pick("à jour", "up to date") } else { words.pick("en retard", "late") };
        html! {
            tr {
                td { (source.name) }
                (state(source.within, word))
                td.number { (words.moment(source.last_good)) }
                td.number { @if let Some(age) = source.age_seconds { (words.age(age)) } }
                td { (source.trouble.as_deref().unwrap_or_default()) }
            }
        }
    };
    html! {
        section {
            h2 { (words.pick("Autres systèmes", "Other systems")) }
            (table(
                words,
                &[
                    ("Système", "System"),
                    ("État", "State"),
                    ("Dernière bonne sauvegarde", "Last good backup"),
                    ("Âge", "Age"),
                    REMARK,
                ],
                facts.sources.iter().map(row),
            ))
        }
    }
}

fn repositories(facts: &Facts, words: Words) -> Markup {
    let row = |repository: &RepositoryFact| {
        let late = words.neglected(repository);
        let word = match (&late, &repository.trouble) {
            (Some(_), _) => words.pick("en retard", "late"),
            (None, Some(_)) => words.pick("échec", "failed"),
            (None, None) => words.pick("bien", "well"),
        };
        html! {
            tr {
                td { (repository.name) }
                (state(repository.is_well(), word))
                td { (late.unwrap_or_default()) }
                td { (repository.trouble.as_deref().unwrap_or_default()) }
            }
        }
    };
    html! {
        section {
            h2 { (words.pick("Entretien des dépôts", "Work on repositories")) }
            (table(
                words,
                &[("Dépôt", "Repository"), ("État", "State"), ("À faire", "To be done"), REMARK],
                facts.repositories.iter().map(row),
            ))
        }
    }
}

fn drills(facts: &Facts, words: Words) -> Markup {
    html! {
        section {
            h2 { (words.pick("Exercices de restauration", "Restore drills")) }
            @match &facts.drills {
                Drills::None => {},
                Drills::Unknown { cause } => p { (cause) },
                Drills::Known { drills, .. } if drills.is_empty() => p { (words.pick("Aucun encore.", "None yet.")) },
                Drills::Known { drills, .. } => (drill_table(drills, words)),
            }
        }
    }
}

fn drill_table(drills: &[DrillResult], words: Words) -> Markup {
    let row = |drill: &DrillResult| {
        let word = if drill.passed() { words.pick("réussi", "passed") } else { words.pick("échoué", "failed") };
        html! {
            tr {
                td.number { (figures::moment(drill.ended)) }
                td { (drill.destination) }
                (state(drill.passed(), word))
                td.number { (words.seconds(drill.milliseconds.total())) }
                td.number { @if let Some(fetched) = &drill.fetched { (words.bytes(fetched.bytes)) } }
                td {
                    @if let Some(failure) = &drill.failure {
                        (phase(failure.phase, words)) (words.colon()) " " (failure.cause)
                    } @else if let Some(opened) = &drill.opened {
                        (opened.entries) " " (words.pick("écritures au journal", "log entries")) ", "
                        (opened.slice_documents) " " (words.pick("documents lus", "documents read"))
                    }
                }
            }
        }
    };
    let heads =
        [("Fin", "Ended"), ("Depuis", "From"), ("Résultat", "Result"), ("Durée", "Time"), ("Volume", "Size"), REMARK];
    table(words, &heads, drills.iter().rev().take(LISTED).map(row))
}

const fn phase(phase: Phase, words: Words) -> &'static str {
    match phase {
        Phase::Plan => words.pick("préparation", "planning"),
        Phase::Fetch => words.pick("rapatriement", "fetching"),
        Phase::Replay => words.pick("application des segments", "replaying"),
        Phase::Open => words.pick("ouverture", "opening"),
        Phase::Documents => words.pick("lecture", "reading"),
    }
}

fn jobs<'f>(title: &str, jobs: impl Iterator<Item = &'f JobFact>, words: Words) -> Markup {
    let row = |job: &JobFact| {
        let good = !job.late && job.failed.is_none();
        let word = match (job.late, good) {
            (true, _) => words.pick("en retard", "late"),
            (false, true) => words.pick("bien", "well"),
            (false, false) => words.pick("échec", "failed"),
        };
        html! {
            tr {
                td { (job.name) }
                (state(good, word))
                td.number { (words.moment(job.last_success)) }
                td.number {
                    @if let Some(code) = job.code { (code) }
                    @if let Some(remark) = words.remark(job) { " " (remark) }
                }
                td.number { @if let Some(next) = job.next { (figures::moment(next)) } }
            }
        }
    };
    let mut jobs = jobs.peekable();
    html! {
        section {
            h2 { (title) }
            @if jobs.peek().is_none() {
                p.soft { (words.pick("Aucune tâche de ce genre.", "No job of this kind.")) }
            } @else {
                (table(
                    words,
                    &[
                        ("Tâche", "Job"),
                        ("État", "State"),
                        ("Dernier succès", "Last success"),
                        ("Code", "Code"),
                        ("Prochaine fois", "Next time"),
                    ],
                    jobs.map(row),
                ))
            }
        }
    }
}

fn all_charts(facts: &Facts, words: Words) -> Markup {
    let held = match &facts.drills {
        Drills::Known { drills, .. } => drills.as_slice(),
        Drills::None | Drills::Unknown { .. } => &[],
    };
    let lag = series::lag(&facts.measurements, facts.at);
    let sizes = series::sizes(&facts.measurements, facts.at);
    let times = series::restore_times(held, facts.at);
    let seconds = |value: u64| words.age(i64::try_from(value).unwrap_or(i64::MAX));
    html! {
        section {
            h2 { (words.pick("Quatre-vingt-dix jours", "Ninety days")) }
            (chart(words.pick("Âge de la copie, au pire de chaque jour", "Age of the copy, at its worst each day"), &lag, &seconds, words))
            (chart(words.pick("Volume des copies", "Size of the copies"), &sizes, &|value| words.bytes(value), words))
            (chart(words.pick("Durée des exercices réussis", "Time taken by drills that passed"), &times, &|value| words.seconds(value), words))
        }
    }
}
