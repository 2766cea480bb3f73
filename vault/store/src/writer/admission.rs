//! What is let into a group while the disk or the spool is full: only what takes something out of somebody's reach. It may
//! use the reserve of disk; everything else is refused until there is space.

use super::Writer;
use super::job::{ReadJob, WriteJob};
use crate::error::Unavailable;

/// The jobs of a group.
type Jobs = (Vec<Box<dyn WriteJob>>, Vec<ReadJob>);

impl Writer {
    /// Refuses what may not be done now, and gives the rest.
    pub(super) fn admit(&self, (writes, reads): Jobs) -> Jobs {
        let protects = writes.iter().any(|job| job.is_protective()) || reads.iter().any(ReadJob::is_protective);
        let Some(cause) = self.refusal(protects) else { return (writes, reads) };
        let (writes, ordinary): (Vec<_>, Vec<_>) = writes.into_iter().partition(|job| job.is_protective());
        for job in ordinary {
            job.fail(&cause);
        }
        let (reads, ordinary): (Vec<_>, Vec<_>) = reads.into_iter().partition(ReadJob::is_protective);
        for job in ordinary {
            job.fail(&cause);
        }
        (writes, reads)
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
