//! The day's signed head for the data protection officer: whoever keeps one out of the reach of the vault's
//! administrators can prove later that the log was cut or rewritten. What is handed over is no personal data.

mod letter;
mod run;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;
use coffre_store::Store;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub(crate) use letter::head_in;
pub(crate) use run::give;

use crate::configuration::DailyHead;

/// How often it is asked whether a new day has begun, or tried again.
const EVERY: Duration = Duration::from_mins(5);

/// Hands over the head at once, unless today's is in the file already, and then once each day (UTC), for as long as the
/// vault is served. What fails is told in the log and tried again.
pub(crate) async fn hand_over_daily(to: DailyHead, store: Store) {
    let file = to.file.clone();
    let mut handed_over = apart(move || Ok(file.as_deref().and_then(day_of_file))).await.ok().flatten();
    let mut taken = None;
    loop {
        let today = day(store.now());
        if handed_over.as_ref() != Some(&today) {
            match hand_over(&to, &store, &today, &mut taken).await {
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

/// Hands over the head of this day; gives the number of its entries.
async fn hand_over(to: &DailyHead, store: &Store, today: &str, taken: &mut Option<String>) -> io::Result<u64> {
    let note = store.tree_head().note;
    let head = TreeHead::open(note.as_bytes(), store.verification_key(), Some(store.origin()));
    let head = head.map_err(io::Error::other)?;
    let letter = letter::of(store.scope(), store.now(), &head, &note);
    give_and_write(to, today, letter, &note, taken).await?;
    Ok(head.size)
}

/// Gives the letter to the command, unless it has taken that of this day, and writes the file last: at the next start the
/// file's day stands for both. A file that cannot be written does not have the command run again and again.
async fn give_and_write(
    to: &DailyHead,
    today: &str,
    letter: String,
    note: &str,
    taken: &mut Option<String>,
) -> io::Result<()> {
    if let Some((program, arguments)) = to.command.split_first()
        && taken.as_deref() != Some(today)
    {
        run::give(program, arguments, letter).await?;
        *taken = Some(today.to_owned());
    }
    let Some(file) = to.file.clone() else { return Ok(()) };
    let note = note.to_owned();
    apart(move || replace(&file, &note)).await
}

/// Works on the file on a thread of its own. Its place may be another machine's that does not answer: that is told, and
/// neither sealing nor stopping waits for it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (tell, mut told) = oneshot::channel();
    thread::Builder::new().name("coffre-head".to_owned()).spawn(move || drop(tell.send(work())))?;
    let done = if let Ok(done) = timeout(run::PATIENCE, &mut told).await {
        done
    } else {
        tracing::error!("the place of the day's signed head does not answer; it is waited for");
        told.await
    };
    done.map_err(io::Error::other)?
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

    #[tokio::test]
    async fn the_file_is_written_when_the_command_has_done_well_and_the_command_does_not_run_again_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (place, letters) = (folder.path().join("place"), folder.path().join("letters"));
        let sh = |script: &str| ["sh", "-c", script, &letters.display().to_string()].map(str::to_owned).to_vec();
        let file = place.join("head");
        let (failing, taking) = (sh("exit 3"), sh("cat >> \"$0\""));
        let mut taken = None;
        let mut to = DailyHead { file: Some(file.clone()), command: failing };
        fs::create_dir(&place).unwrap();
        assert!(give_and_write(&to, "2026-11-22", "one\n".into(), "note", &mut taken).await.is_err());
        assert_eq!(day_of_file(&file), None, "at the next start it is not taken for handed over");

        to.command = taking;
        fs::remove_dir(&place).unwrap();
        for _ in 0..2 {
            assert!(give_and_write(&to, "2026-11-22", "one\n".into(), "note", &mut taken).await.is_err());
        }
        fs::create_dir(&place).unwrap();
        for (day, letter) in [("2026-11-22", "one\n"), ("2026-11-23", "two\n")] {
            give_and_write(&to, day, letter.into(), "note", &mut taken).await.unwrap();
        }
        assert_eq!(fs::read_to_string(&letters).unwrap(), "one\ntwo\n", "once each day");
        assert_eq!(fs::read_to_string(&file).unwrap(), "note");
    }

    #[tokio::test]
    async fn a_place_that_does_not_answer_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        // Whoever writes into it waits for somebody who reads.
        let pipe = folder.path().join("head.tmp");
        give("mkfifo", &[pipe.display().to_string()], String::new()).await.unwrap();
        let to = DailyHead { file: Some(folder.path().join("head")), command: Vec::new() };
        let mut taken = None;
        let mut giving = std::pin::pin!(give_and_write(&to, "2026-11-22", String::new(), "note", &mut taken));
        assert!(timeout(Duration::from_millis(20), &mut giving).await.is_err(), "others go on");
        assert_eq!(fs::read_to_string(&pipe).unwrap(), "note");
        assert!(giving.await.is_err(), "no disk has it");
    }

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
