//! One destination that is followed to: what is new is copied as it appears, base backups beside the segments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use coffre_core::time::Timestamp;

use super::beside::{OnItsWay, Precedence};
use super::cursor::{Cursor, Reached};
use super::turns::{Turn, Turns};
use super::{Following, LOOK, Told};
use crate::destination::{Destination, FileSystem, SourceError};
use crate::ending::{Ending, Ends as _};
use crate::observer::Observer;
use crate::run::{RunError, TargetError};
use crate::ship::{Bases, KnownPoint, ShipError, Way, is_sound, ship_first, way};
use crate::sources::{Sources, Surveyed};
use crate::state::{Failed, StateError, Success};

/// How often what is remembered is written while all goes well.
const REMEMBER: Duration = Duration::from_secs(5);
/// How long a destination that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// Twice as long after each failure, this often, where asking again soon would help nobody: a base backup that does not get
/// there while segments do, and what a person must put right, as a key that opens no account. Servers shut out who goes on.
const DOUBLINGS: u32 = 6;

/// How long is waited after so many failures in a row.
fn pause(failures: u32) -> Duration {
    RETRY * 2_u32.pow(failures.min(DOUBLINGS))
}

/// What all destinations, and the threads of one, have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'e> {
    pub(super) following: &'e Following<'e>,
    pub(super) turns: &'e Turns<'e>,
    pub(super) clock: &'e (dyn Fn() -> Timestamp + Sync),
    pub(super) stop: &'e AtomicBool,
}

/// A destination that is followed to.
pub(super) struct Follower<'scope, 'env> {
    name: &'env str,
    destination: &'env (dyn Destination + Sync),
    common: Common<'env>,
    tell: &'env dyn Fn(Told),
    precedence: &'env Precedence,
    scope: &'scope Scope<'scope, 'env>,
    spool: FileSystem,
    cursor: Option<Cursor>,
    on_its_way: Option<OnItsWay<'scope>>,
    retry: Instant,
    /// How often in a row it failed of what a person must put right.
    refusals: u32,
    /// When a base backup is tried again, and how many have failed since the last.
    retry_base: Instant,
    failed_bases: u32,
    remembered: Instant,
    /// Bytes since something was remembered.
    bytes: u64,
    dirty: bool,
}

/// Follows to one destination until it is to stop.
pub(super) fn follow_to(
    (name, destination): (&str, &(dyn Destination + Sync)),
    common: Common<'_>,
    tell: &dyn Fn(Told),
) -> Result<(), RunError> {
    let precedence = Precedence::default();
    thread::scope(|scope| {
        let (spool, now) = (FileSystem::new(common.following.spool), Instant::now());
        let follower = Follower {
            name,
            destination,
            common,
            tell,
            precedence: &precedence,
            scope,
            spool,
            cursor: None,
            on_its_way: None,
            retry: now,
            refusals: 0,
            retry_base: now,
            failed_bases: 0,
            remembered: now,
            bytes: 0,
            dirty: false,
        };
        follower.run()
    })
}

/// Asks to stop when everybody is to.
struct Stopping<'a>(&'a AtomicBool);

impl Observer for Stopping<'_> {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl<'env> Follower<'_, 'env> {
    fn run(mut self) -> Result<(), RunError> {
        let ended = self.turns();
        // Nobody takes it up any more.
        self.on_its_way.iter().for_each(OnItsWay::cancel);
        ended
    }

    fn turns(&mut self) -> Result<(), RunError> {
        let stop = self.common.stop;
        while !stop.load(Ordering::SeqCst) {
            self.turn(&mut Stopping(stop))?;
            thread::sleep(LOOK);
        }
        self.remember()
    }

    fn turn(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        self.take_up_base(observer)?;
        if Instant::now() < self.retry || self.is_waiting_for_base() {
            return Ok(());
        }
        let news = self.has_news();
        if !matches!(news, Ok(false)) {
            let Some(turn) = self.common.turns.take()? else {
                // Another run copies, and this one finds out what.
                self.cursor = None;
                return Ok(());
            };
            let shipped = news.map_err(TargetError::Spool).and_then(|_| self.ship(&turn, observer));
            match shipped {
                Ok(Some(bytes)) => self.shipped(bytes),
                // Nothing was captured yet, or the spool was emptied: it is waited for.
                Err(TargetError::Empty) => self.retry = Instant::now() + RETRY,
                // It is taken up where it was.
                Err(_) if observer.cancelled() => {}
                Ok(None) => {}
                Err(error) => self.failed(error)?,
            }
        }
        if self.dirty && self.remembered.elapsed() >= REMEMBER {
            self.remember()?;
        }
        Ok(())
    }

    fn has_news(&self) -> Result<bool, SourceError> {
        let Some(cursor) = &self.cursor else { return Ok(true) };
        let pinned = self.common.following.pinned;
        Ok(cursor.has_segments(&self.spool, pinned)?
            || self.may_send_base() && cursor.has_manifest(&self.spool, pinned)?)
    }

    fn may_send_base(&self) -> bool {
        self.on_its_way.is_none() && Instant::now() >= self.retry_base
    }

    /// Where the destination has to be looked at anew, nothing else may be under way there.
    fn is_waiting_for_base(&self) -> bool {
        let waiting = self.on_its_way.as_ref().filter(|_| self.cursor.is_none());
        waiting.inspect(|base| base.cancel()).is_some()
    }

    fn shipped(&mut self, bytes: u64) {
        self.refusals = 0;
        self.bytes += bytes;
        self.dirty = true;
        if let Some(cursor) = &self.cursor {
            (self.tell)(Told::Shipped { reached: cursor.reached, bytes });
        }
    }

    fn failed(&mut self, error: TargetError) -> Result<(), RunError> {
        let passes = error.ending() == Ending::Temporary;
        (self.cursor, self.retry) = (None, Instant::now() + pause(if passes { 0 } else { self.refusals }));
        self.refusals = if passes { 0 } else { self.refusals.saturating_add(1) };
        self.note_failure(error)
    }

    fn note_failure(&self, error: TargetError) -> Result<(), RunError> {
        let failed = Failed { time: (self.common.clock)(), cause: error.to_string(), code: error.ending().code() };
        (self.tell)(Told::Failed(error));
        let noted = self.common.turns.note(|state| state.note(self.name, Err(failed)));
        self.told_of(noted).map(drop)
    }

    /// Whether it was remembered. That it could not be for now, as on a full disk, is told and keeps nothing from being
    /// copied; what is damaged is a person's to look at.
    fn told_of(&self, noted: Result<(), StateError>) -> Result<bool, RunError> {
        match noted {
            Ok(()) => Ok(true),
            Err(error @ StateError::Io { .. }) => {
                (self.tell)(Told::Failed(error.into()));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Copies what is new: segment by segment and bases beside them where that can be, after a survey otherwise. None where
    /// nothing was to be copied here.
    fn ship(&mut self, turn: &Turn<'env>, observer: &mut dyn Observer) -> Result<Option<u64>, TargetError> {
        let (pinned, may_send_base) = (self.common.following.pinned, self.may_send_base());
        if let Some(cursor) = &mut self.cursor {
            let mut bytes = None;
            if cursor.has_segments(&self.spool, pinned)? {
                let _first = self.precedence.take();
                bytes = Some(cursor.stream(&self.spool, self.destination, pinned, observer)?);
            }
            if !(may_send_base && cursor.has_manifest(&self.spool, pinned)?) {
                return Ok(bytes);
            }
            let ours = Sources::both(&self.spool).survey(pinned, observer)?;
            is_sound(&ours.survey)?;
            match way((&ours.survey, &ours.listing), cursor.generation, cursor.numbers(), &cursor.ends) {
                Way::Soon => return Ok(bytes),
                Way::Nothing => {
                    // One that is about to go.
                    self.retry_base = Instant::now() + RETRY;
                    return Ok(bytes);
                }
                Way::Beside(bases) => {
                    self.send(bases, ours, turn.another());
                    return Ok(bytes);
                }
                Way::Through => {}
            }
        }
        self.survey(observer).map(Some)
    }

    fn survey(&mut self, observer: &mut dyn Observer) -> Result<u64, TargetError> {
        let (pinned, spool) = (self.common.following.pinned, &self.spool);
        let known = self.common.turns.known(self.name)?;
        self.destination.tidy().map_err(ShipError::Put)?;
        let (shipped, ends) = match ship_first(spool, self.destination, pinned, &known, observer) {
            Err(ShipError::Empty) => return Err(TargetError::Empty),
            shipped => shipped?,
        };
        let (Some(main), Some(keyring)) = (shipped.newest.main, shipped.newest.keyring) else {
            return Err(TargetError::Empty);
        };
        let captured = shipped.captured.ok_or(TargetError::Empty)?;
        let reached = Reached::of(captured, &shipped.audit_head.unwrap_or_default(), pinned);
        let (generation, ends) = (main.generation, ends.ok_or(TargetError::Empty)?);
        let (segment, generations) = (shipped.newest.segment, shipped.generations);
        let coming = (main.number, keyring.number);
        self.cursor = Some(Cursor { generation, main, keyring, coming, ends, segment, reached, generations });
        Ok(shipped.bytes)
    }

    /// Sends bases off, beside the segments.
    fn send(&mut self, bases: Bases, ours: Surveyed, turn: Turn<'env>) {
        let Common { following, stop, .. } = self.common;
        let (place, way) = ((following, self.destination), (self.precedence, stop));
        let base = OnItsWay::begin(self.scope, place, (bases, ours), way, turn);
        if let Some(cursor) = &mut self.cursor {
            cursor.expect(base.brings());
        }
        self.on_its_way = Some(base);
    }

    /// Takes up a base that has come to its end.
    fn take_up_base(&mut self, observer: &dyn Observer) -> Result<(), RunError> {
        let Some(base) = self.on_its_way.take_if(|base| base.has_ended()) else { return Ok(()) };
        let cancelled = observer.cancelled() || base.is_cancelled();
        match base.end() {
            Ok((brings, bytes)) => {
                self.failed_bases = 0;
                if let Some(cursor) = &mut self.cursor {
                    cursor.brought(brings);
                }
                self.shipped(bytes);
                Ok(())
            }
            // Segments that failed say why.
            Err(_) if cancelled => Ok(()),
            Err(error) => {
                self.retry_base = Instant::now() + pause(self.failed_bases);
                self.failed_bases += 1;
                if matches!(error, TargetError::Ship(ShipError::Refused { .. } | ShipError::Damaged { .. })) {
                    // It concerns the segments, too.
                    self.cursor = None;
                }
                let Some(_turn) = self.common.turns.take()? else { return Ok(()) };
                self.note_failure(error)
            }
        }
    }

    fn remember(&mut self) -> Result<(), RunError> {
        let Some(cursor) = self.cursor.as_ref().filter(|_| self.dirty) else { return Ok(()) };
        let Some(_turn) = self.common.turns.take()? else { return Ok(()) };
        let newest = KnownPoint { main: Some(cursor.main), keyring: Some(cursor.keyring), segment: cursor.segment };
        let time = (self.common.clock)();
        let success = Success { time, captured: cursor.reached.captured, newest, bytes: self.bytes };
        let noted = self.common.turns.note(|state| match self.failed_bases {
            0 => state.note(self.name, Ok(success)),
            // Segments get there, a base backup does not: that stays to be seen.
            _ => state.reached(self.name, success),
        });
        self.remembered = Instant::now();
        if self.told_of(noted)? {
            (self.dirty, self.bytes) = (false, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_often() {
        let seconds = [0, 1, 5, 6, 7, u32::MAX].map(|failures| pause(failures).as_secs());
        assert_eq!(seconds, [5, 10, 160, 320, 320, 320]);
    }
}
