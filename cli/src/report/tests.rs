//! What people read, in both languages, when all is well and when it is not.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_backup::maintenance::Work;
use coffre_backup::measure::Measurement;
use coffre_core::crypto::Scope;
use coffre_core::drill::{DrillFailure, DrillResult, FetchedState, OpenedState, Phase, Slice, Took};
use coffre_core::ids::{GenerationId, RequestId, VaultId};
use coffre_core::time::Timestamp;

use super::facts::Problem;
use super::*;
use crate::schedule::About;

fn at(days: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(days * 86_400)
}

fn drill(number: u64, day: i64, destination: &str) -> DrillResult {
    let scope = Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) };
    let started = at(day).plus_seconds(-14_400);
    let mut drill = DrillResult::begun(&scope, number, destination, started, RequestId::from_bytes([2; 16]));
    let slower = number * 37 % 11;
    drill.milliseconds = Took { plan: 140, fetch: 61_000 + slower * 900, replay: 2_600, open: 8_800, documents: 4_150 };
    drill.ended = started.plus_seconds(i64::try_from(drill.milliseconds.total() / 1_000).unwrap());
    drill.slice = Slice::of_drill(number, 30);
    let generation = GenerationId::from_bytes([5; 16]);
    let captured = started.plus_seconds(-2);
    drill.fetched = Some(FetchedState { captured, generation, base: number, files: 312, bytes: 1_480_000_000 });
    let root = "03".repeat(32);
    drill.opened = Some(OpenedState {
        entries: 1_204 + number,
        root,
        values: 640,
        documents: 300,
        slice_records: 5,
        slice_documents: 11,
        slice_document_bytes: 700_000,
    });
    drill
}

fn well() -> Facts {
    let copy = |name: &str, age: i64| Copy {
        name: name.to_owned(),
        captured: Some(at(0).plus_seconds(-age)),
        age_seconds: Some(age),
        within: true,
        trouble: None,
    };
    let job = |name, about, hours: i64| JobFact {
        name,
        about,
        last_success: Some(at(0).plus_seconds(-hours * 3_600)),
        code: Some(0),
        failures: 0,
        failed: None,
        cut_off: false,
        late: false,
        in_future: false,
        next: Some(at(0).plus_seconds(3_600)),
    };
    let measured = |day: i64, name: &str, age: i64, bytes: u64| Measurement {
        time: at(day),
        name: name.to_owned(),
        age: Some(age),
        behind: Some(0),
        bytes: Some(bytes),
    };
    let days = -80..=0_i64;
    let measurements = days.flat_map(|day| {
        let grown = u64::try_from(81 + day).unwrap() * 9_000_000;
        [
            measured(day, "building-b", 2 + day.rem_euclid(5), 900_000_000 + grown),
            measured(day, "offsite", 3 + day.rem_euclid(7) * 4, 800_000_000 + grown),
        ]
    });
    let drills = (1..=40).map(|number| {
        let day = i64::try_from(number).unwrap() * 2 - 80;
        drill(number, day, if number % 2 == 0 { "offsite" } else { "building-b" })
    });
    Facts {
        environment: "production".parse().unwrap(),
        vault: Some(VaultId::from_bytes([7; 16])),
        at: at(0),
        objective_seconds: 26 * 3_600,
        copies: vec![copy("building-b", 2), copy("offsite", 4), copy("restic", 3_000)],
        sources: Vec::new(),
        repositories: Vec::new(),
        drills: Drills::Known { drills: drills.collect(), overdue: false },
        jobs: vec![job("run", About::Backup, 1), job("drill", About::Proof, 4), job("prune", About::Retention, 20)],
        measurements: measurements.collect(),
    }
}

fn ill() -> Facts {
    let mut facts = well();
    let offsite = facts.copies.get_mut(1).unwrap();
    (offsite.within, offsite.age_seconds) = (false, Some(180_000));
    offsite.captured = Some(at(0).plus_seconds(-180_000));
    offsite.trouble = Some("sftp://backup.example.fr cannot be reached: is the machine up?".to_owned());
    let mut failed = drill(41, 0, "offsite");
    let cause = "main/…/documents/4f/… is damaged: its SHA-256 is 83e1… instead of 9f22…".to_owned();
    (failed.opened, failed.failure) = (None, Some(DrillFailure { phase: Phase::Fetch, cause, code: 12 }));
    facts.drills = Drills::Known { drills: vec![drill(40, -9, "building-b"), failed], overdue: true };
    let [run, drill, prune] = facts.jobs.as_mut_slice() else { return facts };
    (run.late, drill.failures, drill.failed, drill.code) = (true, 1, Some(12), Some(12));
    (prune.failures, prune.failed, prune.code) = (3, Some(1), Some(1));
    facts
}

#[test]
fn the_text_tells_how_backups_stand_in_both_languages() {
    for (name, facts) in [("well", well()), ("ill", ill())] {
        for (code, language) in [("fr", Language::French), ("en", Language::English)] {
            let told = format!("{}\n\n{}", subject(&facts, language), text(&facts, language));
            insta::assert_snapshot!(format!("text_{name}_{code}"), told);
        }
    }
}

#[test]
fn green_copies_do_not_hide_that_nothing_is_pruned_or_proven() {
    assert_eq!(well().problems(), []);
    let mut facts = well();
    if let Some(prune) = facts.jobs.last_mut() {
        // The last run met another one, which hides no failure before it.
        (prune.failures, prune.failed, prune.code) = (2, Some(1), Some(13));
    }
    assert_eq!(facts.problems(), [Problem::JobFailed("prune")]);
    facts.drills = Drills::Known { drills: Vec::new(), overdue: true };
    assert_eq!(facts.problems(), [Problem::DrillOverdue, Problem::JobFailed("prune")]);
    facts.drills = Drills::Unknown { cause: "no server answers".to_owned() };
    facts.copies.clear();
    let silent = Problem::VaultSilent("no server answers".to_owned());
    assert_eq!(facts.problems(), [Problem::NoCopies, silent, Problem::JobFailed("prune")]);
    assert_eq!(facts.restorable(), None);
}

#[test]
fn what_is_late_can_be_restored_all_the_same() {
    let mut facts = well();
    let newest = facts.restorable();
    assert!(newest.is_some());
    for copy in &mut facts.copies {
        copy.within = false;
    }
    assert_eq!(facts.restorable(), newest);
    for copy in &mut facts.copies {
        copy.age_seconds = Some(-86_400);
    }
    assert_eq!(facts.restorable(), None, "in the future: a clock was wrong");
}

#[test]
fn a_repository_that_nobody_looks_after_is_a_problem_and_told_with_its_verbs() {
    let mut facts = well();
    let fact = |name: &str| RepositoryFact { name: name.to_owned(), late: Vec::new(), overdue: 0, trouble: None };
    facts.repositories = vec![
        fact("second"),
        RepositoryFact { late: vec![Work::Copy], overdue: 3, ..fact("third") },
        RepositoryFact { trouble: Some("prune: it was left locked".to_owned()), ..fact("fourth") },
    ];
    let [third, fourth] = ["third", "fourth"].map(|name| Problem::Repository(name.to_owned()));
    assert_eq!(facts.problems(), [third, fourth]);
    let told = text(&facts, Language::English);
    let lines = "  ok    second\n  LATE  third: copy, 3 parts to be read again\n  FAILED  fourth\n        \
                 prune: it was left locked";
    assert!(told.contains(lines), "{told}");
    let shown = page(&facts, Language::French, false);
    assert!(shown.contains("copy, 3 parties à relire") && shown.contains("prune: it was left locked"), "{shown}");
    facts.repositories = vec![RepositoryFact { overdue: 1, ..fact("third") }];
    assert!(text(&facts, Language::English).contains("LATE  third: 1 part to be read again"));
    assert!(page(&facts, Language::French, false).contains("1 partie à relire"));
}

#[test]
fn a_page_names_the_product_and_the_vault_in_its_own_language() {
    let french = page(&well(), Language::French, false);
    assert!(french.contains("Identifiant\u{a0}: 07070707-0707-0707-0707-070707070707"), "{french}");
    assert!(!french.contains("coffre-fort") && !french.contains("Vault"), "{french}");
    assert!(page(&well(), Language::English, false).contains("an encrypted vault. Vault 07070707-"));
}

#[test]
fn every_heading_of_a_table_says_what_it_heads() {
    for language in [Language::French, Language::English] {
        let shown = page(&ill(), language, true);
        assert!(shown.contains("<th scope=\"col\">"));
        assert!(!shown.contains("<th>") && !shown.contains("\"></th>"), "{shown}");
    }
}

#[test]
fn a_clock_that_was_wrong_and_a_run_that_never_ended_are_told_in_words() {
    let mut facts = well();
    let copy = facts.copies.first_mut().unwrap();
    (copy.within, copy.age_seconds) = (false, Some(-86_400));
    let [run, drill, _] = facts.jobs.as_mut_slice() else { return };
    (run.late, run.in_future) = (true, true);
    (drill.failures, drill.failed, drill.code, drill.cut_off) = (1, Some(1), None, true);
    let told = text(&facts, Language::English);
    assert_eq!(told.matches("in the future: a clock was wrong").count(), 2, "{told}");
    assert!(told.contains("FAILED  drill: last success ") && told.contains(", did not come to its end"), "{told}");
    let shown = page(&facts, Language::French, false);
    assert!(shown.contains("une horloge était fausse") && shown.contains("interrompue avant son terme"), "{shown}");
}

#[test]
fn the_page_stands_alone_and_draws_what_was_measured() {
    let facts = well();
    let shown = page(&facts, Language::French, true);
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!shown.contains(outside), "{outside}");
    }
    assert_eq!(shown.matches("<svg").count(), 3);
    assert_eq!(shown.matches("<polyline").count(), 6, "two destinations in each chart");
    assert!(shown.contains("lang=\"fr\"") && shown.contains("Tout va bien."));
    assert!(!page(&facts, Language::English, false).contains("<svg"), "a mail shows none");
    let ill = page(&ill(), Language::English, true);
    assert!(ill.contains("To see to") && ill.contains("fetching: main/…/documents"), "{ill}");
    let bare = Facts { measurements: Vec::new(), drills: Drills::Known { drills: Vec::new(), overdue: true }, ..facts };
    assert_eq!(page(&bare, Language::English, true).matches("No measurements yet.").count(), 3);
}

#[test]
fn a_day_counts_with_its_worst_lag_and_ninety_days_are_shown() {
    let mut facts = well();
    let worst = Measurement { age: Some(999), time: at(-3).plus_seconds(60), ..facts.measurements.remove(0) };
    let old = Measurement { time: at(-91), ..worst.clone() };
    let ahead = Measurement { time: at(2), ..worst.clone() };
    facts.measurements.extend([worst, old, ahead]);
    let lag = series::lag(&facts.measurements, facts.at);
    let building = lag.iter().find(|series| series.name == "building-b").unwrap();
    assert!(building.points.iter().all(|(days, _)| (0..90).contains(days)));
    assert_eq!(building.points.iter().find(|(days, _)| *days == 2), Some(&(2, 999)));
    assert!(building.points.is_sorted_by(|one, next| one.0 > next.0), "the oldest first");
}

/// Leaves the pages where `COFFRE_PAGES` says, to be looked at.
#[test]
fn pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os("COFFRE_PAGES").map(std::path::PathBuf::from) else { return };
    for (name, facts) in [("well", well()), ("ill", ill())] {
        for (code, language) in [("fr", Language::French), ("en", Language::English)] {
            std::fs::write(folder.join(format!("{name}-{code}.html")), page(&facts, language, true)).unwrap();
        }
    }
}
