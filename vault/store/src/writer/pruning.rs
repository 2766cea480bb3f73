//! Removing the entries before the log's beginning, a step at a time between groups, so that commits go on meanwhile.
//! Nobody reads them since the log begins later; a crash leaves the rest to the next start.

use super::{CHECKPOINT_PAGES, Writer};
use crate::capture::Changes;
use crate::error::Unavailable;
use crate::{index_file, log_file};

/// How many entries are removed in one commit: groups wait for it.
const STEP: u64 = 1_024;

impl Writer {
    /// Does the next step, if there is anything to remove; says whether to go on at once.
    pub(super) fn remove_pruned(&mut self) -> bool {
        if !self.pruning {
            return false;
        }
        // What the write-ahead logs hold is captured and taken in first: they stay short.
        self.checkpoint_if_long();
        let Some(files) = self.files.as_ref().filter(|files| files.longest_wal() < CHECKPOINT_PAGES) else {
            return false;
        };
        match log_file::remove_pruned(&files.audit, STEP) {
            Ok(None) => self.pruning = false,
            Ok(Some(end)) => {
                if self.shared.watch.is_on() {
                    self.shared.watch.tell(files.mark(&self.tail, Changes::default()));
                }
                self.forget_accesses(end);
            }
            Err(error) => {
                let cause = Unavailable::from_read(&error);
                self.broken(&cause);
            }
        }
        self.pruning && self.files.is_some()
    }

    /// Who was read in entries that are gone; `index.db` is derived, and what stays of it is passed over.
    fn forget_accesses(&self, end: u64) {
        let Some(files) = self.files.as_ref().filter(|_| !self.shared.index.is_condemned()) else { return };
        if let Err(error) = index_file::forget_accesses(&files.index, end) {
            tracing::warn!(%error, "index.db still names who was read in entries that were pruned");
        }
    }
}
