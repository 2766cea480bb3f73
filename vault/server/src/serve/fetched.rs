//! The identity provider's keys where they are fetched: hourly, and early when a token names one that is not among them,
//! though never one fetch right after another. A provider out of reach leaves those it had, for a day: one that withdrew a
//! key must not be kept from saying so for longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::authentication::{KeySet, Provider};
use crate::stop::Stop;

/// How often they are fetched.
const EVERY: Duration = Duration::from_hours(1);
/// How long they are good for.
const GOOD_FOR: Duration = Duration::from_hours(24);

/// The keys, and where they come from.
pub(super) struct Fetched {
    sender: watch::Sender<Arc<KeySet>>,
    provider: Provider,
    wanted: Arc<Notify>,
}

impl Fetched {
    /// None yet: the vault serves whatever its provider does.
    pub(super) fn by(provider: Provider) -> Self {
        Self { sender: watch::Sender::new(Arc::default()), provider, wanted: Arc::default() }
    }

    /// The keys, now and later.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<KeySet>> {
        self.sender.subscribe()
    }

    /// To be told when a key is missing.
    pub(super) fn wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.wanted)
    }

    /// Fetches them from now on, until the server stops; at most as often as `pause` allows.
    pub(super) fn keep_fetching(mut self, pause: Duration, stop: Stop, tasks: &mut JoinSet<()>) {
        tasks.spawn(async move {
            let mut fetched = None;
            while !stop.is_told() {
                let asked = tokio::task::spawn_blocking(move || {
                    let found = self.provider.fetch();
                    (self, found)
                });
                let Ok((kept, found)) = asked.await else {
                    tracing::error!("the keys of the identity provider are not fetched again");
                    break;
                };
                self = kept;
                let next = match found {
                    Ok(keys) => {
                        tracing::debug!("the keys of the identity provider are fetched");
                        self.sender.send_replace(Arc::new(keys));
                        fetched = Some(Instant::now());
                        EVERY
                    }
                    Err(error) => {
                        self.go_on_without(&error, fetched);
                        pause
                    }
                };
                let wait = async {
                    tokio::time::sleep(pause).await;
                    let _earlier = tokio::time::timeout(next.saturating_sub(pause), self.wanted.notified()).await;
                };
                tokio::select! {
                    () = wait => {}
                    () = stop.told() => {}
                }
            }
        });
    }

    fn go_on_without(&self, error: &dyn std::error::Error, fetched: Option<Instant>) {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(%error, cause, "the keys of the identity provider are not renewed");
        if fetched.is_some_and(|fetched| fetched.elapsed() > GOOD_FOR) {
            tracing::error!("they are a day old and not used any more: no operator can be verified");
            self.sender.send_replace(Arc::default());
        }
    }
}
