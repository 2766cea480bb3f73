//! Files that may change while the server runs: what was read from them is read again when they do. What cannot be
//! read leaves the former in force, says so once for each change, and is tried again: what was in the way may have been
//! something else, such as too few descriptors.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stop::Stop;

/// What tells that a file is not the same any more: inode, length, when its content changed last, and when anything of it
/// did: permissions that are put right change nothing else.
type Stamp = Vec<Option<(u64, u64, [i64; 4])>>;

/// What some files hold, and where it is told when they hold something else.
pub(super) struct Watched<T> {
    sender: watch::Sender<Arc<T>>,
    files: Vec<PathBuf>,
    /// Of the files that were read.
    stamp: Stamp,
    /// Of those that could not be.
    unusable: Option<Stamp>,
    load: Box<dyn Fn() -> Result<T, Box<dyn std::error::Error + Send>> + Send + Sync>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the files.
    pub(super) fn read<E: std::error::Error + Send + 'static>(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before they are read: what changes meanwhile is read again.
        let stamp = stamp(&files);
        let sender = watch::Sender::new(Arc::new(load()?));
        let load = move || load().map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send>);
        Ok(Self { sender, files, stamp, unusable: None, load: Box::new(load) })
    }

    /// What they hold, now and later.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.sender.subscribe()
    }

    /// Looks at them from time to time until the server stops.
    pub(super) fn keep_reading(mut self, every: Duration, stop: Stop, tasks: &mut JoinSet<()>) {
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(every) => {}
                    () = stop.told() => break,
                }
                let looked = tokio::task::spawn_blocking(move || {
                    self.look();
                    self
                });
                match looked.await {
                    Ok(watched) => self = watched,
                    Err(error) => {
                        tracing::error!(%error, "files that may change are not read again");
                        break;
                    }
                }
            }
        });
    }

    fn look(&mut self) {
        let found = stamp(&self.files);
        if found == self.stamp {
            self.unusable = None;
            return;
        }
        match (self.load)() {
            Ok(read) => {
                (self.stamp, self.unusable) = (found, None);
                self.sender.send_replace(Arc::new(read));
                tracing::info!(files = ?self.files, "read again after a change");
            }
            Err(error) if self.unusable.as_ref() != Some(&found) => {
                self.unusable = Some(found);
                tracing::warn!(%error, "a changed file cannot be used: the former content stays in force");
            }
            Err(_) => {}
        }
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let of = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        let changed = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        Some((found.ino(), found.len(), changed))
    };
    files.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn permissions_that_are_put_right_are_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        fs::write(&file, "a key").unwrap();
        let files = [file];
        let before = stamp(&files);
        assert_eq!(stamp(&files), before);
        // The clock of a file system moves in steps: what changes within one of them is seen with the next.
        let put_right = |mode| {
            let [file] = &files;
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
            stamp(&files) != before
        };
        assert!([0o600, 0o640].into_iter().cycle().take(1_000_000).any(put_right));
    }

    #[test]
    fn what_could_not_be_read_for_a_moment_is_read_without_another_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        fs::write(&file, "1").unwrap();
        let (path, out_of_descriptors) = (file.clone(), Arc::new(AtomicBool::new(false)));
        let in_the_way = Arc::clone(&out_of_descriptors);
        let load = move || {
            if in_the_way.load(Ordering::SeqCst) {
                return Err(std::io::Error::from_raw_os_error(24));
            }
            fs::read_to_string(&path)
        };
        let mut watched = Watched::read(vec![file.clone()], load).unwrap();
        let now = watched.subscribe();
        out_of_descriptors.store(true, Ordering::SeqCst);
        fs::write(&file, "22").unwrap();
        watched.look();
        assert_eq!(**now.borrow(), "1");
        out_of_descriptors.store(false, Ordering::SeqCst);
        watched.look();
        assert_eq!(**now.borrow(), "22");
        let read = now.borrow().clone();
        watched.look();
        assert!(Arc::ptr_eq(&read, &now.borrow()), "it is read once");
    }

    #[tokio::test]
    async fn a_change_is_read_and_an_unusable_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        fs::write(&file, "1").unwrap();
        let path = file.clone();
        let load = move || fs::read_to_string(&path).unwrap_or_default().parse::<u32>();
        let watched = Watched::read(vec![file.clone()], load).unwrap();
        let mut numbers = watched.subscribe();
        assert_eq!(**numbers.borrow(), 1);
        let (stop, mut tasks) = (Stop::new(), JoinSet::new());
        watched.keep_reading(Duration::from_millis(2), stop.clone(), &mut tasks);
        // Replaced as a careful writer does: never seen half written.
        let replace = |text: &str| {
            fs::write(folder.path().join("new"), text).unwrap();
            fs::rename(folder.path().join("new"), &file).unwrap();
        };
        replace("twenty");
        replace("22");
        numbers.wait_for(|number| **number == 22).await.unwrap();
        stop.now();
        while tasks.join_next().await.is_some() {}
        assert!(numbers.changed().await.is_err(), "nobody reads any more");
    }
}
