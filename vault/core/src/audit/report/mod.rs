//! What the log says over a period: who was concerned, what was seen, for which purpose and on which basis; who was
//! refused often; which rights nobody used. It answers what has to be told within 72 hours of a breach (GDPR
//! article 33) and what a yearly review of rights asks.
//!
//! Goes over the entries once, in order. Memory grows with the number of persons and grants, never with the log.

mod bursts;
mod tally;
mod view;

pub use bursts::Burst;
pub use tally::Tally;
pub use view::{Concerned, Counted, Refusals, Report, Unused, UnusedGrant};

use serde::{Deserialize, Serialize};

use super::{Action, Entry};
use crate::ids::SubjectId;
use crate::time::Timestamp;

/// Which entries a report is about; what is not named does not restrict it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportScope {
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Of this operator, in whatever case of the letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Of this application, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// About this data subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
}

impl ReportScope {
    /// Whether the period is over, for entries in order.
    pub fn is_past(&self, time: Timestamp) -> bool {
        self.to.is_some_and(|to| time >= to)
    }

    fn is_in_period(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && !self.is_past(time)
    }

    fn names(&self, entry: &Entry) -> bool {
        let what = &entry.what;
        // As in acts that take two operators: spellings that differ in case alone are one person.
        let is_operator = |wanted: &str| what.operator.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
        self.operator.as_deref().is_none_or(is_operator)
            && (self.application.is_none() || self.application == what.application_name)
            && self.subject.is_none_or(|subject| what.subjects.contains(&subject))
    }
}

impl Action {
    /// Whether this action, when it is allowed, shows somebody the content of records.
    pub const fn discloses(self) -> bool {
        matches!(
            self,
            Self::Read
                | Self::Search
                | Self::ReadVersions
                | Self::ReadDocument
                | Self::ListDocuments
                | Self::ReadRequest
                | Self::WriteLetter
                | Self::ExportAccess
                | Self::ExportPortable
                | Self::BulkExport
                | Self::PseudonymisedExport
        )
    }
}

#[cfg(test)]
mod tests;
