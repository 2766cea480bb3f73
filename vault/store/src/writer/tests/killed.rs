//! The access history after a crash: what of it was in memory, half written, or lost with the index, is read from the log
//! again at the next start.
#![expect(clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use super::*;

/// Groups of reads. A batch of the history is begun in the seventeenth, and takes nine more to be written.
const ROUNDS: u32 = 30;
/// Reads in a group.
const TOGETHER: usize = 500;

/// What a crash leaves of `index.db`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    /// All that was committed to it.
    Everything,
    /// What it was before the group whose entries are in the log.
    BehindTheLog,
    /// A part of its write-ahead log, which is not synced at each commit.
    PartOfItsLog,
    Nothing,
}

/// Numbers that are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Whom the entries of the log are about, newest first.
fn logged(bench: &Bench) -> BTreeMap<SubjectId, Vec<u64>> {
    let mut about = BTreeMap::<_, Vec<_>>::new();
    for entry in bench.snapshot().entries(0, usize::MAX >> 1).unwrap().iter().rev() {
        for subject in Entry::from_leaf(&entry.leaf).unwrap().what.subjects {
            about.entry(subject).or_default().push(entry.index);
        }
    }
    about
}

/// Each history whole, and in pages.
fn check(bench: &Bench, what: &str) {
    for (subject, entries) in logged(bench) {
        let page = |before, limit| {
            let page = bench.snapshot().accesses(subject, before, limit).unwrap();
            page.iter().map(|entry| entry.index).collect::<Vec<_>>()
        };
        assert!(page(None, ROUNDS as usize * TOGETHER) == entries, "{what}: a history is not what the log says");
        let (first, rest) = entries.split_at(entries.len() / 2);
        assert!(page(None, first.len()) == first, "{what}: its first page");
        assert!(page(first.last().copied(), rest.len()) == rest, "{what}: its second page");
    }
}

pub(super) fn index_files(vault: &Path) -> [std::path::PathBuf; 3] {
    ["index.db", "index.db-wal", "index.db-shm"].map(|name| vault.join("vault").join(name))
}

/// A copy of a vault in use, as a crash would leave it.
pub(super) fn crash(vault: &Path, before: &Path, left: Left, dice: &mut Dice) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_vault(&vault.join("vault"), &copy.path().join("vault"));
    let [file, log, shared] = index_files(copy.path());
    match left {
        Left::Everything => {}
        Left::BehindTheLog => {
            for (from, to) in index_files(before).iter().zip([file, log, shared]) {
                fs::copy(from, to).unwrap();
            }
        }
        Left::PartOfItsLog => {
            let log = fs::OpenOptions::new().write(true).open(log).unwrap();
            let length = log.metadata().unwrap().len();
            log.set_len(dice.below(usize::try_from(length).unwrap()) as u64).unwrap();
            fs::remove_file(shared).unwrap();
        }
        Left::Nothing => [file, log, shared].iter().for_each(|file| fs::remove_file(file).unwrap()),
    }
    copy
}

#[test]
fn no_access_is_lost_wherever_the_process_ends() {
    let (dir, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subjects: Vec<_> = (0..20).map(|number| bench.create(number)).collect();
    let mut dice = Dice(1);
    for round in 0..ROUNDS {
        fs::create_dir_all(before.path().join("vault")).unwrap();
        for file in index_files(dir.path()) {
            copy_vault(&file, &before.path().join("vault"));
        }
        let jobs = (0..TOGETHER).map(|_| reading(read_entry(subjects[dice.below(subjects.len())])));
        let (jobs, answers): (Vec<_>, Vec<_>) = jobs.unzip();
        bench.writer.commit(Vec::new(), jobs);
        assert!(answers.into_iter().all(|answer| answer.wait().is_ok()));

        if round < 14 && round % 4 != 3 {
            continue; // all of the history is in memory still
        }
        let left = [Left::Everything, Left::BehindTheLog, Left::PartOfItsLog, Left::Nothing][dice.below(4)];
        let copy = crash(dir.path(), before.path(), left, &mut dice);
        let mut opened = Bench::open(copy.path());
        while opened.writer.heal() {}
        check(&opened, &format!("round {round}, {left:?}"));
    }
    check(&bench, "the one that went on");
    bench.writer.write_rest_of_history();
    assert!(bench.shared.recent.of(subjects[0], None).is_empty(), "all of it is in the file");
    check(&bench, "at the end");
}
