//! What is let into a group while the disk or the spool is full: only what takes something out of somebody's reach. It may
//! use the reserve of disk; everything else is refused until there is space. While the vault is being sealed: nothing that
//! an application asks for.

use std::sync::atomic::Ordering;

use super::Writer;
use super::job::{ReadJob, WriteJob};
use crate::disclosure::Depends;
use crate::error::Unavailable;

/// The jobs of a group.
type Jobs = (Vec<Box<dyn WriteJob>>, Vec<ReadJob>);

impl Writer {
    /// Refuses what may not be done now, and gives the rest.
    pub(super) fn admit(&self, jobs: Jobs) -> Jobs {
        let jobs = if self.shared.sealing.load(Ordering::SeqCst) {
            // Nobody is answered any more, and the keys are not to stay until a crowd was served.
            only(jobs, &Unavailable::Stopping, |depends, _| depends.application.is_none())
        } else {
            jobs
        };
        let protects = jobs.0.iter().any(|job| job.is_protective()) || jobs.1.iter().any(ReadJob::is_protective);
        match self.refusal(protects) {
            Some(cause) => only(jobs, &cause, |_, is_protective| is_protective),
            None => jobs,
        }
    }

    /// Why ordinary work is refused, if it is.
    fn refusal(&self, protects: bool) -> Option<Unavailable> {
        let shared = &self.shared;
        let full = shared.trouble() == Some(Unavailable::DiskFull);
        let spent = if protects && full { shared.reserve.spend() } else { !shared.reserve.refill() };
        spent.then_some(Unavailable::DiskFull).or_else(|| shared.watch.refusal())
    }

    /// Tries to have the reserve whole again, also when nobody asks for anything.
    pub(super) fn refill_reserve(&self) {
        let reserve = &self.shared.reserve;
        if reserve.is_whole() == Some(false) && reserve.is_spent() && reserve.refill() {
            self.shared.set_trouble(None);
        } else if reserve.is_whole() == Some(false) {
            reserve.refill();
        }
    }
}

/// Those that may be done, by what they rest on and whether they are protective; the others fail of a cause.
fn only((writes, reads): Jobs, cause: &Unavailable, may: impl Fn(&Depends, bool) -> bool) -> Jobs {
    let (writes, refused): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|job| may(job.depends(), job.is_protective()));
    for job in refused {
        job.fail(cause);
    }
    let (reads, refused): (Vec<_>, Vec<_>) = reads.into_iter().partition(|job| may(job.depends(), job.is_protective()));
    for job in refused {
        job.fail(cause);
    }
    (writes, reads)
}
