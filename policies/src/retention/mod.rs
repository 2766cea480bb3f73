//! Retention rules: how long each category of each record type is kept, and by which law. This
//! module declares and checks them; it erases nothing and reads no clock.

mod fault;
mod outliving;
mod parse;

use std::fmt;
use std::str::FromStr;

use coffre_core::record::{Category, FieldPath, RecordTypeName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::fault::RetentionFault;
pub(crate) use self::parse::parse;
use crate::labels::Labels;

/// How long a category is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// Its category.
    pub category: Category,
    /// From when the durations run.
    pub starts: StartingEvent,
    /// How long it stays in daily use after that.
    pub active: Period,
    /// How long it is then kept apart, for disputes and legal duties only.
    pub archive: Option<Period>,
    /// Why it stands against an erasure that is asked for, if it does.
    pub opposes_erasure: Option<Exemption>,
    /// The field that holds the date of the starting event; none for events of the record itself.
    pub dated_by: Option<FieldPath>,
    /// The law or decision that says so.
    pub source: Labels,
}

/// How long a record is kept whose starting event can never come: a person without a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProspectRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// From when: an event of the record itself.
    pub starts: StartingEvent,
    /// How long after that.
    pub active: Period,
    /// The law or decision that says so.
    pub source: Labels,
}

/// A longer archive for records that say certain words in a field, such as a life insurance's product, or in a list
/// of what else the person has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongerRule {
    /// The record type.
    pub record_type: RecordTypeName,
    /// Its categories that are kept longer.
    pub categories: Vec<Category>,
    /// The text field that is looked at.
    pub field: FieldPath,
    /// The list of texts that is looked at too: contracts that are not the current one.
    pub others: Option<FieldPath>,
    /// The words, in lower case.
    pub words: Vec<String>,
    /// How long the archive is instead, where that is longer.
    pub archive: Period,
    /// The law or decision that says so.
    pub source: Labels,
}

/// How long the audit log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRule {
    /// How long each entry.
    pub keep: Period,
    /// Why longer than a year, where it is.
    pub justification: Option<Labels>,
}

impl Default for LogRule {
    /// CNIL, deliberation 2021-122: six months to a year.
    fn default() -> Self {
        Self { keep: Period { years: 1, months: 0, days: 0 }, justification: None }
    }
}

/// How long requests are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRule {
    /// How long after the answer.
    pub keep: Period,
    /// The law or decision that says so.
    pub source: Labels,
}

impl Default for RequestRule {
    /// For as long as whoever answered wrongly can be prosecuted.
    fn default() -> Self {
        let source = Labels {
            fr: "Code de procédure pénale, article 8 (prescription des délits)".to_owned(),
            en: "French code of criminal procedure, article 8 (limitation period for offences)".to_owned(),
        };
        Self { keep: Period { years: 6, months: 0, days: 0 }, source }
    }
}

/// Everything that `retention.toml` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) rules: Vec<RetentionRule>,
    pub(crate) prospects: Vec<ProspectRule>,
    pub(crate) longer: Vec<LongerRule>,
    pub(crate) log: LogRule,
    pub(crate) requests: RequestRule,
}

/// From when a duration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartingEvent {
    /// The record was created.
    Collection,
    /// The data subject was last in touch.
    LastContact,
    /// The contract ended.
    ContractEnd,
    /// The membership ended.
    MembershipEnd,
    /// The last request that the record is about was answered.
    RequestAnswered,
}

impl StartingEvent {
    /// Whether a field of the record must tell when it was.
    const fn needs_a_field(self) -> bool {
        matches!(self, Self::ContractEnd | Self::MembershipEnd)
    }
}

/// Why data are kept although their erasure is asked for (GDPR article 17(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    /// A law obliges to keep them: point (b).
    LegalObligation,
    /// Claims can still be made: point (e).
    LegalClaims,
}

/// A calendar duration, written as in ISO 8601: `P5Y`, `P18M`, `P30D`, `P1Y6M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    /// Years.
    pub years: u16,
    /// Months.
    pub months: u16,
    /// Days.
    pub days: u16,
}

/// Text that is not a period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a period of years, months and days: write it as P5Y, P18M, P30D or P1Y6M")]
pub struct PeriodError;

impl Period {
    const fn is_nothing(self) -> bool {
        self.years == 0 && self.months == 0 && self.days == 0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(PeriodError)?;
        let mut parts = [0_u16; 3];
        for (part, unit) in parts.iter_mut().zip(['Y', 'M', 'D']) {
            if let Some((number, after)) = rest.split_once(unit) {
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                *part = number.parse().ok().filter(|_| plain).ok_or(PeriodError)?;
                rest = after;
            }
        }
        let [years, months, days] = parts;
        if rest.is_empty() { Ok(Self { years, months, days }) } else { Err(PeriodError) }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, 'Y'), (self.months, 'M'), (self.days, 'D')];
        f.write_str("P")?;
        if self.is_nothing() {
            return f.write_str("0D");
        }
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written() {
        for text in ["P5Y", "P18M", "P30D", "P1Y6M", "P1Y2M3D", "P0D"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "P", "5Y", "PY", "P5", "P5X", "P6M1Y", "P-5Y", "P+5Y", "P99999Y", "P1Y1Y", "P5y", "PT5H"] {
            assert_eq!(text.parse::<Period>(), Err(PeriodError), "{text}");
        }
    }
}
