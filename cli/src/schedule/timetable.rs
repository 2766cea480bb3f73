//! When a job is due: cron expressions in a time zone, held against what is remembered of the job. Pure: the time is
//! passed in.

use coffre_backup::jobs::Memory;
use coffre_backup::objective;
use coffre_core::time::Timestamp;
use croner::Cron;
use jiff::Zoned;
use jiff::tz::TimeZone;

use super::jobs::Job;

/// How long after a run that met a passing obstacle (13, 75) it is tried again.
const RETRY_SECONDS: i64 = 300;

/// A job and its times.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) job: &'static Job,
    cron: Cron,
    zone: TimeZone,
}

/// What is to be done about a job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is to be started.
    Now,
    /// The same, since it met a passing obstacle: it is tried again before its next time, a few times.
    Again,
    /// Nothing.
    NotYet,
    /// It is new, or the clock was set back: the table counts from now on.
    CountFromNow,
}

impl Row {
    pub(crate) const fn new(job: &'static Job, cron: Cron, zone: TimeZone) -> Self {
        Self { job, cron, zone }
    }

    /// Whether it is due. What was missed while the machine was down is made up for once, however often it was missed;
    /// a clock that leaps forward is no different. After one that was set back the table counts from now on, or the job
    /// would wait until the old time comes again.
    pub(crate) fn due(&self, memory: &Memory, now: Timestamp) -> Due {
        let Some(considered) = memory.considered else { return Due::CountFromNow };
        if considered > now {
            return Due::CountFromNow;
        }
        match self.next_after(considered) {
            Some(next) if next <= now => Due::Now,
            _ if is_to_be_repeated(memory, now) => Due::Again,
            _ => Due::NotYet,
        }
    }

    /// The first time after a moment; none if there is none, as for the 30th of February.
    pub(crate) fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = jiff::Timestamp::from_microsecond(moment.as_micros()).ok()?.to_zoned(self.zone.clone());
        let next: Zoned = self.cron.find_next_occurrence(&from, false).ok()?;
        Some(Timestamp::from_micros(next.timestamp().as_microsecond()))
    }

    /// Whether two times in the table have passed since it last went well, or since it was first seen: once may be a
    /// disk that was full for an hour, twice is a job that does not run. One that went well in the future is late: a
    /// clock was wrong, and until that time came nothing would be missed.
    pub(crate) fn is_late(&self, memory: &Memory, now: Timestamp) -> bool {
        let last = memory.last_success.or(memory.since()).unwrap_or(now);
        if objective::is_in_future(objective::age(last, now)) {
            return true;
        }
        let second = self.next_after(last).and_then(|first| self.next_after(first));
        second.is_some_and(|second| second.plus_seconds(RETRY_SECONDS) < now)
    }
}

fn is_to_be_repeated(memory: &Memory, now: Timestamp) -> bool {
    let passing = matches!(memory.code, Some(13 | 75)) && !memory.is_open();
    passing && memory.ended.is_some_and(|ended| ended.plus_seconds(RETRY_SECONDS) <= now)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn row(cron: &str, zone: &str) -> Row {
        Row::new(Job::named("run").unwrap(), cron.parse().unwrap(), TimeZone::get(zone).unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ran(text: &str) -> Memory {
        let time = Some(at(text));
        Memory {
            first_seen: time,
            considered: time,
            started: time,
            ended: time,
            code: Some(0),
            told: None,
            failed: None,
            last_success: time,
            failures: 0,
        }
    }

    #[test]
    fn a_job_is_due_at_its_time_in_its_zone_and_once() {
        let row = row("0 7 * * *", "Europe/Paris");
        let memory = ran("2026-11-24T06:00:10Z");
        assert_eq!(row.due(&memory, at("2026-11-25T05:59:59Z")), Due::NotYet);
        assert_eq!(row.due(&memory, at("2026-11-25T06:00:00Z")), Due::Now);
        assert_eq!(row.due(&ran("2026-11-25T06:00:00Z"), at("2026-11-25T06:00:01Z")), Due::NotYet);
        // In summer seven o'clock is an hour earlier in UTC.
        assert_eq!(row.next_after(at("2026-07-01T00:00:00Z")), Some(at("2026-07-01T05:00:00Z")));
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let row = row("5 * * * *", "UTC");
        let memory = ran("2026-11-20T10:05:00Z");
        assert_eq!(row.due(&memory, at("2026-11-25T06:00:00Z")), Due::Now);
        let made_up = ran("2026-11-25T06:00:00Z");
        assert_eq!(row.due(&made_up, at("2026-11-25T06:04:59Z")), Due::NotYet);
        assert_eq!(row.due(&made_up, at("2026-11-25T06:05:00Z")), Due::Now);
    }

    #[test]
    fn a_new_job_and_a_clock_that_was_set_back_count_from_now_on() {
        let row = row("5 * * * *", "UTC");
        assert_eq!(row.due(&Memory::default(), at("2026-11-25T06:05:00Z")), Due::CountFromNow);
        assert_eq!(row.due(&ran("2026-11-25T09:00:00Z"), at("2026-11-25T06:05:00Z")), Due::CountFromNow);
    }

    #[test]
    fn summer_time_neither_skips_nor_repeats_a_night() {
        let row = row("30 2 * * *", "Europe/Paris");
        let mut moment = at("2026-03-27T12:00:00Z");
        let end = at("2026-03-31T12:00:00Z");
        let mut nights = 0;
        while let Some(next) = row.next_after(moment).filter(|next| *next < end) {
            assert!(next > moment);
            (moment, nights) = (next, nights + 1);
        }
        assert_eq!(nights, 4, "the night that has no half past two too");
        let (mut moment, end, mut nights) = (at("2026-10-23T12:00:00Z"), at("2026-10-27T12:00:00Z"), 0);
        while let Some(next) = row.next_after(moment).filter(|next| *next < end) {
            (moment, nights) = (next, nights + 1);
        }
        assert_eq!(nights, 4, "the night that has two of them once");
    }

    #[test]
    fn a_passing_obstacle_is_tried_again() {
        let row = row("0 3 * * *", "UTC");
        // However often it failed in the nights before.
        let failed = |code| Memory { code: Some(code), failures: 9, ..ran("2026-11-25T03:00:00Z") };
        let later = at("2026-11-25T03:05:00Z");
        assert_eq!(row.due(&failed(75), at("2026-11-25T03:04:59Z")), Due::NotYet);
        assert_eq!(row.due(&failed(13), later), Due::Again);
        assert_eq!(row.due(&failed(12), later), Due::NotYet, "tampering does not pass");
        assert_eq!(row.due(&failed(75), at("2026-11-26T03:00:00Z")), Due::Now, "it is its time");
    }

    #[test]
    fn a_job_is_late_when_two_of_its_times_passed_without_success() {
        let row = row("0 3 * * *", "UTC");
        let seen = |text: &str| Memory { first_seen: Some(at(text)), ..Memory::default() };
        assert!(!row.is_late(&ran("2026-11-24T03:00:10Z"), at("2026-11-25T23:00:00Z")));
        assert!(row.is_late(&ran("2026-11-23T03:00:10Z"), at("2026-11-25T03:05:01Z")));
        assert!(row.is_late(&seen("2026-11-01T00:00:00Z"), at("2026-11-25T03:00:00Z")), "it never ran");
        assert!(!row.is_late(&seen("2026-11-25T00:00:00Z"), at("2026-11-25T03:00:00Z")));
        assert!(!row.is_late(&Memory::default(), at("2026-11-25T03:00:00Z")), "it is new");
    }

    #[test]
    fn a_job_that_begins_each_time_and_never_ends_is_late() {
        let row = row("0 3 * * *", "UTC");
        let mut memory = Memory::default();
        for day in 20..=25 {
            memory.consider(at(&format!("2026-11-{day}T03:00:00Z")));
            memory.started = memory.considered;
        }
        assert!(row.is_late(&memory, at("2026-11-25T03:10:00Z")));
    }

    #[test]
    fn a_success_in_the_future_is_none() {
        let row = row("0 3 * * *", "UTC");
        assert!(!row.is_late(&ran("2026-11-25T03:04:00Z"), at("2026-11-25T03:00:00Z")), "clocks differ a little");
        assert!(row.is_late(&ran("2027-11-25T03:00:00Z"), at("2026-11-25T03:00:00Z")));
    }
}
