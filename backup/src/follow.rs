//! Following a spool: whatever appears in it is copied to every destination at once. Looks for the next
//! object of each chain by name, so that looking costs nothing; surveys a place only at the beginning,
//! when a base backup appears, and after a failure. Takes the lock of a run for each step, never for longer.

use std::path::Path;
use std::time::{Duration, Instant};

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ContentHash, Known, Link, Manifest as _, ObjectName, Ordinal, Pinned, Side};
use coffre_core::time::Timestamp;

use crate::destination::{Destination, FileSystem, Source as _, SourceError};
use crate::ending::Ends as _;
use crate::lock::{Lock, LockError};
use crate::observer::{self, Observer};
use crate::run::{LOCK, RunError, TargetError};
use crate::ship::{Compare, KnownPoint, KnownSegment, Stream, ship};
use crate::sources::Sources;
use crate::state::{Failed, State, Success, Target};

/// How often it is looked whether there is something new.
const LOOK: Duration = Duration::from_millis(200);
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
    pub destinations: Vec<(String, &'a dyn Destination)>,
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

/// Where a destination stands, as far as this process brought it.
struct Cursor {
    generation: GenerationId,
    main: Known,
    keyring: Known,
    /// The last objects of keyring, vault and log.
    ends: [(Chain, Link); 3],
    segment: Option<KnownSegment>,
    captured: Timestamp,
}

/// A destination that is followed to.
struct Follower<'a> {
    name: String,
    destination: &'a dyn Destination,
    cursor: Option<Cursor>,
    retry: Instant,
    remembered: Instant,
    /// Bytes since something was remembered.
    bytes: u64,
    dirty: bool,
}

/// Follows until the observer asks to stop.
pub fn follow(
    following: &Following<'_>,
    clock: &dyn Fn() -> Timestamp,
    observer: &mut dyn Observer,
    told: &mut dyn FnMut(&Event<'_>),
) -> Result<(), RunError> {
    if !following.spool.is_dir() {
        return Err(RunError::NoSpool { path: following.spool.to_owned() });
    }
    if following.destinations.is_empty() {
        return Err(RunError::NoTarget);
    }
    let spool = FileSystem::new(following.spool);
    let now = Instant::now();
    let mut followers = Vec::new();
    for (name, destination) in &following.destinations {
        let (name, destination) = (name.clone(), *destination);
        let (cursor, bytes, dirty) = (None, 0, false);
        followers.push(Follower { name, destination, cursor, retry: now, remembered: now, bytes, dirty });
    }
    while observer::check(observer).is_ok() {
        for follower in &mut followers {
            follower.turn(following, &spool, clock, observer, told)?;
        }
        std::thread::sleep(LOOK);
    }
    followers.iter_mut().try_for_each(|follower| follower.remember(following, clock))
}

impl Follower<'_> {
    fn turn(
        &mut self,
        following: &Following<'_>,
        spool: &FileSystem,
        clock: &dyn Fn() -> Timestamp,
        observer: &mut dyn Observer,
        told: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), RunError> {
        if Instant::now() < self.retry {
            return Ok(());
        }
        let news = match &self.cursor {
            Some(cursor) => cursor.has_news(spool, following.pinned),
            None => Ok(true),
        };
        if !matches!(news, Ok(false)) {
            let _lock = match Lock::file(&following.memory.join(LOCK)) {
                // Another run copies, and this one finds out what.
                Err(LockError::Held { .. }) => {
                    self.cursor = None;
                    return Ok(());
                }
                taken => taken?,
            };
            let shipped = news.map_err(TargetError::Spool).and_then(|_| self.ship(following, spool, observer));
            match shipped {
                Ok(bytes) => self.shipped(bytes, told),
                // Nothing was captured yet, or the spool was emptied: it is waited for.
                Err(TargetError::Empty) => self.retry = Instant::now() + RETRY,
                Err(error) => self.failed(following, &error, clock, told)?,
            }
        }
        if self.dirty && self.remembered.elapsed() >= REMEMBER {
            self.remember(following, clock)?;
        }
        Ok(())
    }

    fn shipped(&mut self, bytes: u64, told: &mut dyn FnMut(&Event<'_>)) {
        self.bytes += bytes;
        self.dirty = true;
        if let Some(cursor) = &self.cursor {
            told(&Event::Shipped { destination: &self.name, captured: cursor.captured, bytes });
        }
    }

    fn failed(
        &mut self,
        following: &Following<'_>,
        error: &TargetError,
        clock: &dyn Fn() -> Timestamp,
        told: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), RunError> {
        (self.cursor, self.retry) = (None, Instant::now() + RETRY);
        told(&Event::Failed { destination: &self.name, error });
        let failed = Failed { time: clock(), cause: error.to_string(), code: error.ending().code() };
        let mut state = State::load(following.memory)?;
        state.note(&self.name, Err(failed));
        Ok(state.save(following.memory)?)
    }

    /// Copies what is new: segment by segment where nothing else is, after a survey otherwise.
    fn ship(
        &mut self,
        following: &Following<'_>,
        spool: &FileSystem,
        observer: &mut dyn Observer,
    ) -> Result<u64, TargetError> {
        let pinned = following.pinned;
        if let Some(cursor) = &mut self.cursor
            && !cursor.has_manifest(spool, pinned)?
        {
            return cursor.stream(spool, self.destination, pinned, observer);
        }
        let state = State::load(following.memory)?;
        let known = state.targets.get(&self.name).map(Target::known).unwrap_or_default();
        self.destination.tidy().map_err(crate::ship::ShipError::Put)?;
        let shipped = match ship(spool, self.destination, pinned, &known, Compare::Sizes, observer) {
            Err(crate::ship::ShipError::Empty) => return Err(TargetError::Empty),
            shipped => shipped?,
        };
        let (Some(main), Some(keyring)) = (shipped.newest.main, shipped.newest.keyring) else {
            return Err(TargetError::Empty);
        };
        let captured = shipped.captured.ok_or(TargetError::Empty)?;
        let ends = ends(spool, self.destination, pinned, main.generation, observer)?.ok_or(TargetError::Empty)?;
        let generation = main.generation;
        let segment = shipped.newest.segment;
        self.cursor = Some(Cursor { generation, main, keyring, ends, segment, captured });
        Ok(shipped.bytes)
    }

    fn remember(&mut self, following: &Following<'_>, clock: &dyn Fn() -> Timestamp) -> Result<(), RunError> {
        let Some(cursor) = self.cursor.as_ref().filter(|_| self.dirty) else { return Ok(()) };
        let Ok(_lock) = Lock::file(&following.memory.join(LOCK)) else { return Ok(()) };
        let newest = KnownPoint { main: Some(cursor.main), keyring: Some(cursor.keyring), segment: cursor.segment };
        let success = Success { time: clock(), captured: cursor.captured, newest, bytes: self.bytes };
        let mut state = State::load(following.memory)?;
        state.note(&self.name, Ok(success));
        state.save(following.memory)?;
        (self.dirty, self.bytes, self.remembered) = (false, 0, Instant::now());
        Ok(())
    }
}

/// The last objects of the chains on a destination that was just shipped to.
fn ends(
    spool: &FileSystem,
    destination: &dyn Destination,
    pinned: &Pinned,
    generation: GenerationId,
    observer: &mut dyn Observer,
) -> Result<Option<[(Chain, Link); 3]>, TargetError> {
    let surveyed = Sources::both(spool).survey(pinned, observer)?;
    let survey = &surveyed.survey;
    let main = survey.main.generation(generation).and_then(|g| g.newest()).map(|signed| &signed.manifest);
    let keyring = survey.keyring.generation(generation).and_then(|g| g.newest()).map(|signed| &signed.manifest);
    let (Some(main), Some(keyring)) = (main, keyring) else { return Ok(None) };
    let reaches = keyring.chains().into_iter().chain(main.chains());
    let bases = reaches.map(|(chain, reach)| (chain, reach.last)).collect::<Vec<_>>();
    let [first, second, third] = *bases.as_slice() else { return Ok(None) };
    let mut ends = [first, second, third];
    for (chain, end) in &mut ends {
        // What appeared since the shipment is not there yet.
        for (position, _) in coffre_core::spool::segments_after(&surveyed.listing, generation, *chain, end.position) {
            let name = ObjectName::Segment { generation, chain: *chain, position };
            if destination.size(&name.path(&pinned.scope)).map_err(TargetError::Spool)?.is_none() {
                break;
            }
            end.position = position;
            end.sha256 = ContentHash::from_bytes([0; 32]);
        }
        let name = ObjectName::Segment { generation, chain: *chain, position: end.position };
        if surveyed.listing.contains_key(&name) {
            *end = crate::ship::proven(spool, &name, pinned).map_err(crate::ship::of_spool)?.link;
        }
    }
    Ok(Some(ends))
}

impl Cursor {
    fn next_manifest(&self, side: Side) -> ObjectName {
        let number = match side {
            Side::Main => self.main.number,
            Side::Keyring => self.keyring.number,
        };
        ObjectName::Manifest { generation: self.generation, side, number: number.next() }
    }

    fn next_segment(&self, chain: Chain, after: Ordinal) -> ObjectName {
        ObjectName::Segment { generation: self.generation, chain, position: after.next() }
    }

    fn has_manifest(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for side in Side::ALL {
            if spool.size(&self.next_manifest(side).path(&pinned.scope))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_news(&self, spool: &FileSystem, pinned: &Pinned) -> Result<bool, SourceError> {
        for (chain, end) in &self.ends {
            if spool.size(&self.next_segment(*chain, end.position).path(&pinned.scope))?.is_some() {
                return Ok(true);
            }
        }
        self.has_manifest(spool, pinned)
    }

    /// Copies the segments that are new. How far the log reaches is looked at first: what it names of
    /// the other chains is in the spool by then.
    fn stream(
        &mut self,
        spool: &FileSystem,
        destination: &dyn Destination,
        pinned: &Pinned,
        observer: &mut dyn Observer,
    ) -> Result<u64, TargetError> {
        let mut limits = self.ends.map(|(_, end)| end.position);
        for at in (0..limits.len()).rev() {
            let (Some(limit), Some((chain, _))) = (limits.get_mut(at), self.ends.get(at)) else { continue };
            while spool.size(&self.next_segment(*chain, *limit).path(&pinned.scope))?.is_some() {
                *limit = limit.next();
            }
        }
        let generation = self.generation;
        let mut stream = Stream::new(spool, destination, pinned, observer);
        for ((chain, end), limit) in self.ends.iter_mut().zip(limits) {
            while end.position < limit {
                let name = ObjectName::Segment { generation, chain: *chain, position: end.position.next() };
                let seen = stream.segment(&name, end.sha256)?;
                *end = seen.link;
                if seen.header.point.is_some() {
                    let Link { position, sha256 } = seen.link;
                    self.segment = Some(KnownSegment { generation, position, sha256 });
                    self.captured = self.captured.max(seen.header.time);
                }
            }
        }
        Ok(stream.bytes())
    }
}
