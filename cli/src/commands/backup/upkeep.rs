//! How the work on each repository stands, for reports, as it is remembered here: to look into one takes restic minutes,
//! and is for `coffre backup repositories`.

use std::path::Path;

use coffre_backup::maintenance::{MaintenanceState, Rotation, Work, standing};
use coffre_backup::state::StateError;
use coffre_core::time::Timestamp;

use super::setting::RESTIC;
use crate::configuration::Restic;
use crate::exit::Exit;
use crate::report::RepositoryFact;
use crate::schedule::Row;

/// Each repository that work is done on from here.
pub(super) fn remembered(
    state: &Path,
    restic: Option<&Restic>,
    rows: &[Row],
    now: Timestamp,
) -> Result<Vec<RepositoryFact>, StateError> {
    let Some(restic) = restic else { return Ok(Vec::new()) };
    let state = MaintenanceState::load(state)?;
    let in_timetable = |work: Work| rows.iter().any(|row| row.job.name == work.as_str());
    let names = std::iter::once(RESTIC).chain(restic.copies().map(|(name, _)| name));
    Ok(names.filter_map(|name| fact(&state, name, restic.rotation(), &in_timetable, now)).collect())
}

/// How one stands; none where nothing is known to be done on it from here, since that may be another host's.
fn fact(
    state: &MaintenanceState,
    name: &str,
    rotation: Rotation,
    in_timetable: &dyn Fn(Work) -> bool,
    now: Timestamp,
) -> Option<RepositoryFact> {
    let known = state.repositories.get(name);
    let is_ours = |work: &Work| match work {
        // That it is copied to from here is what the configuration says.
        Work::Copy => name != RESTIC,
        // What is in the timetable is told of as a job, and late by its own times.
        work if name == RESTIC && in_timetable(*work) => false,
        work => known.is_some_and(|known| known.work.contains_key(work)),
    };
    let kinds: Vec<Work> = Work::ALL.into_iter().filter(is_ours).collect();
    if kinds.is_empty() {
        return None;
    }
    let stands = standing(state, name, &kinds, rotation, now);
    // Until it was read once, the period has not passed.
    let was_read = kinds.contains(&Work::Check) && stands.whole_since.is_some();
    let failed = stands.work.iter().filter_map(|(work, kept)| Some((work, kept.last_failure.as_ref()?)));
    // Another run was at it, which is no news yet.
    let mut failed = failed.filter(|(_, failed)| failed.code != Exit::Busy.code());
    Some(RepositoryFact {
        name: name.to_owned(),
        trouble: failed.next().map(|(work, failed)| format!("{}: {}", work.as_str(), failed.cause)),
        overdue: if was_read { stands.overdue } else { 0 },
        late: stands.late,
    })
}

#[cfg(test)]
mod tests {
    use coffre_backup::maintenance::Kept;
    use coffre_backup::state::Failed;

    use super::*;

    const ROTATION: Rotation = Rotation { days: 28, parts: 2 };

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(number * 86_400)
    }

    fn done(number: i64) -> Kept {
        Kept { last_success: Some(day(number)), ..Kept::default() }
    }

    fn remember(state: &mut MaintenanceState, name: &str, work: Work, kept: Kept) {
        state.repositories.entry(name.to_owned()).or_default().work.insert(work, kept);
    }

    #[test]
    fn work_on_the_first_repository_counts_where_it_is_done_from_here_and_is_no_job() {
        let mut state = MaintenanceState::default();
        let at = |state: &MaintenanceState, timed: bool| fact(state, RESTIC, ROTATION, &|_| timed, day(100));
        assert!(at(&state, false).is_none(), "another host may do it");
        remember(&mut state, RESTIC, Work::Prune, done(99));
        assert!(at(&state, false).is_some_and(|fact| fact.is_well()));
        remember(&mut state, RESTIC, Work::Prune, done(90));
        assert!(at(&state, false).is_some_and(|fact| fact.late == [Work::Prune]));
        assert!(at(&state, true).is_none(), "it is told of as a job");
    }

    #[test]
    fn each_second_repository_is_copied_to() {
        let mut state = MaintenanceState::default();
        remember(&mut state, "second", Work::Copy, done(99));
        let at = |state: &MaintenanceState, name: &str| fact(state, name, ROTATION, &|_| true, day(100));
        assert!(at(&state, "second").is_some_and(|fact| fact.is_well()));
        assert!(at(&state, "third").is_some_and(|fact| fact.late == [Work::Copy]), "it never was");
    }

    #[test]
    fn a_failure_is_told_and_a_part_that_was_read_too_long_ago() {
        let mut state = MaintenanceState::default();
        let failed = |code| Some(Failed { time: day(99), cause: "left locked".to_owned(), code });
        remember(&mut state, "second", Work::Copy, Kept { last_failure: failed(13), ..done(99) });
        remember(&mut state, "second", Work::Check, done(99));
        let at = |state: &MaintenanceState| fact(state, "second", ROTATION, &|_| false, day(100));
        assert!(at(&state).is_some_and(|fact| fact.is_well()), "nothing was read yet, and another run was at it");
        let entry = state.repositories.entry("second".to_owned()).or_default();
        entry.reading.of = 2;
        entry.reading.read.extend([(1, day(10)), (2, day(99))]);
        assert!(at(&state).is_some_and(|fact| fact.overdue == 1 && !fact.is_well()));
        remember(&mut state, "second", Work::Copy, Kept { last_failure: failed(1), failures: 1, ..done(99) });
        assert!(at(&state).is_some_and(|fact| fact.trouble.as_deref() == Some("copy: left locked")));
    }
}
