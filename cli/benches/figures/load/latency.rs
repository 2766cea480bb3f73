//! How long requests took: every one of them, so that a percentile is one.

use serde::{Deserialize, Serialize};

/// What a run amounts to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Answers per second.
    pub(crate) rate: f64,
    /// The median, in milliseconds.
    pub(crate) p50: f64,
    /// What 99 of 100 requests took at most, in milliseconds.
    pub(crate) p99: f64,
}

impl Measured {
    /// From what each request took, in microseconds, and how long the run was.
    pub(crate) fn of(mut micros: Vec<u32>, seconds: f64) -> Self {
        micros.sort_unstable();
        let percentile = |hundredths: usize| {
            let at = (micros.len() * hundredths / 100).min(micros.len().saturating_sub(1));
            micros.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
        };
        let count = u32::try_from(micros.len()).unwrap_or(u32::MAX);
        Self { rate: f64::from(count) / seconds, p50: percentile(50), p99: percentile(99) }
    }
}
