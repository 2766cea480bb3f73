//! The locks in a repository: who holds them, since when, and whether that process is there. They are reported. One goes
//! when a person names it and restic itself finds it stale, or by itself when it can be nobody's any more.

use coffre_core::time::Timestamp;
use thiserror::Error;

use super::messages::Lock;
use super::{Failure, Repository, Restic, arguments, host_name, run};
use crate::observer::Observer;

/// restic refreshes a lock every five minutes, and takes one that was not for this long to be left over.
const STALE_SECONDS: i64 = 30 * 60;
/// Another machine, or a container, may have this host's name and processes that are not seen here. But what lives there
/// refreshes its lock: one that was not for so long, though it should have been twice, is nobody's there either.
const QUIET_SECONDS: i64 = 10 * 60;

/// A lock in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftLock {
    /// Its identifier.
    pub id: String,
    /// When it was made or last refreshed.
    pub time: Option<Timestamp>,
    /// Whether it keeps everybody else out.
    pub exclusive: bool,
    /// Who holds it: `PID 14609 on backup1 by root`.
    pub holder: String,
    /// Whether its process is one of this host that has ended; of other hosts nothing is known.
    pub has_ended: bool,
    /// Whether its process is there and is another account's. restic asks by a signal that it may not send, and takes such
    /// a lock for left over.
    pub is_anothers: bool,
}

impl LeftLock {
    /// Seconds since it was refreshed.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        // A clock that was set back makes nothing older.
        self.time.map(|time| (now.as_seconds() - time.as_seconds()).max(0))
    }

    /// Whether restic would call it left over.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.has_ended || self.age(now).is_some_and(|age| age > STALE_SECONDS)
    }

    /// Whether nobody can hold it any more, wherever.
    fn is_nobodys(&self, now: Timestamp) -> bool {
        self.has_ended && self.age(now).is_some_and(|age| age >= QUIET_SECONDS)
    }
}

/// Locks that were not removed.
#[derive(Debug, Error)]
pub enum UnlockError {
    /// None was named.
    #[error("no lock is named: `coffre backup repositories` lists them; name each that is to go")]
    Unnamed,
    /// There is no such lock.
    #[error("there is no lock {id} in {repository}: `coffre backup repositories` lists those that are there")]
    NotThere {
        /// What was named.
        id: String,
        /// The repository.
        repository: String,
    },
    /// A process may be at it still.
    #[error("lock {id} is not left over, {holder} holds it: wait until that has ended, or end it")]
    InUse {
        /// The lock.
        id: String,
        /// Who holds it.
        holder: String,
    },
    /// restic removes all locks that are left over at once, and these were not named.
    #[error("{} is left over too, held by {holder}: name it as well if it is to go", id)]
    AlsoLeft {
        /// The lock.
        id: String,
        /// Who held it.
        holder: String,
    },
    /// restic finds them in use.
    #[error("restic did not remove {left} of the locks: run this on the host that left them, or half an hour later")]
    NotRemoved {
        /// How many.
        left: usize,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// The locks in a repository. Takes none.
    pub fn locks(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<Vec<LeftLock>, Failure> {
        let mut locks = Vec::new();
        for id in self.lock_ids(repository, observer)? {
            locks.extend(self.lock(repository, &id, observer)?);
        }
        locks.sort_by(|one, other| one.time.cmp(&other.time).then_with(|| one.id.cmp(&other.id)));
        Ok(locks)
    }

    fn lock_ids(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<Vec<String>, Failure> {
        let list = arguments(["list", "locks", "--no-lock"]);
        let answer = self.answer(repository, list, "list locks", observer)?;
        Ok(answer.lines().map(str::trim).filter(|line| is_id(line)).map(str::to_owned).collect())
    }

    /// One that was listed; none if it was removed since.
    fn lock(
        &self,
        repository: &Repository,
        id: &str,
        observer: &mut dyn Observer,
    ) -> Result<Option<LeftLock>, Failure> {
        let cat = arguments(["cat", "lock", id, "--no-lock"]);
        match self.document::<Lock>(repository, cat, "cat lock", observer) {
            Ok(lock) => Ok(Some(left_lock(id, &lock))),
            Err(Failure::Failed { code: 1, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Removes the locks named by the beginnings of their identifiers. They must be all that are left over, because
    /// restic removes those together; one that may be in use is left alone, whatever was named.
    pub fn unlock(
        &self,
        repository: &Repository,
        named: &[String],
        now: Timestamp,
        observer: &mut dyn Observer,
    ) -> Result<Vec<LeftLock>, UnlockError> {
        let there = self.locks(repository, observer)?;
        let chosen = choose(&there, named, now, &repository.label())?;
        self.run(repository, arguments(["unlock"]), None, &mut |_, _| {}, observer)?;
        let after = self.locks(repository, observer)?;
        let left = chosen.iter().filter(|lock| after.iter().any(|other| other.id == lock.id)).count();
        if left > 0 { Err(UnlockError::NotRemoved { left }) } else { Ok(chosen) }
    }

    /// Removes what processes of this host left that were killed, before it keeps anybody out, here or elsewhere: only here
    /// is it known that they have ended. Where there is any other lock nothing is done, because restic removes together
    /// whatever it takes to be left over. That nothing could be removed is said by whoever is kept out by it.
    pub fn remove_left(
        &self,
        repository: &Repository,
        now: Timestamp,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        match self.try_remove_left(repository, now, observer) {
            Err(Failure::Failed { .. } | Failure::Answer { .. }) => Ok(()),
            tried => tried,
        }
    }

    fn try_remove_left(
        &self,
        repository: &Repository,
        now: Timestamp,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let there = self.lock_ids(repository, observer)?;
        for id in &there {
            // The first that must stay ends it: there may be very many.
            if !self.lock(repository, id, observer)?.is_some_and(|lock| lock.is_nobodys(now)) {
                return Ok(());
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        tracing::warn!(repository = %repository.label(), locks = there.len(), "locks of killed processes are removed");
        self.run(repository, arguments(["unlock"]), None, &mut |_, _| {}, observer)
    }
}

fn is_id(line: &str) -> bool {
    line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn left_lock(id: &str, lock: &Lock) -> LeftLock {
    let Lock { pid, hostname, username, .. } = lock;
    let is_of_here = !hostname.is_empty() && *hostname == host_name();
    LeftLock {
        id: id.to_owned(),
        time: lock.time.parse().ok(),
        exclusive: lock.exclusive,
        holder: format!("PID {pid} on {hostname} by {username}"),
        has_ended: is_of_here && !run::is_there(*pid),
        is_anothers: is_of_here && run::is_anothers(*pid),
    }
}

/// The locks that may go, or why not. Looks at nothing but its arguments.
fn choose(
    there: &[LeftLock],
    named: &[String],
    now: Timestamp,
    repository: &str,
) -> Result<Vec<LeftLock>, UnlockError> {
    // A beginning that is too short names by accident.
    let is_named = |lock: &LeftLock| named.iter().any(|name| name.len() >= 8 && lock.id.starts_with(name.as_str()));
    if named.is_empty() {
        return Err(UnlockError::Unnamed);
    }
    for name in named {
        if name.len() < 8 || !there.iter().any(|lock| lock.id.starts_with(name.as_str())) {
            return Err(UnlockError::NotThere { id: name.clone(), repository: repository.to_owned() });
        }
    }
    for lock in there {
        let (id, holder) = (short(&lock.id), lock.holder.clone());
        match (is_named(lock), lock.is_stale(now)) {
            (true, false) => return Err(UnlockError::InUse { id, holder }),
            (false, true) => return Err(UnlockError::AlsoLeft { id, holder }),
            (false, false) if lock.is_anothers => return Err(UnlockError::InUse { id, holder }),
            _ => {}
        }
    }
    Ok(there.iter().filter(|lock| is_named(lock)).cloned().collect())
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn lock(id: &str, seconds: i64, has_ended: bool) -> LeftLock {
        let time = Some(Timestamp::from_micros(0).plus_seconds(seconds));
        let holder = "PID 1 on vm by root".to_owned();
        LeftLock { id: id.repeat(64), time, exclusive: true, holder, has_ended, is_anothers: false }
    }

    fn chosen(there: &[LeftLock], named: &[&str]) -> Result<usize, String> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let now = Timestamp::from_micros(0).plus_seconds(4000);
        choose(there, &named, now, "/r").map(|chosen| chosen.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_named_and_left_over_goes() {
        let (old, fresh, dead) = (lock("a", 0, false), lock("b", 3900, false), lock("c", 3900, true));
        let there = [old.clone(), fresh.clone(), dead.clone()];
        assert_eq!(chosen(&there, &["aaaaaaaa", "cccccccc"]), Ok(2));
        assert!(chosen(&there, &[]).unwrap_err().starts_with("no lock is named"));
        assert!(chosen(&there, &["aaaaaaaa"]).unwrap_err().starts_with("cccccccc is left over too"));
        assert!(chosen(&there, &["bbbbbbbb"]).is_err());
        assert!(chosen(&[fresh], &["bbbbbbbb"]).unwrap_err().starts_with("lock bbbbbbbb is not left over"));
        assert!(chosen(std::slice::from_ref(&old), &["a"]).unwrap_err().starts_with("there is no lock a in /r"));
        assert!(chosen(&[old], &["dddddddd"]).unwrap_err().starts_with("there is no lock dddddddd"));
    }

    #[test]
    fn none_goes_while_restic_would_remove_the_lock_of_another_account_that_is_in_use() {
        let (dead, anothers) = (lock("a", 3900, true), LeftLock { is_anothers: true, ..lock("b", 3900, false) });
        let refused = chosen(&[dead.clone(), anothers], &["aaaaaaaa"]).unwrap_err();
        assert!(refused.starts_with("lock bbbbbbbb is not left over"), "{refused}");
        assert_eq!(chosen(&[dead, lock("b", 3900, false)], &["aaaaaaaa"]), Ok(1));
    }

    #[test]
    fn only_one_that_was_not_refreshed_by_a_process_that_has_ended_is_nobodys() {
        let is_nobodys = |seconds: i64, has_ended: bool| {
            lock("a", seconds, has_ended).is_nobodys(Timestamp::from_micros(0).plus_seconds(4000))
        };
        assert!(is_nobodys(3400, true));
        assert!(!is_nobodys(3401, true), "a machine of the same name may hold it");
        assert!(!is_nobodys(0, false), "of other hosts nothing is known");
        assert!(!is_nobodys(5000, true), "a clock is wrong");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_lock_stale() {
        let lock = lock("a", 5000, false);
        assert_eq!(lock.age(Timestamp::from_micros(0)), Some(0));
        assert!(!lock.is_stale(Timestamp::from_micros(0)));
    }
}
