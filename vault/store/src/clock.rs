//! The clock and the random source of the running program. Tests bring their own.

use std::time::{SystemTime, UNIX_EPOCH};

use coffre_core::crypto::Entropy;
use coffre_core::time::Timestamp;

use crate::store::Store;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Store {
    /// What the clock shows, even where the log has a later entry, which [`Store::now`] never goes back behind.
    pub fn clock_time(&self) -> Timestamp {
        self.door().shared.clock.now()
    }
}

/// The operating system's random source (`getrandom(2)`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // Without random bytes no key and no nonce is safe; the system is beyond help.
            std::process::abort();
        }
    }
}
