//! What goes wrong with a log or the spool while the vault runs: nothing is lost, nothing wrong is captured, and
//! it is said.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

use coffre_core::spool::Chain;

use crate::rebuilt::{Place, caught_up, wait};
use crate::support::{create, open};

#[test]
fn a_changed_frame_never_becomes_a_segment() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let bases = place.bases();
    // Nothing is captured while the frame is changed.
    let blocked = Blocked::new(&place);
    create(&store, 2);
    wait(|| store.capture_status().trouble.is_some());
    let wal = place.dir.path().join("vault/audit.db-wal");
    let length = fs::metadata(&wal).unwrap().len();
    let file = OpenOptions::new().read(true).write(true).open(&wal).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, length - 100).unwrap();
    file.write_all_at(&[byte[0] ^ 1], length - 100).unwrap();
    blocked.end();
    wait(|| place.bases() > bases);
    for chain in Chain::ALL {
        place.segments(chain); // each is proven there
    }
}

/// Something stands in the way of every new object of the spool.
struct Blocked(PathBuf);

impl Blocked {
    fn new(place: &Place) -> Self {
        let temporary = place.spool().join("temporary");
        fs::remove_dir(&temporary).unwrap();
        fs::write(&temporary, "in the way").unwrap();
        Self(temporary)
    }

    fn end(self) {
        fs::remove_file(&self.0).unwrap();
        fs::create_dir(&self.0).unwrap();
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o750)).unwrap();
    }
}

#[test]
fn a_spool_that_takes_no_writes_is_caught_up_with_later() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let blocked = Blocked::new(&place);
    create(&store, 2);
    wait(|| store.capture_status().trouble.is_some());
    assert!(!store.capture_status().lag.is_zero());
    assert!(store.readiness().is_ok(), "the vault goes on");
    create(&store, 3);
    blocked.end();
    caught_up(&store);
    store.close();
    assert_eq!(place.bases(), 1, "nothing had to begin anew");
    place.assert_rebuilt();
}

#[test]
fn logs_at_their_limit_are_taken_in_and_a_base_follows() {
    let place = Place::new();
    let store = open(place.dir.path());
    let mut options = place.options();
    options.longest_wal = 4096;
    store.follow(options).unwrap();
    create(&store, 1);
    caught_up(&store);
    let blocked = Blocked::new(&place);
    let wal = place.dir.path().join("vault/audit.db-wal");
    let mut number = 1;
    let mut longest = 0;
    wait(|| {
        for _ in 0..20 {
            number += 1;
            create(&store, number);
        }
        let length = fs::metadata(&wal).unwrap().len();
        longest = longest.max(length);
        length < longest
    });
    blocked.end();
    caught_up(&store);
    store.close();
    assert_eq!(place.bases(), 2);
    place.assert_rebuilt();
}

#[test]
fn a_log_that_is_checkpointed_by_the_capture_goes_on_in_a_new_one() {
    let place = Place::new();
    let store = place.following();
    let wal = place.dir.path().join("vault/audit.db-wal");
    let (mut number, mut longest) = (0, 0);
    wait(|| {
        for _ in 0..20 {
            number += 1;
            create(&store, number);
        }
        let length = fs::metadata(&wal).unwrap().len();
        longest = longest.max(length);
        length < longest
    });
    create(&store, 0);
    store.close();
    assert_eq!(place.bases(), 1);
    let anew = place.segments(Chain::Audit).iter().filter(|(header, ..)| header.frames.first == 1).count();
    assert!(anew >= 2, "{anew}");
    place.assert_rebuilt();
}
