//! Following a spool: whatever appears in it is copied to every destination at once. Looks for the next
//! object of each chain by name, so that looking costs nothing; surveys a place only at the beginning,
//! when a base backup appears, and after a failure. Takes the lock of a run for each step, never for longer.

mod cursor;
mod turns;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use coffre_core::spool::Pinned;
use coffre_core::time::Timestamp;

use self::cursor::{Cursor, Reached, ends};
use self::turns::Turns;
use crate::destination::{Destination, FileSystem};
use crate::ending::Ends as _;
use crate::observer::{self, Observer};
use crate::run::{RunError, TargetError};
use crate::ship::{Compare, KnownPoint, ShipError, ship};
use crate::state::{Failed, Success};

/// How often it is looked whether there is something new.
const LOOK: Duration = Duration::from_millis(20);
/// How often what is remembered is written while all goes well.
const REMEMBER: Duration = Duration::from_secs(5);
/// How long a destination that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// What to follow, and where to.
pub struct Following<'a> {
    /// The spool.
    pub spool: &'a Path,
    /// The folder of the lock and of what is remembered.
    pub memory: &'a Path,
    /// The vault that is meant and the key that speaks for it.
    pub pinned: &'a Pinned,
    /// Destinations by name.
    pub destinations: Vec<(String, &'a (dyn Destination + Sync))>,
}

/// What happened, for whoever runs it.
#[derive(Debug)]
pub enum Event<'e> {
    /// A destination holds everything up to a moment.
    Shipped {
        /// Its name.
        destination: &'e str,
        /// The moment.
        captured: Timestamp,
        /// How many entries the log has up to it, if that is known.
        entries: Option<u64>,
        /// Bytes that were copied.
        bytes: u64,
    },
    /// A destination was not reached; it is tried again.
    Failed {
        /// Its name.
        destination: &'e str,
        /// Why.
        error: &'e TargetError,
    },
}

/// A destination that is followed to.
struct Follower<'a> {
    name: &'a str,
    destination: &'a (dyn Destination + Sync),
    following: &'a Following<'a>,
    turns: &'a Turns<'a>,
    clock: &'a (dyn Fn() -> Timestamp + Sync),
    tell: &'a dyn Fn(Told),
    spool: FileSystem,
    cursor: Option<Cursor>,
    retry: Instant,
    remembered: Instant,
    /// Bytes since something was remembered.
    bytes: u64,
    dirty: bool,
}

/// What the thread of a destination tells; which one it is is told by its place.
enum Told {
    Shipped { reached: Reached, bytes: u64 },
    Failed(TargetError),
    Ended(Result<(), RunError>),
}

/// Follows until the observer asks to stop. Each destination has a thread of its own: one that is slow, or limited,
/// holds up no other.
pub fn follow(
    following: &Following<'_>,
    clock: &(dyn Fn() -> Timestamp + Sync),
    observer: &mut dyn Observer,
    told: &mut dyn FnMut(&Event<'_>),
) -> Result<(), RunError> {
    if !following.spool.is_dir() {
        return Err(RunError::NoSpool { path: following.spool.to_owned() });
    }
    if following.destinations.is_empty() {
        return Err(RunError::NoTarget);
    }
    let (stop, turns) = (AtomicBool::new(false), Turns::new(following.memory));
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for (at, (name, destination)) in following.destinations.iter().enumerate() {
            let (sender, stop, turns) = (sender.clone(), &stop, &turns);
            scope.spawn(move || {
                let tell = |told| drop(sender.send((at, told)));
                let follower = Follower::new(name, *destination, following, turns, clock, &tell);
                tell(Told::Ended(follower.run(stop)));
            });
        }
        drop(sender);
        let mut result = Ok(());
        loop {
            let news = match receiver.recv_timeout(LOOK) {
                Ok(news) => Some(news),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return result,
            };
            let named = news.and_then(|(at, news)| Some((following.destinations.get(at)?.0.as_str(), news)));
            match named {
                Some((destination, Told::Shipped { reached: Reached { captured, entries }, bytes })) => {
                    told(&Event::Shipped { destination, captured, entries, bytes });
                }
                Some((destination, Told::Failed(error))) => told(&Event::Failed { destination, error: &error }),
                Some((_, Told::Ended(Err(error)))) => {
                    result = result.and(Err(error));
                    stop.store(true, Ordering::SeqCst);
                }
                Some((_, Told::Ended(Ok(())))) | None => {}
            }
            if observer::check(observer).is_err() {
                stop.store(true, Ordering::SeqCst);
            }
        }
    })
}

/// Asks to stop when everybody is to.
struct Stopping<'a>(&'a AtomicBool);

impl Observer for Stopping<'_> {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl<'a> Follower<'a> {
    fn new(
        name: &'a str,
        destination: &'a (dyn Destination + Sync),
        following: &'a Following<'a>,
        turns: &'a Turns<'a>,
        clock: &'a (dyn Fn() -> Timestamp + Sync),
        tell: &'a dyn Fn(Told),
    ) -> Self {
        let (spool, now) = (FileSystem::new(following.spool), Instant::now());
        let (cursor, bytes, dirty) = (None, 0, false);
        let (retry, remembered) = (now, now);
        Self { name, destination, following, turns, clock, tell, spool, cursor, retry, remembered, bytes, dirty }
    }

    fn run(mut self, stop: &AtomicBool) -> Result<(), RunError> {
        while !stop.load(Ordering::SeqCst) {
            self.turn(&mut Stopping(stop))?;
            thread::sleep(LOOK);
        }
        self.remember()
    }

    fn turn(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        if Instant::now() < self.retry {
            return Ok(());
        }
        let news = match &self.cursor {
            Some(cursor) => cursor.has_news(&self.spool, self.following.pinned),
            None => Ok(true),
        };
        if !matches!(news, Ok(false)) {
            let Some(_turn) = self.turns.take()? else {
                // Another run copies, and this one finds out what.
                self.cursor = None;
                return Ok(());
            };
            let shipped = news.map_err(TargetError::Spool).and_then(|_| self.ship(observer));
            match shipped {
                Ok(bytes) => self.shipped(bytes),
                // Nothing was captured yet, or the spool was emptied: it is waited for.
                Err(TargetError::Empty) => self.retry = Instant::now() + RETRY,
                // It is taken up where it was.
                Err(_) if observer.cancelled() => {}
                Err(error) => self.failed(error)?,
            }
        }
        if self.dirty && self.remembered.elapsed() >= REMEMBER {
            self.remember()?;
        }
        Ok(())
    }

    fn shipped(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.dirty = true;
        if let Some(cursor) = &self.cursor {
            (self.tell)(Told::Shipped { reached: cursor.reached, bytes });
        }
    }

    fn failed(&mut self, error: TargetError) -> Result<(), RunError> {
        (self.cursor, self.retry) = (None, Instant::now() + RETRY);
        let failed = Failed { time: (self.clock)(), cause: error.to_string(), code: error.ending().code() };
        (self.tell)(Told::Failed(error));
        self.turns.note(|state| state.note(self.name, Err(failed)))
    }

    /// Copies what is new: segment by segment where nothing else is, after a survey otherwise.
    fn ship(&mut self, observer: &mut dyn Observer) -> Result<u64, TargetError> {
        let (pinned, spool) = (self.following.pinned, &self.spool);
        if let Some(cursor) = &mut self.cursor
            && !cursor.has_manifest(spool, pinned)?
        {
            return cursor.stream(spool, self.destination, pinned, observer);
        }
        let known = self.turns.known(self.name)?;
        self.destination.tidy().map_err(ShipError::Put)?;
        let shipped = match ship(spool, self.destination, pinned, &known, Compare::Sizes, observer) {
            Err(ShipError::Empty) => return Err(TargetError::Empty),
            shipped => shipped?,
        };
        let (Some(main), Some(keyring)) = (shipped.newest.main, shipped.newest.keyring) else {
            return Err(TargetError::Empty);
        };
        let captured = shipped.captured.ok_or(TargetError::Empty)?;
        let reached = Reached::of(captured, &shipped.audit_head.unwrap_or_default(), pinned);
        let ends = ends(spool, self.destination, pinned, main.generation, observer)?.ok_or(TargetError::Empty)?;
        let generation = main.generation;
        let (segment, generations) = (shipped.newest.segment, shipped.generations);
        self.cursor = Some(Cursor { generation, main, keyring, ends, segment, reached, generations });
        Ok(shipped.bytes)
    }

    fn remember(&mut self) -> Result<(), RunError> {
        let Some(cursor) = self.cursor.as_ref().filter(|_| self.dirty) else { return Ok(()) };
        let Some(_turn) = self.turns.take()? else { return Ok(()) };
        let newest = KnownPoint { main: Some(cursor.main), keyring: Some(cursor.keyring), segment: cursor.segment };
        let success = Success { time: (self.clock)(), captured: cursor.reached.captured, newest, bytes: self.bytes };
        self.turns.note(|state| state.note(self.name, Ok(success)))?;
        (self.dirty, self.bytes, self.remembered) = (false, 0, Instant::now());
        Ok(())
    }
}
