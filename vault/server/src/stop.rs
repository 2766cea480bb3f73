//! The wish that a server stop, or that a vault be sealed: told once, heard by everybody who serves.

use std::sync::Arc;

use tokio::sync::watch;

/// Stops a server. Clones stop the same one.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Tells the server to take no more requests and to finish those it has accepted.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was told.
    pub(crate) fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is told.
    pub(crate) async fn told(&self) {
        let mut wish = self.0.subscribe();
        // The sender is held by `self`, so waiting cannot fail.
        let _told = wish.wait_for(|told| *told).await;
    }
}
