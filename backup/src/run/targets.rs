//! The targets of a run, one after the other: each destination under its own lock, unless `follow` sends to it; then
//! the snapshot. How one went is remembered before the next one begins.

use coffre_core::spool::{ContentHash, Fault, Known, ObjectName, Side, Wanted};
use coffre_core::time::Timestamp;

use super::{Capture, Job, Newest, SNAPSHOT_LOCK, TargetError, TargetReport, lock_of, lock_of_follower, newest_of};
use crate::destination::{Destination, FileSystem};
use crate::ending::Ends as _;
use crate::lock::{Lock, LockError};
use crate::objective;
use crate::observer::Observer;
use crate::restic::{Compression, INIT_LOCK, Repository, Restic, Subject};
use crate::ship::{Compare, KnownPoint, ShipError, Shipped, last_point, ship, ship_first};
use crate::snapshot;
use crate::sources::Sources;
use crate::state::{Failed, State, StateError, Success, Target};

pub(super) struct Runner<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) spool: FileSystem,
    /// The newest point in the spool.
    pub(super) newest: Option<Newest>,
    pub(super) clock: &'a dyn Fn() -> Timestamp,
    pub(super) targets: Vec<TargetReport>,
}

impl Runner<'_> {
    pub(super) fn ship(&mut self, name: &str, destination: &dyn Destination, observer: &mut dyn Observer) {
        // Runs keep out of each other's way by a lock of their own.
        let lock = match Lock::file(&lock_of(self.job.memory, name)) {
            Err(LockError::Held { .. }) if !self.must_be_done(name) => return self.look_at(name),
            Err(error) => return self.report(name, Err(error.into()), Vec::new(), false),
            Ok(lock) => lock,
        };
        let followed = !Lock::is_free(&lock_of_follower(self.job.memory, name));
        match self.shipped(name, destination, followed, observer) {
            Ok(shipped) => {
                let number = shipped.newest.main.map(|main| main.number);
                let left = followed && self.newest.map(|newest| newest.main.number) > number;
                let success = shipped.captured.ok_or(TargetError::Empty).map(|captured| Success {
                    time: (self.clock)(),
                    captured,
                    newest: shipped.newest,
                    bytes: shipped.bytes,
                });
                self.remember(name, success, shipped.faults, left);
            }
            Err(error) => self.remember(name, Err(error), Vec::new(), false),
        }
        drop(lock);
    }

    /// Whether something was asked for at a destination that `follow` does not do.
    fn must_be_done(&self, name: &str) -> bool {
        self.job.compare == Compare::Hashes || self.is_renewed(name)
    }

    fn is_renewed(&self, name: &str) -> bool {
        self.job.renewed.iter().any(|renewed| renewed == name)
    }

    fn known(&self, name: &str) -> Result<KnownPoint, StateError> {
        let state = State::load(self.job.memory)?;
        let target = state.targets.get(name).filter(|_| !self.is_renewed(name));
        Ok(target.map(Target::known).unwrap_or_default())
    }

    /// Ships under a destination's lock. Where somebody follows to it, base backups that its segments need not wait for
    /// are left to them: they go beside the segments there, and here nothing else would go meanwhile.
    fn shipped(
        &self,
        name: &str,
        destination: &dyn Destination,
        followed: bool,
        observer: &mut dyn Observer,
    ) -> Result<Shipped, TargetError> {
        let Job { pinned, compare, .. } = *self.job;
        let known = self.known(name)?;
        destination.tidy().map_err(ShipError::Put)?;
        if followed && compare == Compare::Sizes {
            return Ok(ship_first(&self.spool, destination, pinned, &known, observer)?.0);
        }
        Ok(ship(&self.spool, destination, pinned, &known, compare, observer)?)
    }

    /// How a destination stands that `follow` sends to.
    fn look_at(&mut self, name: &str) {
        let state = State::load(self.job.memory).map_err(TargetError::from);
        let result = state.and_then(|state| {
            let success = state.targets.get(name).and_then(|target| target.last_success.clone());
            // This run wrote nothing.
            success.map(|success| Success { bytes: 0, ..success }).ok_or(TargetError::OnItsWay)
        });
        self.report(name, result, Vec::new(), true);
    }

    pub(super) fn snapshot(
        &mut self,
        name: &str,
        repository: &Repository,
        capture: &mut dyn Capture,
        observer: &mut dyn Observer,
    ) {
        let lock = match Lock::file(&self.job.memory.join(SNAPSHOT_LOCK)) {
            Ok(lock) => lock,
            Err(error) => return self.report(name, Err(error.into()), Vec::new(), false),
        };
        // What restic has listed must still be there when it comes to it.
        let kept = capture.keep();
        let result = self.make_snapshot(repository, observer);
        drop(kept);
        self.remember(name, result, Vec::new(), false);
        drop(lock);
    }

    fn make_snapshot(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<Success, TargetError> {
        let Job { pinned, spool, .. } = *self.job;
        let surveyed = Sources::both(&self.spool).survey(pinned, observer)?;
        let newest = newest_of(&surveyed)?.ok_or(TargetError::Empty)?;
        // A snapshot of half a point would pass for a backup.
        surveyed.survey.point(Wanted::Newest, &surveyed.listing, &pinned.scope).map_err(TargetError::Point)?;
        let last = last_point(&self.spool, &surveyed.listing, newest.main.generation, pinned)?;
        let restic = Restic::find(self.job.restic)?;
        if self.job.init && !restic.is_there(repository, observer)? {
            let lock = Lock::wait(&self.job.memory.join(INIT_LOCK))?;
            restic.init_if_absent(repository, None, &lock, observer)?;
        }
        restic.remove_left(repository, (self.clock)(), observer)?;
        let host = snapshot::host(&pinned.scope);
        let subject = Subject {
            root: spool,
            folder: Side::Main.folder(),
            host: &host,
            tag: snapshot::TAG,
            compression: Compression::Off,
        };
        let made = restic.backup(repository, &subject, observer)?;
        // What restic says it did is proven by asking for the manifest that everything hangs on.
        let Known { generation, number, sha256 } = newest.main;
        let name = ObjectName::Manifest { generation, side: Side::Main, number };
        let path = format!("/{}", name.path(&pinned.scope));
        if ContentHash::of(&restic.dump(repository, &made.id, &path, observer)?) != sha256 {
            return Err(TargetError::Unproven { snapshot: made.id });
        }
        // Of several snapshots with the same base the one that went furthest is missed by its last segment.
        let segment = last.map(|(_, known)| known);
        let known = KnownPoint { main: Some(newest.main), keyring: None, segment };
        Ok(Success { time: (self.clock)(), captured: newest.captured, newest: known, bytes: made.added })
    }

    /// Remembers how a target went, before the next one begins. Where a base backup is left to `follow`, so is what it
    /// failed of before.
    fn remember(&mut self, name: &str, result: Result<Success, TargetError>, faults: Vec<Fault>, followed: bool) {
        let time = (self.clock)();
        let note = result.as_ref().map(Success::clone);
        let note = note.map_err(|error| Failed { time, cause: error.to_string(), code: error.ending().code() });
        let renewed = self.is_renewed(name);
        let remembered = State::change(self.job.memory, |state| {
            if renewed {
                state.targets.remove(name);
            }
            match note {
                Ok(success) if followed => state.reached(name, success),
                note => state.note(name, note),
            }
        });
        let result = match remembered {
            Ok(()) => result,
            Err(error) => result.and(Err(error.into())),
        };
        self.report(name, result, faults, followed);
    }

    fn report(&mut self, name: &str, result: Result<Success, TargetError>, faults: Vec<Fault>, followed: bool) {
        let age = |success: &Success| objective::age(success.captured, (self.clock)());
        let is_within = |success: &Success| objective::is_within(age(success), self.job.objective_seconds);
        let late = followed && result.as_ref().is_ok_and(|success| !is_within(success));
        self.targets.push(TargetReport { name: name.to_owned(), result, faults, followed, late });
    }
}
