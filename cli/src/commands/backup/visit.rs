//! Going to places by name, one after the other: one that cannot be read keeps nobody from the others.

use std::env;
use std::path::Path;

use coffre_backup::Sources;
use coffre_backup::destination::FileSystem;
use coffre_backup::restic::ReadData;
use coffre_backup::snapshot::Snapshot;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::setting::{RESTIC, SPOOL, Setting};
use crate::complaint::{self, Complaint};
use crate::exit::Exit;
use crate::output;
use crate::progress::Watch;

/// What was done at each place, and where it could not be.
pub(super) struct Visited<T> {
    pub(super) done: Vec<(String, T)>,
    failed: Vec<(String, anyhow::Error)>,
}

/// How a repository is looked into.
#[derive(Clone, Copy)]
pub(super) struct Looking<'a> {
    /// Where its files are fetched to for a moment; otherwise the system's temporary folder.
    pub(super) scratch: Option<&'a Path>,
    /// Whether restic checks it first: what is damaged may not even be listed.
    pub(super) check: Option<ReadData>,
}

impl Setting {
    /// Does something at each of the places named, or at all of them.
    pub(super) fn visit<T>(
        &self,
        names: &[String],
        looking: Looking<'_>,
        watch: &mut Watch,
        mut visit: impl FnMut(&str, &Sources<'_>, &mut Watch) -> anyhow::Result<T>,
    ) -> anyhow::Result<Visited<T>> {
        let mut visited = Visited { done: Vec::new(), failed: Vec::new() };
        for name in self.chosen(names)? {
            match self.visit_one(&name, looking, watch, &mut visit) {
                Ok(done) => visited.done.push((name, done)),
                Err(error) => visited.failed.push((name, error)),
            }
        }
        Ok(visited)
    }

    fn chosen(&self, names: &[String]) -> Result<Vec<String>, Complaint> {
        let destinations = self.destinations.iter().map(|(name, _)| name.as_str());
        let restic = self.repositories.as_ref().map(|_| RESTIC);
        let all: Vec<&str> = [SPOOL].into_iter().chain(destinations).chain(restic).collect();
        if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
            let cause = format!("there is no place {unknown:?}");
            return Err(Complaint::usage(cause, format!("name one of {}", all.join(", "))));
        }
        Ok(all
            .into_iter()
            .filter(|name| names.is_empty() || names.iter().any(|n| n == name))
            .map(str::to_owned)
            .collect())
    }

    fn visit_one<T>(
        &self,
        name: &str,
        looking: Looking<'_>,
        watch: &mut Watch,
        visit: &mut impl FnMut(&str, &Sources<'_>, &mut Watch) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if let (RESTIC, Some(configured)) = (name, &self.repositories) {
            let (repository, restic) = (configured.open()?, self.restic()?);
            if let Some(read_data) = looking.check {
                restic.remove_left(&repository, SystemClock.now(), watch)?;
                restic.check(&repository, read_data, watch)?;
            }
            let scratch = looking.scratch.map_or_else(env::temp_dir, Path::to_owned);
            let snapshot =
                Snapshot::open(&restic, &repository, &self.pinned.scope, None, SystemClock.now(), &scratch, watch)?;
            // A repository never holds the keyring.
            return visit(name, &Sources { main: Some(&snapshot), keyring: None }, watch);
        }
        match self.destinations.iter().find(|(known, _)| known == name) {
            Some((_, place)) => visit(name, &Sources::both(&**place), watch),
            None => visit(name, &Sources::both(&FileSystem::new(&self.spool)), watch),
        }
    }
}

impl<T> Visited<T> {
    /// The places that could not be visited, for JSON.
    pub(super) fn failures_as_json(&self) -> Vec<Value> {
        let failed = self.failed.iter();
        failed.map(|(name, error)| json!({ "name": name, "error": complaint::chain(error.as_ref()) })).collect()
    }

    /// Tells where it could not be done. The most urgent decides how the verb ends, of what kept somebody from looking and
    /// of the rest: a disk that is away must not hide a repository that is damaged.
    pub(super) fn conclude(self, rest: Exit) -> anyhow::Result<Exit> {
        let mut failed = self.failed;
        let worst = failed.iter().map(|(_, error)| Exit::of(error)).fold(rest, Exit::worse);
        let decides = failed.iter().position(|(_, error)| worst != rest && Exit::of(error) == worst);
        let decides = decides.map(|at| failed.remove(at));
        for (name, error) in failed {
            output::note(&format!("{name}: {}", complaint::chain(error.as_ref())))?;
        }
        match decides {
            Some((name, error)) => Err(error.context(format!("{name} could not be read"))),
            None => Ok(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_end_decides_wherever_it_is_found() {
        let concluded = |failures: &[Exit], rest| {
            let failed = |exit: &Exit| {
                let complaint = Complaint::new(*exit, "it failed", "mend it");
                ("a place".to_owned(), anyhow::Error::from(complaint))
            };
            let visited = Visited::<()> { done: Vec::new(), failed: failures.iter().map(failed).collect() };
            visited.conclude(rest).unwrap_or_else(|error| Exit::of(&error))
        };
        for (failures, rest, end) in [
            (vec![], Exit::ObjectiveMissed, Exit::ObjectiveMissed),
            (vec![Exit::Temporary], Exit::Success, Exit::Temporary),
            (vec![Exit::Temporary], Exit::Tampering, Exit::Tampering),
            (vec![Exit::Temporary, Exit::Tampering, Exit::Temporary], Exit::Success, Exit::Tampering),
            (vec![Exit::Temporary, Exit::WrongKey], Exit::ObjectiveMissed, Exit::WrongKey),
        ] {
            assert_eq!(concluded(&failures, rest), end, "{failures:?}, {rest:?}");
        }
    }
}
