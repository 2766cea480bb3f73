//! What goes wrong with a log or the spool while the vault runs: nothing is lost, nothing wrong is captured, and
//! it is said.

use std::fs::{self, OpenOptions};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

use coffre_core::audit::Action;
use coffre_core::ids::SubjectId;
use coffre_core::spool::Chain;
use coffre_store::transactions::{CreateRecord, EraseSubject};
use coffre_store::{CaptureError, CommitError, Depends, Store, Unavailable, WhenFull};

use crate::rebuilt::{KEEP, Place, add_document, caught_up, wait};
use crate::support::{create, draft, kind, note, open, path, sample};

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
    // The chain cannot go on, and nobody takes the frame into the file to copy it from there.
    let told = "what is to be taken into the database files is not what was written";
    wait(|| store.capture_status().trouble.is_some_and(|trouble| trouble.contains(told)));
    assert_eq!(place.bases(), bases);
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

/// The segment of the vault was written and lists it; that of the log was not.
#[test]
fn a_document_that_is_erased_while_a_step_is_half_done_is_listed_as_removed() {
    let place = Place::new();
    let store = place.following();
    let subject = create(&store, 1);
    caught_up(&store);
    let folder = place.object(&place.segments(Chain::Audit)[0].0.name()).parent().unwrap().to_owned();
    let aside = place.dir.path().join("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "in the way").unwrap();
    let listed = || place.segments(Chain::Vault).into_iter().map(|(header, ..)| header.documents);
    add_document(&store, subject, 5000);
    wait(|| listed().any(|documents| !documents.added.is_empty()));
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    caught_up(&store);
    let added: Vec<_> = listed().flat_map(|documents| documents.added).map(|entry| entry.name).collect();
    let removed: Vec<_> = listed().flat_map(|documents| documents.removed).collect();
    assert_eq!((added.len(), added), (1, removed), "once each");
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
    caught_up(&store);
    create(&store, 1);
    let wal = fs::File::open(place.dir.path().join("vault/audit.db-wal")).unwrap();
    let salts = || {
        let mut salts = [0; 8];
        wal.read_exact_at(&mut salts, 16).unwrap();
        salts
    };
    let (before, mut number) = (salts(), 1);
    wait(|| {
        for _ in 0..20 {
            number += 1;
            create(&store, number);
        }
        salts() != before
    });
    create(&store, 0);
    store.close();
    assert_eq!(place.bases(), 1);
    let anew = place.segments(Chain::Audit).iter().filter(|(header, ..)| header.frames.first == 1).count();
    assert!(anew >= 2, "{anew}");
    place.assert_rebuilt();
}

/// Bytes of all objects in the spool.
pub(crate) fn spool_bytes(place: &Place) -> u64 {
    let mut folders = vec![place.spool().join("main"), place.spool().join("keyring")];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            // What the capture removes meanwhile is not there any more.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() { folders.push(entry.path()) } else { bytes += metadata.len() }
        }
    }
    bytes
}

pub(crate) fn try_create(store: &Store, number: u32) -> Result<SubjectId, Unavailable> {
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(number) };
    match store.transact(transaction, draft(Action::Create), None, Depends::default()).wait() {
        Ok((subject, _)) => Ok(subject),
        Err(CommitError::Unavailable(cause)) => Err(cause),
        Err(other) => unreachable!("{other}"),
    }
}

/// A vault whose spool is limited to little more than it has.
fn limited(place: &Place, when_full: WhenFull) -> Store {
    drop(place.following());
    let mut options = place.options();
    (options.spool_limit, options.when_full) = (Some(spool_bytes(place) + 400_000), when_full);
    options.keep = NonZeroU64::MIN;
    let store = open(place.dir.path());
    store.follow(options).unwrap();
    caught_up(&store);
    let status = store.capture_status();
    assert_eq!(status.spool_bytes, spool_bytes(place));
    store
}

#[test]
fn a_spool_at_its_declared_size_is_told_and_the_vault_keeps_serving() {
    let place = Place::new();
    let store = limited(&place, WhenFull::KeepServing);
    let mut number = 0;
    wait(|| {
        number += 1;
        create(&store, number);
        store.capture_status().trouble.is_some()
    });
    let status = store.capture_status();
    assert!(status.trouble.as_ref().is_some_and(|trouble| trouble.contains("declared size")), "{status:?}");
    assert!(status.spool_is_nearly_full() && !status.lag.is_zero(), "{status:?}");
    assert!(store.readiness().is_ok());
    create(&store, 0);
    // Some transactions past it, and no more.
    assert!(spool_bytes(&place) < status.spool_limit.unwrap() + (8 << 20));
}

#[test]
fn a_spool_at_its_declared_size_stops_a_vault_that_is_told_to_refuse_until_there_is_room() {
    let place = Place::new();
    let store = limited(&place, WhenFull::Refuse);
    let gone = create(&store, 1);
    let mut number = 1;
    wait(|| {
        number += 1;
        try_create(&store, number) == Err(Unavailable::SpoolFull)
    });
    assert_eq!(store.readiness(), Err(Unavailable::SpoolFull));
    let fields = [path("contact.email")];
    let email = store.snapshot().unwrap().fields(&kind(), gone, &fields).unwrap();
    let refused = note(&store, gone, &fields, &email);
    assert!(
        matches!(refused, Err(CommitError::Unavailable(Unavailable::SpoolFull))),
        "a read needs its entry captured"
    );
    drop((refused, email));
    let erase = EraseSubject { record_type: kind(), subject: gone, remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    // A base backup makes room: the one before it goes, with its segments.
    store.capture(&place.spool(), KEEP, "asked for").unwrap();
    wait(|| store.readiness().is_ok());
    create(&store, 0);
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}

#[test]
fn a_spool_belongs_to_one_vault_at_a_time() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let copy = tempfile::tempdir().unwrap();
    let copied =
        std::process::Command::new("cp").arg("-a").arg(place.dir.path().join("vault")).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let twin = open(copy.path());
    let before = spool_bytes(&place);
    let refused = twin.follow(place.options()).unwrap_err();
    assert!(matches!(refused, CaptureError::SpoolInUse), "{refused}");
    let refused = twin.capture(&place.spool(), KEEP, "twin").unwrap_err();
    assert!(matches!(refused, CaptureError::SpoolInUse), "{refused}");
    assert_eq!(spool_bytes(&place), before, "nothing of the twin's is there");
    create(&store, 2);
    store.close();
    place.assert_rebuilt();
}

#[test]
fn a_log_that_was_replaced_or_unlinked_stops_the_vault_and_is_never_captured() {
    for unlink in [true, false] {
        let place = Place::new();
        let store = place.following();
        create(&store, 1);
        caught_up(&store);
        let wal = place.dir.path().join("vault/vault.db-wal");
        let kept = fs::read(&wal).unwrap();
        let segments = place.segments(Chain::Vault).len();
        fs::remove_file(&wal).unwrap();
        if !unlink {
            fs::write(&wal, &kept).unwrap();
        }
        assert_eq!(try_create(&store, 2), Err(Unavailable::Replaced { file: "vault.db" }), "unlinked: {unlink}");
        assert!(store.readiness().is_err());
        store.close();
        assert_eq!(place.segments(Chain::Vault).len(), segments, "what was committed to no file is in no segment");
    }
}

#[test]
fn a_neighbour_with_the_distribution_s_sqlite3_changes_nothing_of_what_is_captured() {
    let place = Place::new();
    let databases = ["vault.db", "keyring.db", "audit.db"].map(|name| place.dir.path().join("vault").join(name));
    let attack = || {
        for (database, attempt) in databases.iter().flat_map(|file| {
            ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA journal_mode = DELETE"].map(|attempt| (file, attempt))
        }) {
            let ran = std::process::Command::new("sqlite3").arg(database).arg(attempt).output();
            assert!(!ran.unwrap().status.success(), "{attempt}");
        }
    };
    let mut store = place.following();
    for round in 0..3 {
        create(&store, round);
        attack(); // while it runs
        create(&store, round + 100);
        caught_up(&store);
        store.close();
        drop(store);
        attack(); // while it is closed
        store = place.following();
    }
    assert_eq!(place.bases(), 1, "the chains went on");
    store.close();
    place.assert_rebuilt();
}
