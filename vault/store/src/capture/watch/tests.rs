//! What is told after the files were opened again.

#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::ids::DocumentId;
use coffre_core::spool::ContentHash;

use super::*;

fn name(number: u8) -> DocumentName {
    DocumentName { document: DocumentId::from_bytes([number; 16]), version: 1, epoch: 1 }
}

/// A group that added a document.
fn mark(number: u8) -> Mark {
    let mut documents = Changes::default();
    documents.add(InventoryEntry { name: name(number), size: 1, sha256: ContentHash::of(&[number]) });
    Mark { frames: [u64::from(number); 3], time: Timestamp::from_micros(0), head: String::new(), documents }
}

#[test]
fn what_is_told_after_the_files_were_opened_again_waits_until_the_capture_has_found_its_way() {
    let watch = Watch::default();
    watch.tell(mark(1));
    watch.reopened();
    watch.tell(mark(2));
    assert!(watch.told().is_none(), "its frames hold the row of a document that it does not list");
    assert!(watch.is_upset());
    let woken = watch.wait(Duration::ZERO);
    assert!(woken.reopened && woken.told.unwrap().documents.added.contains_key(&name(2)));
    watch.tell(mark(3));
    assert!(watch.told().is_some());
}

#[test]
fn capture_is_behind_by_what_is_not_captured_of_one_log() {
    let watch = Watch::default();
    assert_eq!(watch.behind([3, 7, 5]), 7);
    watch.captured([3, 6, 1], Timestamp::from_micros(1));
    assert_eq!(watch.behind([3, 7, 5]), 4);
    assert_eq!(watch.behind([0, 2, 0]), 0, "logs that began anew");
    watch.broken("behind");
    assert_eq!(watch.behind([3, 7, 5]), 7);
}
