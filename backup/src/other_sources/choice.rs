//! Which snapshot of a source is restored, and what is known of it. Looks at nothing but its arguments.
//!
//! restic cannot tell the end of its input from the end of whoever fed it, so a run that was killed may leave a
//! snapshot of half a source, the newest one. Only what the host remembers of its good runs tells it from a whole one.

use coffre_core::time::Timestamp;

use crate::restic::messages::Snapshot;

/// Which snapshot to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// The one with an identifier that begins so.
    Named(&'a str),
    /// The one that is remembered as good, if it is there; otherwise the newest.
    Newest {
        /// What is remembered.
        good: Option<&'a str>,
    },
}

/// What is known of the snapshot that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// It was named.
    Named,
    /// It is the newest one, and remembered as good.
    Good,
    /// It is remembered as good. A newer one is there, which is not.
    GoodBeforeNewest {
        /// The newest one.
        snapshot: String,
        /// When that was made.
        time: String,
    },
    /// It is the newest one. Whether its run came to its end is not remembered here.
    Unproven,
}

impl Chosen {
    /// In one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Good => "good",
            Self::GoodBeforeNewest { .. } => "good-before-newest",
            Self::Unproven => "unproven",
        }
    }
}

/// The snapshot to restore; none if there is no such one.
pub(super) fn choose(mut list: Vec<Snapshot>, which: Which<'_>) -> Option<(Snapshot, Chosen)> {
    if let Which::Named(id) = which {
        list.retain(|snapshot| snapshot.id.starts_with(id));
    }
    let newest = list.iter().max_by_key(|snapshot| snapshot.time.parse::<Timestamp>().ok())?.clone();
    let good = match which {
        Which::Named(_) => return Some((newest, Chosen::Named)),
        Which::Newest { good } => good,
    };
    let is_good = |snapshot: &Snapshot| good.is_some_and(|good| snapshot.is_or_copies(good));
    if is_good(&newest) {
        return Some((newest, Chosen::Good));
    }
    match list.into_iter().find(is_good) {
        Some(found) => Some((found, Chosen::GoodBeforeNewest { snapshot: newest.id, time: newest.time })),
        None => Some((newest, Chosen::Unproven)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn snapshot(digit: char, hour: u32, original: Option<char>) -> Snapshot {
        let id = |digit: char| digit.to_string().repeat(64);
        Snapshot {
            id: id(digit),
            time: format!("2026-11-22T{hour:02}:00:00.701375678Z"),
            paths: Vec::new(),
            hostname: String::new(),
            tags: Vec::new(),
            original: original.map(id),
        }
    }

    fn chosen(list: &[Snapshot], which: Which<'_>) -> (char, &'static str) {
        let (found, chosen) = choose(list.to_vec(), which).unwrap();
        (found.id.chars().next().unwrap(), chosen.as_str())
    }

    #[test]
    fn the_one_that_is_remembered_as_good_goes_before_a_newer_one() {
        let list = [snapshot('a', 1, None), snapshot('c', 3, None), snapshot('b', 2, None)];
        let newest = |good| chosen(&list, Which::Newest { good });
        assert_eq!(newest(Some("cccccccc")), ('c', "good"));
        assert_eq!(newest(Some("bbbbbbbb")), ('b', "good-before-newest"));
        for unknown in [None, Some("dddddddd"), Some("")] {
            assert_eq!(newest(unknown), ('c', "unproven"));
        }
        let (_, before) = choose(list.to_vec(), Which::Newest { good: Some("aaaaaaaa") }).unwrap();
        let (snapshot, time) = (list[1].id.clone(), list[1].time.clone());
        assert_eq!(before, Chosen::GoodBeforeNewest { snapshot, time });
    }

    #[test]
    fn copies_in_a_second_repository_are_known_and_one_may_be_named() {
        let list = [snapshot('d', 1, Some('a')), snapshot('e', 2, Some('b'))];
        assert_eq!(chosen(&list, Which::Newest { good: Some("aaaaaaaa") }), ('d', "good-before-newest"));
        assert_eq!(chosen(&list, Which::Newest { good: Some("bbbbbbbb") }), ('e', "good"));
        assert_eq!(chosen(&list, Which::Named("ddd")), ('d', "named"));
        assert_eq!(choose(list.to_vec(), Which::Named("fff")), None);
        assert_eq!(choose(Vec::new(), Which::Newest { good: None }), None);
    }
}
