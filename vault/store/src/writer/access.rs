//! What has changed in who may read what, since when: decisions that rest on something older are
//! made again.
//!
//! A snapshot takes the access point before it begins; the writer raises it for a change before the
//! entries after it are committed. So a decision either saw a change or is found to be older.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::ids::{ApplicationId, SubjectId};
use coffre_core::time::Timestamp;

use crate::disclosure::Depends;

/// Whose access changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AccessKey {
    /// A data subject's grants, restriction or existence.
    Subject(SubjectId),
    /// An application's standing.
    Application(ApplicationId),
    /// Something that any decision may rest on: an operator's habilitation.
    Everybody,
}

impl AccessKey {
    /// The data subject, if it is one's.
    pub(super) const fn subject(&self) -> Option<SubjectId> {
        match self {
            Self::Subject(subject) => Some(*subject),
            Self::Application(_) | Self::Everybody => None,
        }
    }
}

/// Beyond this many remembered changes, everything older counts as changed.
const REMEMBERED: usize = 65_536;

#[derive(Debug, Default)]
struct Changes {
    point: u64,
    last: HashMap<AccessKey, u64>,
    floor: u64,
}

/// The access changes of a running vault.
#[derive(Debug, Default)]
pub(crate) struct Access(Mutex<Changes>);

impl Access {
    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access point now: what a snapshot taken from here on will see at least.
    pub(crate) fn point(&self) -> u64 {
        self.lock().point
    }

    /// Remembers a change: what saw less than it is older.
    pub(crate) fn change(&self, key: AccessKey) {
        if key == AccessKey::Everybody {
            return self.forget();
        }
        let mut changes = self.lock();
        changes.point += 1;
        let point = changes.point;
        if changes.last.len() >= REMEMBERED {
            changes.last.clear();
            changes.floor = point;
        }
        changes.last.insert(key, point);
    }

    /// Counts everything until now as changed.
    pub(crate) fn forget(&self) {
        let mut changes = self.lock();
        changes.point += 1;
        changes.floor = changes.point;
        changes.last.clear();
    }

    /// Whether a decision still stands at a moment.
    pub(crate) fn holds(&self, depends: &Depends, now: Timestamp) -> bool {
        if depends.valid_until.is_some_and(|until| now >= until) {
            return false;
        }
        let changes = self.lock();
        if depends.access_point == changes.point {
            return true; // nobody's access has changed since
        }
        let seen = |key: AccessKey| changes.last.get(&key).is_none_or(|at| *at <= depends.access_point);
        let rests_on_nothing = depends.application.is_none() && depends.subjects.is_empty();
        (rests_on_nothing || depends.access_point >= changes.floor)
            && depends.application.is_none_or(|id| seen(AccessKey::Application(id)))
            && depends.subjects.iter().all(|id| seen(AccessKey::Subject(*id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_what_is_older_move() {
        let (access, subject) = (Access::default(), SubjectId::from_bytes([1; 16]));
        let depends = |point| Depends { access_point: point, subjects: vec![subject], ..Depends::default() };
        let (seen, now) = (access.point(), Timestamp::from_micros(5));
        assert!(access.holds(&depends(seen), now));
        access.change(AccessKey::Subject(SubjectId::from_bytes([2; 16])));
        assert!(access.holds(&depends(seen), now), "somebody else's change");
        access.change(AccessKey::Subject(subject));
        assert!(!access.holds(&depends(seen), now));
        assert!(access.holds(&depends(access.point()), now));
        let ending = Depends { valid_until: Some(now), ..depends(access.point()) };
        assert!(!access.holds(&ending, now), "a validity's end is not included");
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let (access, subject) = (Access::default(), SubjectId::from_bytes([1; 16]));
        let depends = |point| Depends { access_point: point, subjects: vec![subject], ..Depends::default() };
        let (old, now) = (depends(access.point()), Timestamp::from_micros(0));
        access.change(AccessKey::Everybody);
        assert!(!access.holds(&old, now));
        let old = depends(access.point());
        access.forget();
        assert!(!access.holds(&old, now));
        assert!(access.holds(&depends(access.point()), now));
        assert!(access.holds(&Depends::default(), now), "what rests on nothing");
    }

    #[test]
    fn what_is_too_much_to_remember_counts_as_changed() {
        let (access, subject) = (Access::default(), SubjectId::from_bytes([1; 16]));
        let old = Depends { access_point: access.point(), subjects: vec![subject], ..Depends::default() };
        for n in 0..=u32::try_from(REMEMBERED).unwrap_or(0) {
            let mut id = [9; 16];
            id.split_at_mut(4).0.copy_from_slice(&n.to_be_bytes());
            access.change(AccessKey::Subject(SubjectId::from_bytes(id)));
        }
        assert!(!access.holds(&old, Timestamp::from_micros(0)));
    }
}
