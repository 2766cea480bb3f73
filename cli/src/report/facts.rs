//! What a report on backups is made of, and what is wrong in it. Pure: everything was looked up before.

use coffre_backup::maintenance::Work;
use coffre_backup::measure::Measurement;
use coffre_backup::objective;
use coffre_core::drill::DrillResult;
use coffre_core::ids::{Environment, VaultId};
use coffre_core::time::Timestamp;
use serde::Serialize;

use crate::schedule::About;

/// How backups stand at a moment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    pub(crate) environment: Environment,
    /// None on a host that backs up other systems only.
    pub(crate) vault: Option<VaultId>,
    pub(crate) at: Timestamp,
    /// How old the newest copy may be.
    pub(crate) objective_seconds: i64,
    /// Each destination and the repository.
    pub(crate) copies: Vec<Copy>,
    /// Each other system on this host.
    pub(crate) sources: Vec<SourceFact>,
    /// Each repository that work is done on from here.
    pub(crate) repositories: Vec<RepositoryFact>,
    pub(crate) drills: Drills,
    /// Jobs that are in the timetable, or were ever run.
    pub(crate) jobs: Vec<JobFact>,
    /// The last 90 days.
    pub(crate) measurements: Vec<Measurement>,
}

/// One place that holds copies.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Copy {
    pub(crate) name: String,
    /// The newest moment on it.
    pub(crate) captured: Option<Timestamp>,
    pub(crate) age_seconds: Option<i64>,
    pub(crate) within: bool,
    /// What was found wrong on it, or why the last run failed.
    pub(crate) trouble: Option<String>,
}

/// How another system stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceFact {
    pub(crate) name: String,
    /// When its last good backup was begun.
    pub(crate) last_good: Option<Timestamp>,
    pub(crate) age_seconds: Option<i64>,
    /// Whether that is within its own objective.
    pub(crate) within: bool,
    /// Why the last backup of it failed, if it did.
    pub(crate) trouble: Option<String>,
}

/// How the work on a repository stands, as it is remembered here.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RepositoryFact {
    pub(crate) name: String,
    /// The kinds of work that were not done for too long.
    pub(crate) late: Vec<Work>,
    /// Parts of it that were read, and not within the period.
    pub(crate) overdue: usize,
    /// Why the last work on it failed, if it did, as by a lock that was left over.
    pub(crate) trouble: Option<String>,
}

impl RepositoryFact {
    pub(crate) fn is_well(&self) -> bool {
        self.late.is_empty() && self.overdue == 0 && self.trouble.is_none()
    }
}

/// What is known of drills.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Drills {
    /// There is no vault here that would hold one.
    #[serde(rename = "none")]
    None,
    /// The vault's process told.
    #[serde(rename = "known")]
    Known {
        /// Oldest first.
        drills: Vec<DrillResult>,
        overdue: bool,
    },
    /// It could not be asked.
    #[serde(rename = "unknown")]
    Unknown {
        /// Why.
        cause: String,
    },
}

/// How a job stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobFact {
    pub(crate) name: &'static str,
    #[serde(skip)]
    pub(crate) about: About,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) code: Option<u8>,
    pub(crate) failures: u64,
    /// The exit code of its last failure since then. That another run was at it is none.
    pub(crate) failed: Option<u8>,
    /// Its last run did not come to its end.
    pub(crate) cut_off: bool,
    /// Two of its times have passed without a success.
    pub(crate) late: bool,
    /// Its last success is in the future: a clock was wrong.
    pub(crate) in_future: bool,
    pub(crate) next: Option<Timestamp>,
}

/// Something that somebody must look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Problem {
    /// There is no place that holds copies.
    NoCopies,
    /// A place holds nothing recent enough, or something is wrong on it.
    Copy(String),
    /// Another system has no good backup that is recent enough.
    Source(String),
    /// A repository is not looked after: something on it is late, or failed.
    Repository(String),
    /// The last drill failed.
    DrillFailed(String),
    /// No drill has passed for too long.
    DrillOverdue,
    /// The vault's process could not be asked.
    VaultSilent(String),
    /// A job failed.
    JobFailed(&'static str),
    /// A job did not run.
    JobLate(&'static str),
}

impl Facts {
    /// The newest moment that some place holds, late or not. Of a place that something was found wrong on none is known, and
    /// one in the future proves nothing.
    pub(crate) fn restorable(&self) -> Option<Timestamp> {
        let is_past = |copy: &&Copy| !copy.age_seconds.is_some_and(objective::is_in_future);
        self.copies.iter().filter(is_past).filter_map(|copy| copy.captured).max()
    }

    /// Everything that is wrong, the most urgent first. Nothing means: all is well.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.vault.is_some() && self.copies.is_empty() {
            problems.push(Problem::NoCopies);
        }
        problems.extend(self.copies.iter().filter(|copy| !copy.within).map(|copy| Problem::Copy(copy.name.clone())));
        let late = self.sources.iter().filter(|source| !source.within);
        problems.extend(late.map(|source| Problem::Source(source.name.clone())));
        let neglected = self.repositories.iter().filter(|repository| !repository.is_well());
        problems.extend(neglected.map(|repository| Problem::Repository(repository.name.clone())));
        match &self.drills {
            Drills::None => {}
            Drills::Unknown { cause } => problems.push(Problem::VaultSilent(cause.clone())),
            Drills::Known { drills, overdue } => {
                let failure = drills.last().and_then(|drill| Some((drill, drill.failure.as_ref()?)));
                let told = |(drill, failure): (&DrillResult, &coffre_core::drill::DrillFailure)| {
                    Problem::DrillFailed(format!("{}: {}", drill.destination, failure.cause))
                };
                problems.extend(failure.map(told));
                problems.extend(overdue.then_some(Problem::DrillOverdue));
            }
        }
        problems.extend(self.jobs.iter().filter(|job| job.late).map(|job| Problem::JobLate(job.name)));
        let failed = self.jobs.iter().filter(|job| !job.late && job.failed.is_some());
        problems.extend(failed.map(|job| Problem::JobFailed(job.name)));
        problems
    }

    /// Jobs about making and proving copies, or those about retention.
    pub(crate) fn jobs_about(&self, retention: bool) -> impl Iterator<Item = &JobFact> {
        self.jobs.iter().filter(move |job| (job.about == About::Retention) == retention)
    }
}
