//! The exit codes that schedulers act on, documented in `docs/OPERATIONS.md`. Which error ends with which is in
//! `of_error`; how an error reads on the terminal is in `complaint`.

mod of_backup;
mod of_error;
mod of_log;
mod of_restore;
mod of_server;
mod of_share;
mod of_store;

use std::process::ExitCode;

use coffre_backup::Ending;

/// How a run of `coffre` ended. The numbers are stable: OpCon, cron and systemd units depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, nothing to report.
    Success,
    /// Failed for a reason without a code of its own.
    Failure,
    /// The arguments or the configuration are wrong; nothing was started.
    Usage,
    /// The import ended with rows rejected.
    Rejects,
    /// The last good backup is older than its objective.
    ObjectiveMissed,
    /// Something was changed that must not change: a log entry, a manifest, a chain, a stored page.
    Tampering,
    /// The vault or the repository is in use by another run.
    Busy,
    /// A tool that the verb needs is missing or not usable.
    ToolMissing,
    /// The key, the identity or the environment is another one's.
    WrongKey,
    /// A doctor's examination found something to mend.
    Unhealthy,
    /// Two policy folders do not decide or declare alike.
    Differs,
    /// Officers have not approved it: the policies that the vault was to go by, or what was handed in.
    NotApproved,
    /// The operation may succeed later without a change: a full disk, a lost destination.
    Temporary,
}

impl Exit {
    /// Every way to end, in the order of their codes.
    const ALL: [Self; 13] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::Rejects,
        Self::ObjectiveMissed,
        Self::Tampering,
        Self::Busy,
        Self::ToolMissing,
        Self::WrongKey,
        Self::Unhealthy,
        Self::Differs,
        Self::NotApproved,
        Self::Temporary,
    ];

    /// The ending with this number; a failure where there is none.
    pub(crate) fn of_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failure)
    }

    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Rejects => 10,
            Self::ObjectiveMissed => 11,
            Self::Tampering => 12,
            Self::Busy => 13,
            Self::ToolMissing => 14,
            Self::WrongKey => 15,
            Self::Unhealthy => 16,
            Self::Differs => 17,
            Self::NotApproved => 18,
            Self::Temporary => 75,
        }
    }
}

impl Exit {
    /// The more urgent of two ends of work on backups, in the order of [`Ending`].
    pub(crate) fn worse(self, other: Self) -> Self {
        if other.ending() > self.ending() { other } else { self }
    }

    /// What it is in that order; whatever has no place of its own there is a failure.
    const fn ending(self) -> Ending {
        match self {
            Self::Success => Ending::Success,
            Self::Busy => Ending::Busy,
            Self::Temporary => Ending::Temporary,
            Self::ObjectiveMissed => Ending::ObjectiveMissed,
            Self::Usage => Ending::Usage,
            Self::ToolMissing => Ending::ToolMissing,
            Self::WrongKey => Ending::WrongKey,
            Self::Tampering => Ending::Tampering,
            Self::Failure | Self::Rejects | Self::Unhealthy | Self::Differs | Self::NotApproved => Ending::Failure,
        }
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Success => Self::Success,
            Ending::Busy => Self::Busy,
            Ending::Temporary => Self::Temporary,
            Ending::ObjectiveMissed => Self::ObjectiveMissed,
            Ending::Failure => Self::Failure,
            Ending::Usage => Self::Usage,
            Ending::ToolMissing => Self::ToolMissing,
            Ending::WrongKey => Self::WrongKey,
            Ending::Tampering => Self::Tampering,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_of_a_backup_keeps_its_number() {
        for ending in [
            Ending::Success,
            Ending::Busy,
            Ending::Temporary,
            Ending::ObjectiveMissed,
            Ending::Failure,
            Ending::Usage,
            Ending::ToolMissing,
            Ending::WrongKey,
            Ending::Tampering,
        ] {
            assert_eq!(Exit::from(ending).code(), ending.code());
        }
    }

    #[test]
    fn the_more_urgent_of_two_ends_decides_whichever_comes_first() {
        for (one, other, worse) in [
            (Exit::Success, Exit::Busy, Exit::Busy),
            (Exit::Failure, Exit::Temporary, Exit::Failure),
            (Exit::Usage, Exit::Tampering, Exit::Tampering),
        ] {
            assert_eq!((one.worse(other), other.worse(one)), (worse, worse));
        }
    }

    #[test]
    fn operations_documents_every_code_and_no_other() {
        let documented: Vec<u8> = include_str!("../../../docs/OPERATIONS.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`')?.0.parse().ok())
            .collect();
        assert_eq!(documented, Exit::ALL.map(Exit::code));
    }
}
