//! Small objects that wait to be sent side by side: each takes a journey to the server and back, so many are under way at
//! once. Not for objects whose order matters.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::PutError;

/// How many bytes wait at most.
const LONGEST: usize = 64 << 20;

/// Paths, and what is to be there.
#[derive(Default)]
pub(super) struct Queue(Mutex<Vec<(String, Vec<u8>)>>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Vec<(String, Vec<u8>)>> {
        // Every change is one push or one take: a thread that died cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one more; whether it is time to send them.
    pub(super) fn push(&self, path: &str, content: Vec<u8>) -> bool {
        let mut waiting = self.lock();
        waiting.push((path.to_owned(), content));
        waiting.iter().map(|(_, content)| content.len()).sum::<usize>() >= LONGEST
    }

    /// Forgets what waits.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Sends everything over so many lanes.
    pub(super) fn send(
        &self,
        place: &str,
        lanes: usize,
        put: impl Fn(&str, &[u8]) -> Result<(), PutError> + Sync,
    ) -> Result<(), PutError> {
        let waiting = std::mem::take(&mut *self.lock());
        side_by_side(place, lanes, &waiting, |(path, content)| put(path, content)).map(drop)
    }
}

/// Does something with each of some things, on so many threads; gives the results in the same order. After a failure
/// nothing more is begun.
pub(super) fn side_by_side<T: Sync, R: Send>(
    place: &str,
    lanes: usize,
    things: &[T],
    act: impl Fn(&T) -> Result<R, PutError> + Sync,
) -> Result<Vec<R>, PutError> {
    if things.len() < 2 {
        return things.iter().map(act).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else { return Ok(done) };
            let result = act(thing).inspect_err(|_| next.store(things.len(), Ordering::Relaxed));
            done.push((at, result?));
        }
    };
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..lanes.min(things.len())).map(|_| scope.spawn(work)).collect();
        let died = |_| PutError::Unreachable {
            place: place.to_owned(),
            source: io::Error::other("a thread that sends ended by itself"),
        };
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join().map_err(died).flatten()).collect();
        results.into_iter().collect::<Result<Vec<_>, PutError>>()
    })?
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
