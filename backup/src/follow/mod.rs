//! Following a spool: whatever appears in it is copied to every destination at once. Looks for the next
//! object of each chain by name, so that looking costs nothing; surveys a place only at the beginning,
//! and after a failure. A base backup goes beside the segments, and none of them waits for it, unless the chains themselves
//! go through it. Takes the lock of a destination for each step and while a base is on its way, never for longer, and
//! no other lock that a run needs.

mod beside;
mod cursor;
mod follower;
mod turns;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use coffre_core::spool::Pinned;
use coffre_core::time::Timestamp;

use self::cursor::Reached;
use self::follower::{Common, follow_to};
use self::turns::Turns;
use crate::destination::Destination;
use crate::observer::{self, Observer};
use crate::run::{RunError, TargetError};

/// How often it is looked whether there is something new.
const LOOK: Duration = Duration::from_millis(20);

/// What to follow, and where to.
pub struct Following<'a> {
    /// The spool.
    pub spool: &'a Path,
    /// The folder of the locks and of what is remembered.
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
    let stop = AtomicBool::new(false);
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for (at, (name, destination)) in following.destinations.iter().enumerate() {
            let (sender, stop) = (sender.clone(), &stop);
            scope.spawn(move || {
                let tell = |told| drop(sender.send((at, told)));
                let turns = Turns::new(following.memory, name);
                let common = Common { following, turns: &turns, clock, stop };
                tell(Told::Ended(follow_to((name, *destination), common, &tell)));
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
