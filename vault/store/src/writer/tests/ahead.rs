//! Most of the logs is taken in while views read and groups are committed, and a crash at any point finds everything.

use super::killed::Dice;
use super::*;
use crate::transactions::AmendRecord;

/// Who has which address.
type Known = Vec<(SubjectId, u32)>;

impl Bench {
    fn begin_ahead(&self) -> Ahead {
        let ahead = Ahead::open(&self.shared, [true; 3]).unwrap();
        ahead.begin(&self.shared, self.writer.files.as_ref().unwrap()).unwrap()
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        checkpoint_all(&self.shared, self.writer.files.as_ref().unwrap(), Leave::Space)
    }

    /// Frames of each log, and how many of them are in the file.
    fn taken_in(&self) -> [(u64, u64); 3] {
        let ask = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        KEPT.map(|kept| self.connection(kept).query_row("PRAGMA wal_checkpoint(NOOP)", [], ask).unwrap())
    }

    fn move_on(&mut self, (subject, number): &mut (SubjectId, u32), to: u32) {
        let expected_version = self.snapshot().record(&kind(), *subject).unwrap().unwrap().version;
        let changes = [(email().field, Some(json!(address(to))))].into();
        let amend = AmendRecord { record_type: kind(), subject: *subject, expected_version, changes };
        self.commit(amend, Action::Amend).unwrap();
        *number = to;
    }

    fn has_all(&self, known: &Known, what: &str) {
        for (subject, number) in known {
            assert!(self.holds(*subject, *number), "{what}: {number}");
        }
    }
}

/// As it is, with nothing of it in anybody's memory; then from the database files alone.
fn is_whole_after_a_crash(dir: &Path, known: &Known, what: &str) {
    let copy = tempfile::tempdir().unwrap();
    copy_vault(&dir.join("vault"), &copy.path().join("vault"));
    let bench = Bench::open(copy.path());
    bench.has_all(known, what);
    bench.checkpoint().unwrap();
    drop(bench);
    Bench::open(copy.path()).has_all(known, &format!("{what}, from the files"));
}

#[test]
fn what_is_before_the_place_is_taken_in_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let mut known: Known = (0..9).map(|number| (bench.create(number), number)).collect();
    let before = bench.taken_in().map(|(frames, _)| frames);

    let ahead = bench.begin_ahead();
    let view = Snapshot::begin(&bench.shared, &bench.readers).unwrap();
    let subject = known.first().unwrap().0;
    let read = |view: &Snapshot<'_>| view.fields(&kind(), subject, &[email().field]).unwrap().into_inner();
    let (sooner, pending) = job(record(new_subject(), 9), Action::Create);
    bench.writer.commit(vec![sooner], Vec::new());
    ahead.finish(&bench.shared).unwrap();
    assert_eq!(read(&view).0.get(&email().field), Some(&json!(address(0))), "a view that was open");
    drop(view);
    known.push((pending.wait().unwrap().0, 9));

    let after = bench.taken_in();
    assert_eq!(after.map(|(_, taken)| taken), before, "up to the place, and no further");
    bench.create(10);
    for ((frames, _), (then, _)) in after.into_iter().zip(bench.taken_in()) {
        assert!(then > frames, "a log was begun anew, captured or not");
    }
    bench.move_on(known.first_mut().unwrap(), 20);
    bench.has_all(&known, "from the files and the logs");
    bench.checkpoint().unwrap();
    assert_eq!(bench.shared.wal_bytes(), 0);
    bench.has_all(&known, "from the files");
    drop(bench);
    is_whole_after_a_crash(dir.path(), &known, "closed");
}

#[test]
fn a_checkpoint_comes_after_what_is_being_taken_in() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let known = vec![(bench.create(0), 0)];
    let announced = |bench: &Bench| std::fs::read(bench.shared.layout.pages()).unwrap();
    let before = announced(&bench);
    let ahead = bench.begin_ahead();
    assert!(bench.checkpoint().is_err());
    assert_eq!(announced(&bench), before, "what it announced would be taken back");
    drop(ahead);
    bench.checkpoint().unwrap();
    assert_ne!(announced(&bench), before);
    bench.has_all(&known, "after one that was given up");
}

/// A sync that failed once says nothing of it the next time, and SQLite does not write again what it has written.
#[test]
fn what_the_disk_may_have_lost_is_written_again_before_the_log_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let mut known: Known = (0..9).map(|number| (bench.create(number), number)).collect();
    bench.checkpoint().unwrap();
    let before = KEPT.map(|kept| std::fs::read(bench.shared.layout.database(kept)).unwrap());
    known.extend((9..30).map(|number| (bench.create(number), number)));
    let frames = bench.taken_in().map(|(frames, _)| frames);
    bench.begin_ahead().finish(&bench.shared).unwrap();
    assert_eq!(*bench.shared.unsynced.lock().unwrap(), [0; 3]);

    *bench.shared.unsynced.lock().unwrap() = frames;
    for (kept, before) in KEPT.into_iter().zip(before) {
        // Through a descriptor that stays: closing one would drop SQLite's locks.
        let file = bench.shared.descriptors.of(kept).unwrap();
        std::os::unix::fs::FileExt::write_all_at(file, &before, 0).unwrap();
    }
    bench.checkpoint().unwrap();
    assert_eq!(*bench.shared.unsynced.lock().unwrap(), [0; 3]);
    drop(bench);
    is_whole_after_a_crash(dir.path(), &known, "written again");
}

/// In any order, with a crash after each step.
#[test]
fn a_crash_finds_everything_whatever_was_taken_in() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (mut bench, mut dice) = (Bench::open(dir.path()), Dice(11));
    let (mut known, mut ahead): (Known, Option<Ahead>) = (vec![(bench.create(0), 0)], None);
    for number in 1..60 {
        let what = match (dice.below(6), ahead.take()) {
            (0, None) => {
                ahead = Some(bench.begin_ahead());
                "a place is kept"
            }
            (0 | 1, Some(begun)) => {
                begun.finish(&bench.shared).unwrap();
                "taken in"
            }
            (1, None) => {
                bench.checkpoint().unwrap();
                "a checkpoint"
            }
            (2 | 3, kept) => {
                ahead = kept;
                known.push((bench.create(number), number));
                "somebody new"
            }
            (_, kept) => {
                ahead = kept;
                let whose = dice.below(known.len());
                bench.move_on(known.get_mut(whose).unwrap(), number);
                "a change"
            }
        };
        is_whole_after_a_crash(dir.path(), &known, &format!("{number}, {what}"));
    }
    drop(ahead);
    bench.has_all(&known, "at the end");
}
