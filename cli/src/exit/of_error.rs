//! Which error ends with which exit code: the first link of its chain that has one decides.
//!
//! A library's transparent variant is no link of its own, so the tables look into it.

use std::error::Error;
use std::io;

use coffre_core::tlog::{HeadError, LogFault, TlogProofError};
use coffre_policies::{CheckError, LoadError};
use coffre_store::{DrillError, IdentityError, InitError, LogTreeError, OpenError, RestoreError, RootError};

use super::{Exit, of_backup, of_log, of_restore, of_server, of_share, of_store};
use crate::complaint::Complaint;
use crate::configuration::ConfigurationError;

impl Exit {
    /// How a run ends that an error ended.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        // A complaint that was put over an error as its context is no link, and anyhow finds it.
        let complaint = error.downcast_ref().map(Complaint::exit);
        complaint.or_else(|| error.chain().find_map(of_link)).unwrap_or(Self::Failure)
    }
}

fn of_link(link: &(dyn Error + 'static)) -> Option<Exit> {
    None.or_else(|| link.downcast_ref().map(Complaint::exit))
        .or_else(|| link.is::<ConfigurationError>().then_some(Exit::Usage))
        .or_else(|| link.is::<LoadError>().then_some(Exit::Usage))
        .or_else(|| link.is::<CheckError>().then_some(Exit::Usage))
        .or_else(|| link.downcast_ref::<InitError>().and_then(of_store::init))
        .or_else(|| link.downcast_ref::<OpenError>().and_then(of_store::open))
        .or_else(|| link.downcast_ref::<RootError>().and_then(of_store::root))
        .or_else(|| link.is::<IdentityError>().then_some(Exit::Usage))
        .or_else(|| link.downcast_ref().map(of_server::serve))
        .or_else(|| link.downcast_ref().map(of_server::asked))
        .or_else(|| link.downcast_ref::<RestoreError>().and_then(of_restore::finish))
        .or_else(|| link.downcast_ref::<DrillError>().and_then(of_restore::drill))
        .or_else(|| link.downcast_ref::<LogFault>().and_then(of_log::fault))
        .or_else(|| link.downcast_ref::<HeadError>().map(of_log::head))
        .or_else(|| link.downcast_ref::<TlogProofError>().map(of_log::proof))
        .or_else(|| link.downcast_ref::<LogTreeError>().and_then(of_log::tree))
        .or_else(|| link.downcast_ref().map(of_server::told))
        .or_else(|| of_share::any(link))
        .or_else(|| of_backup::any(link))
        .or_else(|| link.downcast_ref::<io::Error>().and_then(of_io))
}

/// What may be gone by itself later.
fn of_io(error: &io::Error) -> Option<Exit> {
    use io::ErrorKind::{QuotaExceeded, StorageFull, TimedOut};
    matches!(error.kind(), StorageFull | QuotaExceeded | TimedOut).then_some(Exit::Temporary)
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
    fn a_complaint_over_an_error_decides() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::from(full).context(Complaint::usage("not read", "check the path"));
        assert_eq!(Exit::of(&error), Exit::Usage);
    }

    #[test]
    fn what_nobody_thought_of_is_a_failure() {
        assert_eq!(Exit::of(&anyhow::anyhow!("a surprise")), Exit::Failure);
    }
}
