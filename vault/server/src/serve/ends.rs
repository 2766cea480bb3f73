//! How serving ends: for good, or because the vault is sealed and something else answers from then on.

use crate::stop::Stop;

/// Both ways.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    pub(super) stop: Stop,
    pub(super) seal: Stop,
}

impl Ends {
    /// For what is served where nothing can be sealed.
    pub(super) fn by(stop: Stop) -> Self {
        Self { stop, seal: Stop::new() }
    }

    /// Waits until one of them is told.
    pub(super) async fn told(&self) {
        tokio::select! {
            () = self.stop.told() => {}
            () = self.seal.told() => {}
        }
    }
}
