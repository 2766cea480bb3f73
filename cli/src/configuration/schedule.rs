//! The section `[schedule]`: which jobs run by themselves, and when.

use std::collections::BTreeMap;

use croner::Cron;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::arguments::Global;
use crate::schedule::{JOBS, Job, Row};

/// The section `[schedule]`. Every name, expression and the zone are known to be good.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(try_from = "Text")]
pub(crate) struct Schedule(Text);

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// By its name in the time-zone database; UTC unless named.
    time_zone: Option<String>,
    /// Cron expressions by the names of jobs.
    #[serde(default)]
    jobs: BTreeMap<String, String>,
}

impl TryFrom<Text> for Schedule {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        zone(&text)?;
        for (name, cron) in &text.jobs {
            let runnable = |job: &&Job| job.arguments(&Global::default()).is_some();
            if !Job::named(name).as_ref().is_some_and(runnable) {
                let known: Vec<&str> = JOBS.iter().filter(runnable).map(|job| job.name).collect();
                return Err(format!("there is no job {name:?}: use one of {}", known.join(", ")));
            }
            cron.parse::<Cron>().map_err(|error| {
                format!("{cron:?} for {name} is no cron expression ({error}): write minute, hour, day, month, weekday")
            })?;
        }
        Ok(Self(text))
    }
}

fn zone(text: &Text) -> Result<TimeZone, String> {
    let Some(name) = &text.time_zone else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|_| {
        format!("there is no time zone {name:?}: use a name such as \"Europe/Paris\", and install the system's tzdata")
    })
}

impl Schedule {
    /// The jobs and their times, in the order of the table of jobs.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let zone = zone(&self.0).unwrap_or(TimeZone::UTC);
        let row = |job: &'static Job| Some(Row::new(job, self.0.jobs.get(job.name)?.parse().ok()?, zone.clone()));
        JOBS.iter().filter_map(row).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Schedule, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn jobs_are_taken_in_the_order_of_the_table() {
        let schedule = parsed("time_zone = \"Europe/Paris\"\n[jobs]\ndrill = \"0 3 * * *\"\nrun = \"5 * * * *\"\n");
        let names: Vec<&str> = schedule.unwrap().rows().iter().map(|row| row.job.name).collect();
        assert_eq!(names, ["run", "drill"]);
        assert_eq!(parsed("").unwrap().rows().len(), 0);
    }

    #[test]
    fn what_is_no_job_no_time_and_no_zone_is_refused_with_what_would_be() {
        for (text, told) in [
            ("[jobs]\nrnu = \"5 * * * *\"", "there is no job \"rnu\": use one of run, base, "),
            ("[jobs]\nrun = \"5 * * *\"", "\"5 * * *\" for run is no cron expression ("),
            ("time_zone = \"Paris\"", "there is no time zone \"Paris\": use a name such as \"Europe/Paris\""),
        ] {
            let refused = parsed(text).unwrap_err();
            assert!(refused.starts_with(told), "{refused}");
        }
    }
}
