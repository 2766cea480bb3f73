//! `coffre backup repositories`: how the work on each repository stands, and which locks are in it. Backups may be green
//! for weeks while a lock that was left over keeps retention from its work; here it is told.

use clap::Args;
use coffre_backup::maintenance::{MaintenanceState, RepositoryStanding, Work, standing};
use coffre_backup::restic::{LeftLock, Restic};
use coffre_core::time::Timestamp;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{complaint, figures, output};

/// The arguments of `coffre backup repositories`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    repository: RepositoryArguments,
}

/// Looks and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(look(arguments, global), arguments.repository.json)
}

fn look(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let restic = Restic::find(setting.program.as_deref())?;
    let state = MaintenanceState::load(&setting.protection.state)?;
    let now = SystemClock.now();
    let mut watch = Watch::new();
    let (mut lines, mut values, mut exit) = (Vec::new(), Vec::new(), Exit::Success);
    for name in setting.names() {
        let kinds: &[Work] = if name == RESTIC { &[Work::Forget, Work::Prune, Work::Check] } else { &Work::ALL };
        let stands = standing(&state, name, kinds, setting.restic.rotation(), now);
        let looked = setting.open(name, May::Add).and_then(|place| Ok(restic.locks(&place, &mut watch)?));
        let (locks, unread) = match looked {
            Ok(locks) => (locks, None),
            Err(error) => {
                exit = worse(exit, Exit::of(&error));
                (Vec::new(), Some(complaint::chain(error.as_ref())))
            }
        };
        let is_stale = locks.iter().any(|lock| lock.is_stale(now));
        exit = worse(exit, if is_stale { Exit::ObjectiveMissed } else { stands.ending.into() });
        lines.extend(told(name, &stands, &locks, unread.as_deref(), now));
        values.push(as_json(name, &stands, &locks, unread.as_deref(), now));
    }
    Ok(Outcome { lines, value: json!({ "repositories": values }), exit })
}

/// What cannot be reached is worse than what is late, and either is worse than nothing; of the rest the most urgent.
fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Success | Exit::ObjectiveMissed, other) if other != Exit::Success => other,
        (one, Exit::Success | Exit::ObjectiveMissed) => one,
        (one, other) => one.worse(other),
    }
}

fn told(
    name: &str,
    stands: &RepositoryStanding,
    locks: &[LeftLock],
    unread: Option<&str>,
    now: Timestamp,
) -> Vec<String> {
    let mut lines = vec![format!("{name}:")];
    for (work, kept) in &stands.work {
        let state = if stands.late.contains(work) { "LATE" } else { "ok  " };
        let last = kept.last_success.map_or("never".to_owned(), figures::moment);
        lines.push(format!("  {state}  {:<7} {last}", work.as_str()));
        lines.extend(kept.last_failure.iter().map(|failed| {
            format!("        failed {} times, last {}: {}", kept.failures, figures::moment(failed.time), failed.cause)
        }));
    }
    lines.push(match stands.whole_since {
        Some(time) if stands.overdue == 0 => format!("  ok    everything was read since {}", figures::moment(time)),
        _ => format!("  LATE  {} parts were not read within the period", stands.overdue),
    });
    for lock in locks {
        let age = lock.age(now).map_or("of unknown age".to_owned(), figures::age);
        let state = if lock.is_stale(now) { "LEFT OVER" } else { "in use" };
        let kind = if lock.exclusive { "exclusive" } else { "shared" };
        let id: String = lock.id.chars().take(8).collect();
        lines.push(format!("  lock  {id} {state}, {kind}, {age}, {}", output::on_one_line(&lock.holder)));
    }
    lines.extend(unread.map(|cause| format!("  NOT LOOKED AT: {cause}")));
    lines
}

fn as_json(name: &str, stands: &RepositoryStanding, locks: &[LeftLock], unread: Option<&str>, now: Timestamp) -> Value {
    let work = stands.work.iter().map(|(work, kept)| {
        json!({
            "work": work, "late": stands.late.contains(work), "last_success": kept.last_success,
            "last_failure": kept.last_failure, "failures": kept.failures,
        })
    });
    let lock = |lock: &LeftLock| {
        json!({
            "id": lock.id, "time": lock.time, "age_seconds": lock.age(now), "exclusive": lock.exclusive,
            "holder": lock.holder, "left_over": lock.is_stale(now),
        })
    };
    json!({
        "name": name, "work": work.collect::<Vec<_>>(), "whole_since": stands.whole_since, "overdue": stands.overdue,
        "locks": locks.iter().map(lock).collect::<Vec<_>>(), "error": unread,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_away_hides_no_other_that_nobody_is_let_into() {
        let all = |exits: [Exit; 3]| exits.into_iter().fold(Exit::Success, worse);
        assert_eq!(all([Exit::ObjectiveMissed, Exit::Temporary, Exit::ObjectiveMissed]), Exit::Temporary);
        assert_eq!(all([Exit::Temporary, Exit::WrongKey, Exit::ObjectiveMissed]), Exit::WrongKey);
        assert_eq!(all([Exit::Success, Exit::ObjectiveMissed, Exit::Success]), Exit::ObjectiveMissed);
    }
}
