//! Whether the vault can serve, what it is, and its counts. Nothing here leaves an entry in the audit
//! log, and nothing names anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coffre_core::ids::{Environment, GenerationId, VaultId};
use coffre_core::time::Timestamp;
use coffre_store::{BegunAnew, CaptureStatus, Captured, SignedHead, Statistics, Unavailable};
use serde::Serialize;

use super::failure::Failure;
use super::keeper::{Keeper, blocking};

/// What is told is not looked up more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(15);
/// Counting reads the whole of two tables: it pauses for so many times as long as it took, however large they have become.
const PAUSE: u32 = 20;

/// What a vault is and how it does.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) environment: Environment,
    pub(crate) vault: VaultId,
    pub(crate) generation: GenerationId,
    /// C2SP signed-note vkey: to be pinned in configurations.
    pub(crate) verification_key: String,
    pub(crate) policy_set: String,
    /// Why it cannot serve, if it cannot.
    pub(crate) trouble: Option<String>,
    /// Why it cannot be backed up although it serves, if a key file is not what it was.
    pub(crate) key_files: Option<String>,
    pub(crate) statistics: Statistics,
    /// The last base backup that this process took.
    pub(crate) last_base: Option<LastBase>,
    /// How continuous capture does.
    pub(crate) capture: Capture,
}

/// How continuous capture does.
#[derive(Debug, Serialize)]
pub(crate) struct Capture {
    on: bool,
    /// Age of the oldest commit that is not in the spool.
    lag_milliseconds: u64,
    newest: Option<Timestamp>,
    trouble: Option<String>,
    /// The last time that the chains could not be gone on with: when, and why.
    begun_anew: Option<BegunAnew>,
    /// How much of the spool is taken, and how much may be.
    spool_bytes: u64,
    spool_limit_bytes: Option<u64>,
    spool_nearly_full: bool,
}

impl From<CaptureStatus> for Capture {
    fn from(status: CaptureStatus) -> Self {
        let spool_nearly_full = status.spool_is_nearly_full();
        let CaptureStatus { on, lag, newest, trouble, begun_anew, times_anew: _, spool_bytes, spool_limit } = status;
        let lag_milliseconds = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        let spool_limit_bytes = spool_limit;
        Self { on, lag_milliseconds, newest, trouble, begun_anew, spool_bytes, spool_limit_bytes, spool_nearly_full }
    }
}

/// A base backup that was taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LastBase {
    pub(crate) number: u64,
    pub(crate) time: Timestamp,
}

impl From<&Captured> for LastBase {
    fn from(captured: &Captured) -> Self {
        Self { number: captured.number, time: captured.time }
    }
}

/// The counts, as old as they may be.
#[derive(Default)]
pub(super) struct Counted(Arc<tokio::sync::Mutex<Option<Known>>>);

/// What was counted.
#[derive(Clone, Copy)]
struct Known {
    statistics: Statistics,
    /// Until when it is told.
    told: Instant,
    /// Until when records and documents are not counted again.
    counted: Instant,
}

impl Keeper {
    /// Now, by the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// Whether the vault can serve now, and if not, why.
    pub(crate) fn readiness(&self) -> Result<(), Unavailable> {
        self.store.readiness()
    }

    /// Whether the reserve of disk is whole, if one is kept.
    pub(crate) fn reserve(&self) -> Option<bool> {
        self.store.reserve_is_whole()
    }

    /// How continuous capture does.
    pub(crate) fn capture(&self) -> CaptureStatus {
        self.store.capture_status()
    }

    /// The newest signed tree head, for whoever is on the vault's host.
    pub(crate) fn tree_head(&self) -> SignedHead {
        self.store.tree_head()
    }

    /// Counts of the vault. They are kept although whoever asked has gone, and nobody else counts meanwhile: whoever asks
    /// needs no token.
    pub(crate) async fn statistics(self: &Arc<Self>) -> Result<Statistics, Failure> {
        let mut counted = Arc::clone(&self.counted.0).lock_owned().await;
        let (known, began) = (*counted, Instant::now());
        if let Some(known) = known.filter(|known| began < known.told) {
            return Ok(known.statistics);
        }
        let store = self.store.clone();
        blocking(move || {
            let (statistics, until) = match known.filter(|known| began < known.counted) {
                Some(known) => (store.statistics_beside(&known.statistics)?, known.counted),
                None => (store.statistics()?, Instant::now() + began.elapsed() * PAUSE),
            };
            *counted = Some(Known { statistics, told: Instant::now() + TOLD_EVERY, counted: until });
            Ok(statistics)
        })
        .await
    }

    /// What the vault is and how it does.
    pub(crate) async fn status(self: &Arc<Self>) -> Result<Status, Failure> {
        let store = self.store.clone();
        let key_files = blocking(move || Ok(store.key_files().err().map(|fault| fault.to_string()))).await?;
        let scope = self.store.scope();
        Ok(Status {
            environment: scope.environment.clone(),
            vault: scope.vault,
            generation: self.store.generation(),
            verification_key: self.store.verification_key().to_string(),
            policy_set: self.policy_set.clone(),
            trouble: self.readiness().err().map(|cause| cause.to_string()),
            key_files,
            statistics: self.statistics().await?,
            last_base: self.last_base(),
            capture: self.capture().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use futures_util::FutureExt as _;

    use super::*;
    use crate::usecases::new_vault;

    #[tokio::test]
    async fn a_count_that_nobody_waits_for_any_more_is_kept_for_whoever_asks_next() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = new_vault::keeper(folder.path());
        let _gone = keeper.statistics().now_or_never();
        assert!(keeper.counted.0.lock().await.is_some(), "it is counted again");
    }

    #[tokio::test]
    async fn what_takes_long_to_count_is_counted_less_often_than_the_rest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = new_vault::keeper(folder.path());
        let now = Instant::now();
        let counted = keeper.statistics().await.unwrap();
        let (statistics, later) = (Statistics { records: 7, entries: 9, ..counted }, now + Duration::from_hours(1));
        let known = |told, counted| Some(Known { statistics, told, counted });
        *keeper.counted.0.lock().await = known(later, now);
        assert_eq!(keeper.statistics().await.unwrap(), statistics, "it is told as it was");
        *keeper.counted.0.lock().await = known(now, later);
        assert_eq!(keeper.statistics().await.unwrap(), Statistics { records: 7, ..counted });
        *keeper.counted.0.lock().await = known(now, now);
        assert_eq!(keeper.statistics().await.unwrap(), counted);
    }
}
