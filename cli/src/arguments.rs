//! The argument tree. What a verb takes stands beside the verb, in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use coffre_core::ids::Environment;

use crate::commands::{
    application, approve, audit, backup, doctor, drill, export, import, init, key, officer, policy, restore, retention,
    seal, serve,
};
use crate::demo;

/// An encrypted vault for an insurer's sensitive records, and the backups that keep them from being lost.
#[derive(Debug, Parser)]
#[command(name = "coffre", version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes and configuration are described in docs/OPERATIONS.md.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Default, Args)]
pub(crate) struct Global {
    /// The configuration file; otherwise the one in /etc/coffre, or the vault's own coffre.toml
    #[arg(long, global = true, value_name = "FILE", env = "COFFRE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The environment that is meant, before the verb; needed where /etc/coffre declares several
    #[arg(long, value_name = "NAME", env = "COFFRE_ENVIRONMENT")]
    pub(crate) environment: Option<Environment>,
}

impl Arguments {
    /// The job that this command line is (`schedule::JOBS`); none for what only looks.
    pub(crate) fn job(&self) -> Option<&'static str> {
        match &self.verb {
            Verb::Backup(verb) => verb.job(),
            Verb::Drill(verb) => verb.job(),
            _ => None,
        }
    }

    /// Whether it leaves files where jobs are remembered.
    pub(crate) fn leaves_files(&self) -> bool {
        match &self.verb {
            Verb::Backup(verb) => verb.leaves_files(),
            _ => self.job().is_some(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a new vault, and the keys that open it and its backups
    Init(init::Arguments),
    /// Tell what is wrong with a vault, its configuration and the tools it needs, each with its remedy
    Doctor(doctor::Arguments),
    /// Open a vault and serve it until told to stop
    Serve(serve::Arguments),
    /// Wipe the keys of a running vault from its memory at once; it is opened again by starting it again
    Seal(seal::Arguments),
    /// Import a legacy database: what is new, what changed, what cannot be brought; or load test data
    Import(Box<import::Arguments>),
    /// Make test data about nobody from the records of a vault, as two operators have agreed to
    Export(export::Arguments),
    /// Add, list or revoke the applications that may call the API
    Application(application::Arguments),
    /// Make an officer's key, enrol the first officers of a vault, or list them
    Officer(officer::Arguments),
    /// Have officers sign policies, an application or other officers, and hand in what two of them have signed
    Approve(approve::Arguments),
    /// Split the recovery identity among holders, print the recovery kit, or replace keys
    Key(key::Arguments),
    /// Check, test and compare the policies, or explain what they decide
    Policy(policy::Arguments),
    /// Verify, export, prove or report on the audit log
    Audit(audit::Arguments),
    /// Back up, and verify backups, without any key
    Backup(backup::Arguments),
    /// Show what the retention rules say is past its time, and apply them
    Retention(retention::Arguments),
    /// Restore a vault from a backup, with the recovery identity or a quorum of its shares
    Restore(Box<restore::Arguments>),
    /// Prove a backup: have the vault restore it from where it is kept, open it and check it
    Drill(drill::Arguments),
    /// Tell the whole story with fictitious data: import, accesses, backup, loss, restore
    Demo(demo::Arguments),
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn project() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn units() -> impl Iterator<Item = String> {
        let units = fs::read_dir(project().join("deploy/systemd")).unwrap();
        units.map(|unit| fs::read_to_string(unit.unwrap().path()).unwrap())
    }

    /// What the units start.
    fn of_units() -> Vec<String> {
        let of = |text: String| {
            let started = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
            started.map(|line| line.trim_start_matches('-').replace("%i", "production")).collect::<Vec<_>>()
        };
        units().flat_map(of).collect()
    }

    /// What schedulers are told to start: the cards of OpCon, the lines of cron.
    fn of_schedulers() -> Vec<String> {
        let operations = fs::read_to_string(project().join("docs/OPERATIONS.md")).unwrap();
        let cards = operations.split('`').filter(|code| code.starts_with("coffre --environment "));
        let cron =
            operations.lines().filter_map(|line| line.split_once(" >/dev/null || logger")?.0.rsplit_once("  coffre "));
        cards.map(str::to_owned).chain(cron.map(|(_, verb)| format!("coffre {verb}"))).collect()
    }

    #[test]
    fn what_units_and_schedulers_start_are_command_lines() {
        let (units, schedulers) = (of_units(), of_schedulers());
        assert!(units.len() >= 8 && schedulers.len() >= 16, "{units:?} {schedulers:?}");
        for line in units.iter().chain(&schedulers) {
            let parsed = Arguments::try_parse_from(line.split_whitespace());
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
        }
    }

    #[test]
    fn no_unit_that_ends_takes_recovery_shares_from_memory() {
        for unit in units() {
            assert!(!unit.lines().any(|line| line.starts_with("RemoveIPC=")), "it empties /dev/shm: {unit}");
        }
    }

    #[test]
    fn a_measurement_that_fails_keeps_no_report_from_being_sent() {
        let unit = fs::read_to_string(project().join("deploy/systemd/coffre-report@.service")).unwrap();
        assert!(unit.contains("\nExecStart=-/usr/bin/coffre backup measure "), "the next line runs all the same");
    }
}
