//! A damaged `index.db` heals by itself: searches say that it is being built anew, never anything wrong, and
//! then find again. It is not gone through at start, which would take the longer the larger the vault is.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use coffre_core::ids::SubjectId;
use coffre_core::search::SearchKind;
use coffre_store::{ReadError, Store, Unavailable};

use crate::damaged_pages::{flip, pages};
use crate::support::{create, index, make, open};
use crate::told;

/// Asks until the index answers; every answer before that says that it is being built anew.
fn until_healed<T>(mut ask: impl FnMut() -> Result<T, ReadError>) -> (T, u32) {
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut refused = 0;
    loop {
        match ask() {
            Ok(found) => return (found, refused),
            Err(ReadError::Unavailable(Unavailable::Index)) => refused += 1,
            Err(error) => unreachable!("{}", told(&error)),
        }
        assert!(Instant::now() < deadline, "the index does not heal");
        std::thread::yield_now();
    }
}

/// Whether everybody is found by what only they have, with their history; and how often it was refused.
fn everybody_is_found(store: &Store, people: &[(SubjectId, u32)]) -> u32 {
    let number_of = index("legacy.client_number", SearchKind::Exact);
    let mut refused = 0;
    for (subject, number) in people {
        let find = || store.snapshot()?.find(&number_of, &format!("{number:08}"), 10);
        let (found, times) = until_healed(find);
        assert_eq!(found.iter().map(|hit| hit.subject).collect::<Vec<_>>(), [*subject]);
        let (accesses, more) = until_healed(|| store.snapshot()?.accesses(*subject, None, 10));
        assert_eq!(accesses.len(), 1, "who has seen this person");
        refused += times + more;
    }
    refused
}

/// Waits until the terms of the newest records are brought to their places, which is once nobody asks for anything.
fn terms_are_sorted(dir: &Path) {
    let log = || std::fs::metadata(dir.join("vault/index.db-wal")).unwrap().len();
    let (before, deadline) = (log(), Instant::now() + Duration::from_mins(1));
    while log() == before {
        assert!(Instant::now() < deadline, "nothing is sorted");
        std::thread::yield_now();
    }
}

fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("vault/index.db")
}

#[test]
fn whichever_page_is_damaged_the_index_heals_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let mut people: Vec<_> = (0..300).map(|number| (create(&store, number), number)).collect();
    drop(store);
    let (mut refused, mut page) = (0, 1);
    while page <= pages(&file(dir.path())) {
        flip(&file(dir.path()), page);
        let store = open(dir.path());
        assert_eq!(store.readiness(), Ok(()));
        // Written before anybody has noticed: it is in when the index is whole again.
        let number = u32::try_from(people.len()).unwrap();
        people.push((create(&store, number), number));
        refused += everybody_is_found(&store, &people);
        drop(store);
        page += 1;
    }
    assert!(page > 4 && refused > 0, "{page} pages, {refused} times refused: nothing was noticed");
    assert_eq!(everybody_is_found(&open(dir.path()), &people), 0);
}

#[test]
fn the_index_is_not_gone_through_at_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let people: Vec<_> = (0..300).map(|number| (create(&store, number), number)).collect();
    terms_are_sorted(dir.path());
    drop(store);
    let (file, inode) = (file(dir.path()), |file: &Path| std::fs::metadata(file).unwrap().ino());
    let (whole, count) = (std::fs::read(&file).unwrap(), pages(&file));
    // The index with some pages damaged. Whether it is still there once the vault was opened and closed: an index
    // whose damage is met at start is replaced before the vault can be closed.
    let survives = |damaged: &[u64]| {
        std::fs::write(&file, &whole).unwrap();
        for page in damaged {
            flip(&file, *page);
        }
        // A link to it keeps its number from being used again.
        let kept = dir.path().join("kept");
        std::fs::hard_link(&file, &kept).unwrap();
        drop(open(dir.path()));
        let same = inode(&file) == inode(&kept);
        std::fs::remove_file(&kept).unwrap();
        same
    };
    // But for the pages that say how far it is and what waits to be sorted in, damage is met only by those who ask.
    let (needed, rest): (Vec<u64>, Vec<u64>) = (2..=count).partition(|page| !survives(&[*page]));
    assert!(needed.len() <= 4, "of {count} pages, opening the vault reads {needed:?}");
    assert!(survives(&rest), "opening the vault read the whole of index.db");
    everybody_is_found(&open(dir.path()), &people);
}
