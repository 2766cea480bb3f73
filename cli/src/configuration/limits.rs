//! The sections `[limits]` and `[alerts]`: how much one caller may ask for, and what is told as out of the usual.

use coffre_server::{AlertLimits, CallerLimits};
use serde::Deserialize;

/// The section `[limits]`: no bound where none is stated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerBounds {
    /// Requests of one application within a minute.
    application_per_minute: Option<u32>,
    /// Requests of one operator of an application within a minute.
    operator_per_minute: Option<u32>,
    /// Requests of one application that are answered at the same time.
    application_at_once: Option<u32>,
}

/// The section `[alerts]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alerts {
    /// So many records of one operator within an hour are never out of the usual.
    reads_floor: u32,
    /// So many times the operator's busiest hour of the week before are.
    reads_factor: u32,
}

impl Default for Alerts {
    fn default() -> Self {
        let AlertLimits { reads_floor, reads_factor } = AlertLimits::default();
        Self { reads_floor, reads_factor }
    }
}

impl CallerBounds {
    /// What contradicts itself, and its remedy.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let Self { application_per_minute, operator_per_minute, application_at_once } = self;
        if [application_per_minute, operator_per_minute, application_at_once].contains(&&Some(0)) {
            return Err("[limits] 0 would let nobody in: revoke the application instead, or remove the line");
        }
        Ok(())
    }
}

impl Alerts {
    /// What contradicts itself, and its remedy.
    pub(super) fn check(self) -> Result<(), &'static str> {
        if self.reads_factor < 2 {
            return Err("[alerts] reads_factor is less than 2: every busy day would be an alarm; set it higher");
        }
        Ok(())
    }
}

impl From<CallerBounds> for CallerLimits {
    fn from(bounds: CallerBounds) -> Self {
        let CallerBounds { application_per_minute, operator_per_minute, application_at_once } = bounds;
        Self { application_per_minute, operator_per_minute, application_at_once }
    }
}

impl From<Alerts> for AlertLimits {
    fn from(alerts: Alerts) -> Self {
        let Alerts { reads_floor, reads_factor } = alerts;
        Self { reads_floor, reads_factor }
    }
}
