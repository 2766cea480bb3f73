//! The day's signed head for the data protection officer: whoever keeps one out of the reach of the vault's
//! administrators can prove later that the log was cut or rewritten. What is handed over is no personal data.

mod letter;
mod run;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;
use coffre_store::Store;

pub(crate) use run::give;

use crate::configuration::DailyHead;

/// How often it is asked whether a new day has begun, or tried again.
const EVERY: Duration = Duration::from_mins(5);

/// Hands over the head at once, unless today's is in the file already, and then once each day (UTC), for as long as the
/// vault is served. What fails is told in the log and tried again.
pub(crate) async fn hand_over_daily(to: DailyHead, store: Store) {
    let mut handed_over = to.file.as_deref().and_then(day_of_file);
    loop {
        let today = day(store.now());
        if handed_over.as_ref() != Some(&today) {
            match hand_over(&to, &store).await {
                Ok(size) => {
                    tracing::info!(size, "the day's signed head is handed over");
                    handed_over = Some(today);
                }
                Err(error) => tracing::error!(%error, "the day's signed head is not handed over"),
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn hand_over(to: &DailyHead, store: &Store) -> io::Result<u64> {
    let note = store.tree_head().note;
    let head = TreeHead::open(note.as_bytes(), store.verification_key(), Some(store.origin()));
    let head = head.map_err(io::Error::other)?;
    if let Some(file) = &to.file {
        replace(file, &note)?;
    }
    if let Some((program, arguments)) = to.command.split_first() {
        run::give(program, arguments, letter::of(store.scope(), store.now(), &head, &note)).await?;
    }
    Ok(head.size)
}

/// The day of a moment: `2026-11-22`.
fn day(time: Timestamp) -> String {
    time.to_string().chars().take("2026-11-22".len()).collect()
}

fn day_of_file(file: &Path) -> Option<String> {
    let written = fs::metadata(file).and_then(|metadata| metadata.modified()).ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(day(Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?)))
}

/// Writes the file whole or leaves the one before it.
fn replace(file: &Path, note: &str) -> io::Result<()> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&temporary)?;
    new.write_all(note.as_bytes())?;
    new.sync_all()?;
    fs::rename(&temporary, file)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_knows_its_day() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("head");
        assert_eq!(day_of_file(&file), None);
        for note in ["a longer one", "short"] {
            replace(&file, note).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), note);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(day_of_file(&file).unwrap().len(), 10);
        assert_eq!(day(Timestamp::from_micros(0)), "1970-01-01");
        assert!(replace(&folder.path().join("absent/head"), "x").is_err());
    }
}
