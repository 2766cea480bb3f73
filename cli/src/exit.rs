//! The exit codes that schedulers act on, documented in `docs/OPERATIONS.md`, and which error ends with which.
//! How an error reads on the terminal is in `complaint`.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use coffre_core::keyset::KeyFileError;
use coffre_policies::{CheckError, LoadError};
use coffre_store::{InitError, OpenError, RootError};

use crate::complaint::Complaint;
use crate::configuration::ConfigurationError;

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
    /// The operation may succeed later without a change: a full disk, a lost destination.
    Temporary,
}

impl Exit {
    /// Every way to end, in the order of their codes.
    #[cfg(test)]
    const ALL: [Self; 11] = [
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
        Self::Temporary,
    ];

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
            Self::Temporary => 75,
        }
    }
}

impl Exit {
    /// How a run ends that an error ended: by the first link of its chain that has a code.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_link).unwrap_or(Self::Failure)
    }

    fn of_link(link: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(complaint) = link.downcast_ref::<Complaint>() {
            return Some(complaint.exit());
        }
        if let Some(error) = link.downcast_ref::<InitError>() {
            return Self::of_init(error);
        }
        if let Some(error) = link.downcast_ref::<OpenError>() {
            return Self::of_open(error);
        }
        if let Some(error) = link.downcast_ref::<io::Error>() {
            return Self::of_io(error);
        }
        let is_usage = link.is::<ConfigurationError>() || link.is::<LoadError>() || link.is::<CheckError>();
        is_usage.then_some(Self::Usage)
    }

    const fn of_init(error: &InitError) -> Option<Self> {
        match error {
            InitError::NotEmpty { .. }
            | InitError::Permissions { .. }
            | InitError::IdentityInside { .. }
            | InitError::IdentityExists { .. }
            | InitError::Recipient(_) => Some(Self::Usage),
            // Transparent errors are not links of their own: they are looked into here.
            InitError::Root(root) => Self::of_root(root),
            InitError::Open(open) => Self::of_open(open),
            InitError::Io { .. } => None,
        }
    }

    const fn of_open(error: &OpenError) -> Option<Self> {
        match error {
            OpenError::Locked => Some(Self::Busy),
            OpenError::NoVault { .. } | OpenError::Permissions { .. } => Some(Self::Usage),
            OpenError::Root(root) => Self::of_root(root),
            OpenError::Database { .. } | OpenError::Damaged { .. } => Some(Self::Tampering),
            OpenError::Newer { .. } => Some(Self::Failure),
            OpenError::Io(_) => None,
        }
    }

    const fn of_root(error: &RootError) -> Option<Self> {
        match error {
            RootError::WrongIdentity { .. } | RootError::Keys(KeyFileError::OtherVault { .. }) => Some(Self::WrongKey),
            RootError::Keys(KeyFileError::DoesNotOpen(_) | KeyFileError::Damaged { .. }) => Some(Self::Tampering),
            RootError::Keys(KeyFileError::Seal(_)) | RootError::Recipient(_) => Some(Self::Failure),
            RootError::Read { .. } | RootError::Write { .. } => None,
        }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, TimedOut};
        matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | TimedOut).then_some(Self::Temporary)
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
    fn a_full_disk_is_temporary_however_deep_it_is_found() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::from(InitError::Io { path: "vault".into(), source: full }).context("not made");
        assert_eq!(Exit::of(&error), Exit::Temporary);
    }

    #[test]
    fn an_open_vault_is_busy() {
        assert_eq!(Exit::of(&InitError::Open(OpenError::Locked).into()), Exit::Busy);
    }

    #[test]
    fn operations_documents_every_code_and_no_other() {
        let documented: Vec<u8> = include_str!("../../docs/OPERATIONS.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`')?.0.parse().ok())
            .collect();
        assert_eq!(documented, Exit::ALL.map(Exit::code));
    }
}
