//! The jobs that a schedule knows, one line each: a name and the command line that it stands for. Whoever adds a verb
//! that is to run by itself adds its line here, and nothing else.

use clap::Parser as _;

use crate::arguments::{Arguments, Global};

/// What a job is about: retention is told apart in reports, because backups can be green while pruning fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Making copies.
    Backup,
    /// Proving them.
    Proof,
    /// Removing what is too old.
    Retention,
    /// Telling people.
    Telling,
}

/// A job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its name in `[schedule.jobs]`, in reports and in what is remembered.
    pub(crate) name: &'static str,
    /// The words after `coffre`.
    command: &'static [&'static str],
    pub(crate) about: About,
}

const fn job(name: &'static str, command: &'static [&'static str], about: About) -> Job {
    Job { name, command, about }
}

/// All of them.
pub(crate) static JOBS: [Job; 15] = [
    job("run", &["backup", "run"], About::Backup),
    job("base", &["backup", "run", "--base"], About::Backup),
    job("sources", &["backup", "source", "run", "--all"], About::Backup),
    job("copy", &["backup", "copy"], About::Backup),
    job("verify-quick", &["backup", "verify", "--quick"], About::Proof),
    job("verify", &["backup", "verify"], About::Proof),
    job("check", &["backup", "check"], About::Proof),
    job("drill", &["drill"], About::Proof),
    job("copies", &["backup", "copies"], About::Retention),
    job("expire-keyring", &["backup", "expire-keyring"], About::Retention),
    job("forget", &["backup", "forget"], About::Retention),
    job("prune", &["backup", "prune"], About::Retention),
    job("measure", &["backup", "measure"], About::Telling),
    job("heartbeat", &["backup", "heartbeat"], About::Telling),
    job(Job::REPORT, &["backup", "report", "--send"], About::Telling),
];

impl Job {
    /// The name of the job that tells people.
    pub(crate) const REPORT: &'static str = "report";

    /// The job of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        JOBS.iter().find(|job| job.name == name)
    }

    /// Its command line, as this configuration has it run; none where this build has no such verb.
    pub(crate) fn arguments(&self, global: &Global) -> Option<Arguments> {
        let words = std::iter::once("coffre").chain(self.command.iter().copied());
        let mut arguments = Arguments::try_parse_from(words).ok()?;
        arguments.global.config.clone_from(&global.config);
        Some(arguments)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_single_and_what_stands_in_the_table_is_known_by_it() {
        for job in &JOBS {
            assert_eq!(JOBS.iter().filter(|other| other.name == job.name).count(), 1, "{}", job.name);
            let arguments = job.arguments(&Global::default()).expect("a verb of this build");
            assert_eq!(arguments.job(), Some(job.name), "a job run by hand is remembered under its name");
        }
    }

    #[test]
    fn looking_or_working_on_a_part_is_not_the_job() {
        let job = |line: &str| {
            let words = std::iter::once("coffre").chain(line.split_whitespace());
            Arguments::try_parse_from(words).expect("a verb of this build").job()
        };
        for line in [
            "backup forget --dry-run",
            "backup forget second",
            "backup prune --dry-run",
            "backup prune second",
            "backup check second",
            "backup copy second",
            "backup source run sales",
            "backup verify building-b",
            "backup expire-keyring --dry-run",
        ] {
            assert_eq!(job(line), None, "{line}");
        }
        for (line, name) in [
            ("backup forget restic", "forget"),
            ("backup check --all", "check"),
            ("backup copy --init", "copy"),
            ("backup source run --all --init", "sources"),
        ] {
            assert_eq!(job(line), Some(name), "{line}");
        }
    }

    #[test]
    fn a_part_of_a_job_leaves_files_as_the_job_does_and_looking_leaves_none() {
        let leaves_files = |line: &str| {
            let words = std::iter::once("coffre").chain(line.split_whitespace());
            Arguments::try_parse_from(words).expect("a verb of this build").leaves_files()
        };
        for line in [
            "backup run",
            "backup forget --dry-run",
            "backup prune second",
            "backup check second",
            "backup copy second",
            "backup source run sales",
            "drill",
        ] {
            assert!(leaves_files(line), "{line}");
        }
        for line in ["backup verify building-b", "backup status", "backup repositories", "drill status"] {
            assert!(!leaves_files(line), "{line}");
        }
    }
}
