//! What a restore is about to do, told before it does it: which moment exactly, how much is fetched, and how long
//! that takes.

use coffre_backup::restore::Plan;
use coffre_core::time::Timestamp;
use serde::Serialize;

use crate::figures;

/// A restore that was planned.
#[derive(Debug, Serialize)]
pub(super) struct Preview {
    /// The moment of the records, and the next that was captured: what was committed in between is not in it.
    records: Timestamp,
    next: Option<Timestamp>,
    /// The moment of everything else.
    newest: Timestamp,
    /// The moments that can be chosen.
    oldest_possible: Timestamp,
    newest_possible: Timestamp,
    from_generation: String,
    from_number: u64,
    files: u64,
    bytes: u64,
    /// Why the newest part of the log is not there.
    lost_log: Option<String>,
}

impl Preview {
    pub(super) fn of(plan: &Plan) -> Self {
        let heading = &plan.point.main.manifest.heading;
        let newest = (heading.generation, heading.number.get());
        let (generation, number) = plan.rewound.as_ref().map_or(newest, |rewound| rewound.base);
        Self {
            records: plan.captured,
            next: plan.next,
            newest: plan.newest,
            oldest_possible: plan.window.0,
            newest_possible: plan.window.1,
            from_generation: generation.to_string(),
            from_number: number,
            files: plan.files(),
            bytes: plan.bytes(),
            lost_log: plan.lost.clone(),
        }
    }

    pub(super) fn lines(&self) -> String {
        let next = match self.next {
            Some(next) => format!("; the next that was captured is {next}"),
            None => "; nothing was captured after it".to_owned(),
        };
        let rest = if self.newest > self.records {
            format!(
                "the rest     as of {}: log, withdrawals, restrictions, holds, revocations, erasures, documents\n",
                self.newest
            )
        } else {
            String::new()
        };
        let lost = match &self.lost_log {
            Some(why) => format!("lost         the log after {}, knowingly: {why}\n", self.newest),
            None => String::new(),
        };
        format!(
            "records      as of {}{next}\n\
             {rest}{lost}possible     {} to {}\n\
             to fetch     {} files, {}: {} at 100 MB/s, {} at 10 MB/s",
            self.records,
            figures::moment(self.oldest_possible),
            figures::moment(self.newest_possible),
            self.files,
            figures::bytes(self.bytes),
            figures::age(seconds(self.bytes, 100)),
            figures::age(seconds(self.bytes, 10)),
        )
    }
}

/// How long so many bytes take, in seconds, at so many megabytes a second.
fn seconds(bytes: u64, rate: u64) -> i64 {
    i64::try_from(bytes.div_ceil(rate * 1_000_000)).unwrap_or(i64::MAX)
}
