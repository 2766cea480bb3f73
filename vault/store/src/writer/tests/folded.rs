//! What pages are, folded into the tables many times over: in these tests that is due after a few checkpoints.

use std::collections::BTreeSet;
use std::fs;

use coffre_core::page_file::PageFile;
use coffre_pages::PAGE;

use super::*;
use crate::writer::KEPT;

/// Every page of the files is the one that it should be, and no other one of its file is taken for it.
fn all_are_known(shared: &Shared) {
    for database in KEPT {
        let (bytes, pages) = (fs::read(shared.layout.database(database)).unwrap(), shared.pages.of(database).unwrap());
        assert_eq!(bytes.len() / PAGE, pages.count(), "{}", database.file_name());
        for (number, page) in bytes.chunks_exact(PAGE).enumerate() {
            assert!(pages.holds(number, page).unwrap(), "{} page {number}", database.file_name());
            assert!(!pages.holds(number + 1, page).unwrap() && !pages.holds(number.wrapping_sub(1), page).unwrap());
        }
    }
}

fn checkpoint(bench: &Bench) {
    checkpoint_all(&bench.shared, bench.writer.files.as_ref().unwrap(), Leave::Nothing).unwrap();
}

/// What the tables are, as the file says.
fn tables(shared: &Shared) -> String {
    let bytes = fs::read(shared.layout.pages()).unwrap();
    let (_, said) = PageFile::read(&bytes, &shared.keys().databases.vault, &shared.scope).unwrap();
    format!("{:?}", said.tables.unwrap())
}

#[test]
fn pages_are_known_however_often_they_were_folded_and_over_starts() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut seen = BTreeSet::new();
    for start in 0..4 {
        let mut bench = Bench::open(dir.path());
        all_are_known(&bench.shared);
        for number in 0..12 {
            bench.create(12 * start + number);
            checkpoint(&bench);
            seen.insert(tables(&bench.shared));
        }
        all_are_known(&bench.shared);
        assert!(fs::metadata(bench.shared.layout.pages()).unwrap().len() < 8_192, "the file stays short");
    }
    assert!(seen.len() > 4, "folded {} times: too seldom to say anything", seen.len() - 1);
}

/// The tables are written, the file that names them is not: a power loss, or a full disk.
#[test]
fn a_crash_within_a_fold_leaves_what_was() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    for start in 0..6 {
        let mut bench = Bench::open(dir.path());
        for number in 0..3 {
            bench.create(3 * start + number);
            checkpoint(&bench);
        }
        for database in KEPT {
            bench.shared.pages.of(database).unwrap().fold().unwrap();
        }
        all_are_known(&bench.shared);
    }
}

/// A table of earlier is as authentic as a page of earlier.
#[test]
fn a_table_that_was_put_back_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (layout, first) = (bench.shared.layout.clone(), tables(&bench.shared));
    let file = layout.page_table(Database::Vault);
    let earlier = fs::read(&file).unwrap();
    let mut number = 0;
    // Each block has two places: after two folds the table of before has neither.
    let mut seen = BTreeSet::from([first]);
    while seen.len() < 3 {
        bench.create(number);
        checkpoint(&bench);
        seen.insert(tables(&bench.shared));
        number += 1;
    }
    drop(bench);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &earlier).unwrap();
    let owned = own(&dir.path().join("vault")).unwrap();
    let identity = Identity::read(&owned.layout.server_identity()).unwrap();
    let open = || {
        let unwrapped = root::unwrap(&layout, &layout.root_server(), &identity).unwrap();
        let options = OpenOptions { indexes: vec![email()], clock: Arc::new(SystemClock), readers: 1 };
        open_with(layout.clone(), unwrapped, &options).map(drop)
    };
    let refused = open().unwrap_err();
    assert!(matches!(refused, crate::open::OpenError::OtherPage { .. }), "{refused:?}");
    fs::remove_file(&file).unwrap();
    assert!(open().is_err(), "nor one that is gone");
    fs::write(&file, whole).unwrap();
    open().unwrap();
}
