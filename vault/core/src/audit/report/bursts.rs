//! Refusals that come in bursts: somebody tries what is not open to them, again and again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::time::Timestamp;

/// A pause of more than this ends a burst.
const PAUSE_SECONDS: i64 = 600;
/// Fewer than this are none.
const LEAST: u64 = 10;
/// So many are told, the largest first.
const TOLD: usize = 50;

/// Many refusals in a short time, of one operator of one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// The application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The first refusal.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
    /// How many persons' records were asked for, those that do not exist included.
    pub subjects: u64,
    /// Why they were refused.
    pub causes: BTreeSet<String>,
}

/// Bursts that go on, and those that have ended. Grows with the number of operators only.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    open: BTreeMap<(Option<String>, Option<String>), Open>,
    /// The largest so far.
    ended: Vec<Burst>,
    more: u64,
}

#[derive(Debug)]
struct Open {
    burst: Burst,
    subjects: BTreeSet<[u8; 16]>,
}

impl Bursts {
    /// Takes the next refusal, which is not older than those before it.
    pub(super) fn add(&mut self, entry: &Entry, count: u64) {
        let what = &entry.what;
        let key = (what.application_name.clone(), what.operator.clone());
        let goes_on = |open: &Open| entry.time <= open.burst.last.plus_seconds(PAUSE_SECONDS);
        if self.open.get(&key).is_some_and(|open| !goes_on(open))
            && let Some(open) = self.open.remove(&key)
        {
            self.end(open);
        }
        let open = self.open.entry(key).or_insert_with_key(|(application, operator)| Open {
            burst: Burst {
                application: application.clone(),
                operator: operator.clone(),
                first: entry.time,
                last: entry.time,
                count: 0,
                subjects: 0,
                causes: BTreeSet::new(),
            },
            subjects: BTreeSet::new(),
        });
        open.burst.last = entry.time;
        open.burst.count += count;
        open.burst.causes.extend(what.cause.clone());
        open.subjects.extend(what.subjects.iter().map(|subject| *subject.as_bytes()));
    }

    fn end(&mut self, Open { mut burst, subjects }: Open) {
        if burst.count < LEAST {
            return;
        }
        burst.subjects = subjects.len() as u64;
        self.ended.push(burst);
        if self.ended.len() > TOLD {
            self.sort();
            self.ended.truncate(TOLD);
            self.more += 1;
        }
    }

    fn sort(&mut self) {
        self.ended.sort_by(|a, b| b.count.cmp(&a.count).then(a.first.cmp(&b.first)));
    }

    /// The largest ones, and how many there are besides.
    pub(super) fn finish(mut self) -> (Vec<Burst>, u64) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.end(open);
        }
        self.sort();
        (self.ended, self.more)
    }
}
