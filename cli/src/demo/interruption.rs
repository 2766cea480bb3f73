//! Being told to stop: by Ctrl-C, by a service manager, by a terminal that closes.

use tokio::signal::unix::{SignalKind, signal};

use crate::complaint::Complaint;
use crate::exit::Exit;

/// Waits until one of these signals comes, and gives what to say then. Without handlers a signal ends the process as it
/// always does; the server would outlive it, so that is an error of its own.
pub(super) async fn interrupted() -> anyhow::Error {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        return anyhow::anyhow!("signals cannot be listened for; nothing was started, try again");
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Complaint::new(
        Exit::Failure,
        "interrupted",
        "its processes are ended and its temporary files removed; run it again",
    )
    .into()
}
