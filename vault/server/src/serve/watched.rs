//! Files that may change while the server runs: what was read from them is read again when they do. What cannot be
//! read leaves the former in force, and says so once for each change.

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
    stamp: Stamp,
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
        Ok(Self { sender, files, stamp, load: Box::new(load) })
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
            return;
        }
        self.stamp = found;
        match (self.load)() {
            Ok(read) => {
                self.sender.send_replace(Arc::new(read));
                tracing::info!(files = ?self.files, "read again after a change");
            }
            Err(error) => tracing::warn!(%error, "a changed file cannot be used: the former content stays in force"),
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
