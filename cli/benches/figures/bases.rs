//! A base backup every few seconds, asked for over the backup socket.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{anyhow, ensure};

/// How long after one was copied the next is asked for: it travels meanwhile.
const PAUSE: Duration = Duration::from_secs(3);

/// The thread that asks, while it runs.
pub(crate) struct Bases {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<u64>>,
}

impl Bases {
    pub(crate) fn start(socket: &Path) -> Self {
        let (stop, socket) = (Arc::new(AtomicBool::new(false)), socket.to_owned());
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut taken = 0;
            while !stopped.load(Ordering::SeqCst) {
                take(&socket)?;
                taken += 1;
                thread::sleep(PAUSE);
            }
            Ok(taken)
        });
        Self { stop, thread }
    }

    /// How many were taken.
    pub(crate) fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("the thread that asks for base backups ended by itself"))?
    }
}

fn take(socket: &PathBuf) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(b"POST /v1/base HTTP/1.1\r\nhost: coffre\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(
        answer.starts_with("HTTP/1.1 201"),
        "no base backup was taken: {}",
        answer.lines().next().unwrap_or_default()
    );
    Ok(())
}
