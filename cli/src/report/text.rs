//! The report as plain text, as a mail shows it first: the verdict, the last restorable moment, copies, the last drill,
//! jobs, and retention apart from them.

use std::fmt::Write as _;

use coffre_core::drill::DrillResult;

use super::facts::{Drills, Facts, JobFact};
use super::words::Words;
use crate::language::Language;

/// The subject of the mail.
pub(crate) fn subject(facts: &Facts, language: Language) -> String {
    let (environment, problems) = (&facts.environment, facts.problems().len());
    match (language, problems) {
        (Language::French, 0) => format!("[Coffre {environment}] sauvegardes : tout va bien"),
        (Language::French, 1) => format!("[Coffre {environment}] sauvegardes : 1 point à traiter"),
        (Language::French, many) => format!("[Coffre {environment}] sauvegardes : {many} points à traiter"),
        (Language::English, 0) => format!("[Coffre {environment}] backups: all is well"),
        (Language::English, 1) => format!("[Coffre {environment}] backups: 1 thing to see to"),
        (Language::English, many) => format!("[Coffre {environment}] backups: {many} things to see to"),
    }
}

/// The text.
pub(crate) fn text(facts: &Facts, language: Language) -> String {
    let words = Words(language);
    let mut text = String::with_capacity(2048);
    // Writing to a string cannot fail.
    let _infallible = write(&mut text, facts, words);
    text
}

fn write(text: &mut String, facts: &Facts, words: Words) -> std::fmt::Result {
    let problems = facts.problems();
    if problems.is_empty() {
        writeln!(text, "{}", words.pick("Tout va bien.", "All is well."))?;
    } else {
        writeln!(text, "{}", words.pick("À TRAITER", "TO SEE TO"))?;
        for problem in &problems {
            writeln!(text, "  - {}", words.problem(problem))?;
        }
    }
    if facts.vault.is_some() {
        copies(text, facts, words)?;
    }
    sources(text, facts, words)?;
    repositories(text, facts, words)?;
    drills(text, facts, words)?;
    jobs(text, words.pick("Tâches", "Jobs"), facts.jobs_about(false), words)?;
    jobs(text, words.pick("Conservation et purge", "Retention and pruning"), facts.jobs_about(true), words)
}

fn copies(text: &mut String, facts: &Facts, words: Words) -> std::fmt::Result {
    let restorable = words.pick("Dernier instant restaurable", "Last restorable moment");
    writeln!(text, "\n{restorable}{} {}", words.colon(), words.moment(facts.restorable()))?;
    let objective = words.age(facts.objective_seconds);
    writeln!(text, "\n{} ({} {objective})", words.pick("Copies", "Copies"), words.pick("objectif :", "objective:"))?;
    for copy in &facts.copies {
        let state = if copy.within { "ok  " } else { words.pick("TARD", "LATE") };
        let age = copy.age_seconds.map_or_else(String::new, |age| format!(", {}", words.age(age)));
        writeln!(text, "  {state}  {}{} {}{age}", copy.name, words.colon(), words.moment(copy.captured))?;
        if let Some(trouble) = &copy.trouble {
            writeln!(text, "        {trouble}")?;
        }
    }
    Ok(())
}

fn sources(text: &mut String, facts: &Facts, words: Words) -> std::fmt::Result {
    if facts.sources.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{}", words.pick("Autres systèmes", "Other systems"))?;
    for source in &facts.sources {
        let state = if source.within { "ok  " } else { words.pick("TARD", "LATE") };
        let age = source.age_seconds.map_or_else(String::new, |age| format!(", {}", words.age(age)));
        writeln!(text, "  {state}  {}{} {}{age}", source.name, words.colon(), words.moment(source.last_good))?;
        if let Some(trouble) = &source.trouble {
            writeln!(text, "        {trouble}")?;
        }
    }
    Ok(())
}

fn repositories(text: &mut String, facts: &Facts, words: Words) -> std::fmt::Result {
    if facts.repositories.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{}", words.pick("Entretien des dépôts", "Work on repositories"))?;
    for repository in &facts.repositories {
        let late = words.neglected(repository);
        let state = match repository.trouble {
            _ if late.is_some() => words.pick("TARD", "LATE"),
            Some(_) => words.pick("ÉCHEC", "FAILED"),
            None => "ok  ",
        };
        let late = late.map_or_else(String::new, |late| format!("{} {late}", words.colon()));
        writeln!(text, "  {state}  {}{late}", repository.name)?;
        if let Some(trouble) = &repository.trouble {
            writeln!(text, "        {trouble}")?;
        }
    }
    Ok(())
}

fn drills(text: &mut String, facts: &Facts, words: Words) -> std::fmt::Result {
    if matches!(facts.drills, Drills::None) {
        return Ok(());
    }
    writeln!(text, "\n{}", words.pick("Exercices de restauration", "Restore drills"))?;
    match &facts.drills {
        Drills::None => Ok(()),
        Drills::Unknown { cause } => writeln!(text, "  ?     {cause}"),
        Drills::Known { drills, .. } => match drills.last() {
            None => writeln!(text, "  {}", words.pick("aucun encore", "none yet")),
            Some(drill) => writeln!(text, "  {}", drill_line(drill, words)),
        },
    }
}

/// One drill on a line.
pub(super) fn drill_line(drill: &DrillResult, words: Words) -> String {
    let state = if drill.passed() { "ok  " } else { words.pick("ÉCHEC", "FAILED") };
    let (took, bytes) = (words.seconds(drill.milliseconds.total()), drill.fetched.as_ref().map_or(0, |f| f.bytes));
    let (when, place) = (words.moment(Some(drill.ended)), &drill.destination);
    format!("{state}  {when}  {place}{} {}, {took}", words.colon(), words.bytes(bytes))
}

fn jobs<'f>(text: &mut String, title: &str, jobs: impl Iterator<Item = &'f JobFact>, words: Words) -> std::fmt::Result {
    writeln!(text, "\n{title}")?;
    let mut none = true;
    for job in jobs {
        none = false;
        let state = match job {
            JobFact { late: true, .. } => words.pick("TARD", "LATE"),
            JobFact { failed: None, .. } => "ok  ",
            _ => words.pick("ÉCHEC", "FAILED"),
        };
        let last = words.pick("dernier succès", "last success");
        let remark = words.remark(job).map_or_else(String::new, |remark| format!(", {remark}"));
        writeln!(text, "  {state}  {}{} {last} {}{remark}", job.name, words.colon(), words.moment(job.last_success))?;
    }
    if none {
        writeln!(text, "  {}", words.pick("aucune", "none"))?;
    }
    Ok(())
}
