//! What an import did, in numbers: no name, no key, no value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::fingerprint::Tally;
use crate::reject::Reject;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows of the data subjects' table dealt with.
    pub done: u64,
    /// Rows that it has.
    pub total: u64,
}

/// What the source holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceCounts {
    /// Rows of each mapped table.
    pub rows: BTreeMap<String, u64>,
    /// Rows of the data subjects' table: every one of them is counted once under the heads below.
    pub subjects: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Whether nothing was written to the vault, because that was asked for.
    pub dry_run: bool,
    /// The mapping.
    pub mapping: String,
    /// What the source holds.
    pub read: SourceCounts,
    /// Records brought (in a dry run: that would be brought, were the vault empty).
    pub imported: u64,
    /// Records that were there already, as the source has them.
    pub unchanged: u64,
    /// Records whose changes were applied.
    pub changed: u64,
    /// Records whose changes were reported and not applied.
    pub changes_pending: u64,
    /// Records that were changed in the vault, which an import never overwrites.
    pub changed_in_vault: u64,
    /// Records whose processing is restricted, left as they are.
    pub restricted: u64,
    /// Records of which what differs is set apart in the intermediate archive, left as they are.
    pub archived: u64,
    /// Persons whom the source still has and who were erased, or whose key retention has removed; they were not brought
    /// back.
    pub erased: u64,
    /// Rows of the data subjects' table that were rejected.
    pub rejected: u64,
    /// Lines of the reject file that report a fault, in whichever table.
    pub rejects: u64,
    /// The same by the reason's code.
    pub rejects_by_reason: BTreeMap<&'static str, u64>,
    /// Categories of records that retention has removed and the source still has; they were not brought back.
    pub past_time: u64,
    /// Records with a consent in force that the source lacks and that no import gave; it was not withdrawn.
    pub consents_kept: u64,
    /// How often each field was changed or is to be.
    pub changed_fields: BTreeMap<String, u64>,
    /// Documents brought.
    pub documents_imported: u64,
    /// Grants given.
    pub grants_given: u64,
    /// Grants withdrawn because the source no longer has the consent.
    pub grants_withdrawn: u64,
    /// Where the rejects are, if there are any.
    pub reject_file: Option<PathBuf>,
    /// What was to be brought.
    pub source: Tally,
    /// What the vault gave back; none in a dry run.
    pub vault: Option<Tally>,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was brought, or accounted for.
    Complete,
    /// Some rows were rejected.
    Rejects,
    /// What the vault gave back is not what was brought: the vault or the import is at fault.
    NotReconciled,
}

impl ImportReport {
    /// How it ended; rejects count only if they are not allowed.
    pub fn outcome(&self, allow_rejects: bool) -> Outcome {
        if self.vault.is_some_and(|vault| vault != self.source) {
            Outcome::NotReconciled
        } else if self.rejects > 0 && !allow_rejects {
            Outcome::Rejects
        } else {
            Outcome::Complete
        }
    }

    /// Rows of the data subjects' table that are accounted for: as many as there are, or a defect.
    pub fn accounted(&self) -> u64 {
        self.imported
            + self.unchanged
            + self.changed
            + self.changes_pending
            + self.changed_in_vault
            + self.restricted
            + self.archived
            + self.erased
            + self.rejected
    }

    pub(crate) fn count(&mut self, reject: &Reject) {
        if reject.reason.is_fault() {
            self.rejects += 1;
            *self.rejects_by_reason.entry(reject.reason.code()).or_default() += 1;
        }
    }
}
