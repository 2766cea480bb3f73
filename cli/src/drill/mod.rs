//! Holding drills, in the vault's process: the newest state of a destination is fetched into scratch space, as a restore
//! would, and opened beside the running vault with the keys that are in memory. What is on disk meanwhile is what is at
//! the destination: ciphertext.

mod clock;
mod scratch;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coffre_backup::destination::{Source, SourceError};
use coffre_backup::restic::Restic;
use coffre_backup::restore::{self, LostLog, Plan};
use coffre_backup::snapshot::Snapshot;
use coffre_backup::{Observer, Sources, objective};
use coffre_core::drill::{DrillFailure, DrillResult, FetchedState, Phase};
use coffre_core::spool::{Pinned, Side, Wanted};
use coffre_core::time::Timestamp;
use coffre_server::{DrillOptions, Drills};
use coffre_store::clock::{Clock as _, SystemClock};
use coffre_store::{Checking, DrillError, Drilled, Fetched, Store};

use crate::complaint::{self, Complaint};
use crate::configuration::{self, Destination, Opened};
use crate::exit::Exit;
use crate::figures;
use crate::look::Look;
use crate::place::Place;
use clock::PhaseClock;
use scratch::{Claimed, Scratch};

/// The repository among the places that drills restore from.
const RESTIC: &str = "restic";
/// How long a destination may take to tell what it holds. A slow one, or a mount that hangs, must not keep the next drill
/// from another.
const PATIENCE: Duration = Duration::from_mins(30);

/// How drills of this vault are held; none where it has no destination. What a killed drill left is removed first.
pub(crate) fn options(place: &Place, store: &Store) -> Option<DrillOptions> {
    let backup = place.configuration.as_ref().and_then(|configuration| configuration.backup.as_ref());
    let backup = backup.filter(|backup| !backup.destinations.is_empty())?;
    let drill = &backup.drill;
    let scratch = Scratch::of(&place.directory, drill.scratch.as_deref(), &store.scope().vault.to_string());
    if let Err(error) = scratch.sweep() {
        // It keeps no vault from being served. The next drill sweeps again, and fails by it.
        tracing::error!(%error, "what a killed drill left could not be removed");
    }
    let pinned = Pinned { scope: store.scope().clone(), key: store.verification_key().clone() };
    let objective_seconds = i64::from(backup.objective_hours) * 3600;
    let objective = Duration::from_hours(u64::from(drill.objective_days) * 24);
    let destinations = backup.destinations.clone();
    let repository = backup.restic.clone().filter(|_| drill.repository);
    let (store, longest) = (store.clone(), objective / 2);
    let holder = Holder { store, pinned, destinations, repository, scratch, objective_seconds, longest };
    Some(DrillOptions { holder: Arc::new(holder), objective, slices: drill.slices.get() })
}

/// Whoever holds drills in a vault's process.
struct Holder {
    store: Store,
    pinned: Pinned,
    destinations: Vec<Destination>,
    /// The repository, where it has its turn, too.
    repository: Option<configuration::Restic>,
    scratch: Scratch,
    /// How old what is restored may be.
    objective_seconds: i64,
    /// How long a drill may take: another place must have its turn before drills are overdue.
    longest: Duration,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Drills for Holder {
    fn destinations(&self) -> Vec<String> {
        let destinations = self.destinations.iter().map(|destination| destination.name.clone());
        destinations.chain(self.repository.iter().map(|_| RESTIC.to_owned())).collect()
    }

    fn hold(&self, mut drill: DrillResult, stop: &dyn Fn() -> bool) -> DrillResult {
        let mut clock = PhaseClock::start(self.longest, stop);
        let held = self.attempt(&mut drill, &mut clock, stop);
        let (phase, is_late) = (clock.phase(), clock.is_late());
        drill.milliseconds = clock.stop();
        if let Err(error) = held {
            // What else was found is more to the point.
            let stopped = is_late && Exit::of(&error) == Exit::Temporary;
            let error = if stopped { late(&drill.destination).into() } else { error };
            tracing::warn!(error = complaint::chain(error.as_ref()), "what the drill met");
            drill.failure = Some(DrillFailure { phase, cause: told(&error), code: Exit::of(&error).code() });
        }
        drill
    }
}

impl Holder {
    fn attempt(
        &self,
        drill: &mut DrillResult,
        clock: &mut PhaseClock<'_>,
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<()> {
        // Not the drill's own time: that is the vault's, which never runs backwards, and so is that of what is restored.
        let begun = SystemClock.now();
        let scratch = self.scratch.claim()?;
        let (captured, opened) = self.of_place(&scratch, drill, clock, stop)?;
        scratch.remove()?;
        drill.opened = Some(opened);
        Ok(check_age(objective::age(captured, begun), self.objective_seconds)?)
    }

    fn of_place(
        &self,
        scratch: &Claimed,
        drill: &mut DrillResult,
        clock: &mut PhaseClock<'_>,
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<(Timestamp, Drilled)> {
        if let Some(repository) = self.repository.as_ref().filter(|_| drill.destination == RESTIC) {
            let keyring = self.keyring(clock)?;
            // Whoever may write there says how much there is to be kept of it.
            let (restic, repository) = (Restic::find(repository.binary.as_deref())?, repository.open()?.uncached());
            let main = Snapshot::open(
                &restic,
                &repository,
                &self.pinned.scope,
                None,
                SystemClock.now(),
                scratch.folder(),
                clock,
            )?
            .leaving(self.scratch.kept_free()?);
            let sources = Sources { main: Some(&main), keyring: Some(&*keyring as &dyn Source) };
            let plan = restore::plan(&sources, &self.pinned, Wanted::Newest, LostLog::Refuse, clock)?;
            return self.restore(&plan, &sources, scratch, drill, clock, stop);
        }
        let destination = self.destinations.iter().find(|known| known.name == drill.destination).ok_or_else(gone)?;
        let plan = in_time(&planned(destination, &self.pinned), &destination.name, Instant::now() + PATIENCE, clock)?;
        let place = destination.open()?;
        self.restore(&plan, &Sources::both(&*place as &dyn Source), scratch, drill, clock, stop)
    }

    /// A repository never holds the keyring, so that is a destination's: of the first that answers and has one.
    fn keyring(&self, observer: &dyn Observer) -> anyhow::Result<Opened> {
        let folder = Side::Keyring.vault_folder(&self.pinned.scope);
        let (mut empty, mut failed) = (None, None);
        for destination in &self.destinations {
            let (place, folder) = (destination.clone(), folder.clone());
            let look: Look<anyhow::Result<bool>> =
                Look::begin(move |_| Ok(!place.open()?.list(&folder)?.folders.is_empty()));
            match in_time(&look, &destination.name, Instant::now() + PATIENCE, observer) {
                Ok(true) => return destination.open(),
                Ok(false) => empty = empty.or(Some(destination)),
                Err(error) if observer.cancelled() => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match empty {
            Some(destination) => destination.open(),
            None => Err(failed.unwrap_or_else(|| gone().into())),
        }
    }

    fn restore(
        &self,
        plan: &Plan,
        sources: &Sources<'_>,
        scratch: &Claimed,
        drill: &mut DrillResult,
        clock: &mut PhaseClock<'_>,
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<(Timestamp, Drilled)> {
        let heading = &plan.point.main.manifest.heading;
        let (files, bytes) = (plan.files(), plan.bytes());
        let (captured, generation, base) = (plan.captured, heading.generation, heading.number.get());
        clock.enter(Phase::Fetch);
        self.scratch.has_room(bytes)?;
        let fetched = restore::execute(plan, sources, scratch.vault(), clock)?;
        drill.fetched = Some(FetchedState { captured, generation, base, files, bytes });
        clock.enter(Phase::Open);
        let (main, keyring) = fetched.parents();
        let key = self.pinned.key.clone();
        let proof = Fetched { key, main, keyring, moment: None, lost: None, operator: None };
        let mut checking = |checking: Checking| match checking {
            Checking::Pages(_) | Checking::Log(_) | Checking::Values(_) => clock.enter(Phase::Open),
            Checking::Records(_) | Checking::Documents(_) => clock.enter(Phase::Documents),
        };
        let opened = self.store.drill(scratch.vault(), &proof, drill.slice, &mut checking, stop)?;
        drop(fetched);
        Ok((captured, opened))
    }
}

fn late(name: &str) -> Complaint {
    let cause = format!("the drill of {name} took half the time within which one must pass");
    Complaint::new(Exit::Temporary, cause, "look at the network and the server; others have their turn")
}

fn gone() -> Complaint {
    Complaint::usage("the destination is not configured any more", "start the server again")
}

/// Finds out what is to be fetched from a destination.
fn planned(destination: &Destination, pinned: &Pinned) -> Look<anyhow::Result<Plan>> {
    let (destination, pinned) = (destination.clone(), pinned.clone());
    Look::begin(move |observer| {
        let place = destination.open()?;
        let sources = Sources::both(&*place as &dyn Source);
        Ok(restore::plan(&sources, &pinned, Wanted::Newest, LostLog::Refuse, observer)?)
    })
}

/// What came of that, if it did in time.
fn in_time<T: Send + 'static>(
    look: &Look<anyhow::Result<T>>,
    name: &str,
    until: Instant,
    observer: &dyn Observer,
) -> anyhow::Result<T> {
    look.ended(until, observer).map_err(SourceError::from)?.unwrap_or_else(|| {
        let cause = format!("{name} has not told what it holds in half an hour");
        Err(Complaint::new(Exit::Temporary, cause, "look at the network and the server; others have their turn").into())
    })
}

/// A sound backup that is too old is no good one; nor is one whose age is not known.
fn check_age(age: i64, most: i64) -> Result<(), Complaint> {
    if objective::is_within(age, most) {
        return Ok(());
    }
    if objective::is_in_future(age) {
        let cause = "what was restored is sound, and in the future (a clock was wrong), so its age is not known";
        let remedy = "look whether the clock of this machine is right now";
        return Err(Complaint::new(Exit::ObjectiveMissed, cause, remedy));
    }
    let (age, most) = (figures::age(age), figures::age(most));
    let cause = format!("what was restored is sound, and {age} old where {most} is the most");
    Err(Complaint::new(Exit::ObjectiveMissed, cause, "see `coffre backup status` for why nothing newer is there"))
}

/// What failed, for the result: names no record.
fn told(error: &anyhow::Error) -> String {
    error.chain().find_map(|link| link.downcast_ref::<DrillError>()).map_or_else(|| error.to_string(), DrillError::told)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_destination_that_tells_nothing_keeps_no_other_from_its_turn() {
        let (_answer, asked) = mpsc::channel::<anyhow::Result<Plan>>();
        let look = Look::begin(move |_| asked.recv().unwrap_or_else(|gone| Err(gone.into())));
        let late = in_time(&look, "far", Instant::now() + Duration::from_millis(5), &()).err();
        assert_eq!(late.as_ref().map(Exit::of), Some(Exit::Temporary));
        assert!(late.is_some_and(|late| late.to_string().starts_with("far has not told what it holds")));
        // A vault that is to stop waits for nobody.
        let over = PhaseClock::start(Duration::MAX, &|| true);
        let stopped = in_time(&look, "far", Instant::now() + PATIENCE, &over).err();
        assert_eq!(stopped.as_ref().map(Exit::of), Some(Exit::Temporary));
    }

    #[test]
    fn a_sound_backup_that_is_too_old_is_no_good_one() {
        assert!(check_age(3_600, 3_600).is_ok());
        let ahead = check_age(-301, 3_600).err();
        assert_eq!(ahead.as_ref().map(Complaint::exit), Some(Exit::ObjectiveMissed));
        assert!(ahead.is_some_and(|ahead| ahead.to_string().contains("in the future (a clock was wrong)")));
        let late = check_age(7_300, 3_600).err();
        assert_eq!(late.as_ref().map(Complaint::exit), Some(Exit::ObjectiveMissed));
        assert!(late.is_some_and(|late| late.to_string().contains("2 h 1 min old where 1 h 0 min is the most")));
    }
}
