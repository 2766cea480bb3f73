//! Closing the store once nobody is served any more.

use std::thread;
use std::time::{Duration, Instant};

use coffre_store::Store;

use crate::stop::Stop;

/// A sealed vault has no keys in memory within this, or it is said.
pub(super) const WIPED_WITHIN: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };

/// Closes the store. The keys leave memory with its last handle, which a task that was cut off may hold for a moment, and
/// with the threads of the store, which may wait for a disk.
pub(super) fn close(store: Store, stop: &Stop) {
    if stop.is_told() {
        return store.close();
    }
    thread::scope(|scope| {
        let sealing = store.clone();
        // Apart: a disk that does not answer keeps nobody from being told.
        let apart = thread::Builder::new().spawn_scoped(scope, move || sealing.seal());
        if apart.is_err() {
            store.seal();
        }
        until_wiped(&store, stop);
    });
    drop(store);
    if !stop.is_told() {
        tracing::warn!("sealed: the keys are wiped; start the vault again to open it");
    }
}

fn until_wiped(store: &Store, stop: &Stop) {
    let since = Instant::now();
    let mut told = false;
    while !stop.is_told() && !store.is_last_handle() {
        thread::sleep(Duration::from_millis(10));
        if !told && since.elapsed() > WIPED_WITHIN {
            tracing::error!("something still holds the keys of the sealed vault: end this process to be sure");
            told = true;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::Write;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};

    use coffre_core::audit::{Action, Decision, Draft};
    use coffre_core::ids::RequestId;
    use coffre_policies::Policies;
    use coffre_store::clock::SystemEntropy;
    use coffre_store::{Depends, Disclosure};

    use super::*;
    use crate::usecases::new_vault;

    const HELD: &str = "something still holds the keys";

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn keys_that_a_disk_keeps_in_memory_are_told_before_the_store_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = new_vault::store(folder.path(), &Policies::embedded().unwrap());
        let (disk_answers, disk) = channel::<()>();
        let draft = Draft::new(Action::Seal, Decision::Allow, RequestId::random(&mut SystemEntropy));
        let asked = Disclosure { draft, reason: None, claims: Vec::new(), depends: Depends::default() };
        // The writer's thread waits.
        store.disclose_then(asked, move |_| {
            let _gone = disk.recv();
        });
        let log = Log::default();
        let told = log.clone();
        let until_told = thread::spawn(move || {
            let deadline = Instant::now() + Duration::from_mins(1);
            while !told.text().contains(HELD) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            drop(disk_answers);
        });
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || close(store, &Stop::new()));
        until_told.join().unwrap();
        let text = log.text();
        assert!(text.contains(HELD) && text.contains("the keys are wiped"), "{text}");
    }
}
