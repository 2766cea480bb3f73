//! The signals that end the service: SIGTERM (systemd, `kill`) and SIGINT (Ctrl-C).

use tokio::signal::unix::{SignalKind, signal};

/// Catches these signals from now on; what is returned waits for one. Not waited for, they end nothing any more.
pub fn terminated() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop by SIGTERM"),
            _ = interrupt.recv() => tracing::info!("told to stop by SIGINT"),
        }
    })
}
