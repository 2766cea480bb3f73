//! The figures, in the order in which they are taken: each leaves the vault fit for the next.

mod backup;
mod change;
mod documents;
mod import;
mod lag;
mod over_http;
mod restore;
mod steady;

pub(crate) use self::lag::{lags, percentile};
use crate::arguments::Arguments;
use crate::report::Row;
use crate::vault::Bench;

/// A figure.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) measure: fn(&mut Bench, &Arguments) -> anyhow::Result<Vec<Row>>,
}

/// Those that are taken unless others are named.
pub(crate) fn all() -> [Figure; 8] {
    [
        import::FIGURE,
        over_http::READS,
        over_http::WRITES,
        documents::FIGURE,
        backup::FIGURE,
        restore::FIGURE,
        change::FIGURE,
        lag::FIGURE,
    ]
}

/// Those that are taken only when they are named: they take their time.
pub(crate) fn long() -> [Figure; 1] {
    [steady::FIGURE]
}

/// Megabytes per second.
fn rate(bytes: u64, seconds: f64) -> f64 {
    // Exact up to 2^53 bytes.
    #[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
    let megabytes = bytes as f64 / 1e6;
    megabytes / seconds
}
