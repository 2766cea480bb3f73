//! The signals that end the service: SIGTERM (systemd, `kill`) and SIGINT (Ctrl-C).

use tokio::signal::unix::{SignalKind, signal};

/// Waits for a signal that asks the process to end. From its first poll on, such a signal no longer
/// ends the process by itself.
pub async fn terminated() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to stop by SIGTERM"),
        _ = interrupt.recv() => tracing::info!("told to stop by SIGINT"),
    }
    Ok(())
}
