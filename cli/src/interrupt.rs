//! Ctrl-C and SIGTERM during a long job: the first asks it to stop where it can be continued, the second ends it.

use std::pin::pin;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// How often it is asked whether to stop while something is waited for.
const TICK: Duration = Duration::from_millis(100);

/// As a shell reports a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Whether the job was asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, once for the whole process. Where the system gives no way to, a signal ends the process at once, as it always did.
    pub(crate) fn listen() -> Self {
        static LISTENING: OnceLock<Interrupt> = OnceLock::new();
        LISTENING.get_or_init(Self::begin).clone()
    }

    fn begin() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&asked);
        thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                let Ok(first) = coffre_server::terminated() else { return };
                first.await;
                told.store(true, Ordering::SeqCst);
                // Only now: it hears what comes after the first.
                let Ok(second) = coffre_server::terminated() else { return };
                second.await;
                process::exit(INTERRUPTED);
            });
        });
        Self(asked)
    }

    /// Asks to stop as a signal does: whatever else this process does beside the job that has ended is to end, too.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked to stop.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What comes of some work; none where whoever waits for it is to stop before.
pub(crate) async fn unless<T>(stop: &dyn Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(TICK, work.as_mut()).await {
            Ok(done) => return Some(done),
            Err(_) if stop() => return None,
            Err(_) => {}
        }
    }
}
