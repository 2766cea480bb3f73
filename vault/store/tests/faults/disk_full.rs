//! A full disk: writes, uploads and the entries of reads are refused and say why, nothing is torn, and
//! the vault serves again by itself when there is space.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use coffre_core::audit::Action;
use coffre_store::transactions::{CreateRecord, EraseSubject, GiveGrant, NoteOnly, WithdrawGrant};
use coffre_store::{CommitError, Depends, Disclosure, Store, Unavailable};

use crate::grants::consent;
use crate::papers::{add, content, download, stage, upload};
use crate::proof;
use crate::small_disk::{SmallDisk, on_a_small_disk};
use crate::support::{create, draft, kind, make, note, open, path, read, sample};
use crate::told;

fn staged(dir: &Path) -> usize {
    fs::read_dir(dir.join("vault/documents/staging")).unwrap().count()
}

/// Waits until the vault says it is ready, asking for nothing else.
fn until_ready(store: &Store) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while let Err(cause) = store.readiness() {
        assert!(Instant::now() < deadline, "the vault does not come back by itself: {cause}");
        std::thread::yield_now();
    }
}

fn try_create(store: &Store, number: u32) -> Result<coffre_core::ids::SubjectId, Unavailable> {
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(number) };
    match store.transact(transaction, draft(Action::Create), None, Depends::default()).wait() {
        Ok((subject, _)) => Ok(subject),
        Err(CommitError::Unavailable(cause)) => Err(cause),
        Err(other) => unreachable!("{other}"),
    }
}

#[test]
fn a_full_disk_refuses_and_the_vault_comes_back_by_itself() {
    on_a_small_disk("disk_full::a_full_disk_refuses_and_the_vault_comes_back_by_itself", 6_000, |disk| {
        make(disk.path());
        let store = open(disk.path());
        let subject = create(&store, 1);
        let document = upload(&store, subject, None, &content(1, 100_000));
        disk.fill(0);

        let mut upload = store.stage_document(&kind(), subject, None, "x.pdf", "application/pdf").unwrap();
        let error = upload.write_all(&content(2, 300_000)).and_then(|()| upload.flush()).expect_err("space was found");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        drop(upload);
        assert_eq!(staged(disk.path()), 0, "half an upload stays");

        assert_eq!(try_create(&store, 2), Err(Unavailable::DiskFull));
        assert_eq!(store.readiness(), Err(Unavailable::DiskFull));

        let fields = [path("contact.email")];
        let email = store.snapshot().unwrap().fields(&kind(), subject, &fields).unwrap();
        let refused = note(&store, subject, &fields, &email).expect_err("disclosed without a durable entry");
        assert!(matches!(refused, CommitError::Unavailable(Unavailable::DiskFull)), "{}", told(&refused));

        disk.free();
        until_ready(&store);
        assert_eq!(read(&store, subject, &["contact.email"]).0.len(), 1);
        assert!(download(&store, subject, document).unwrap() == content(1, 100_000));
        try_create(&store, 3).unwrap();
        assert_eq!(store.statistics().unwrap().records, 2);
        proof::log_agrees_with_its_head(&store);
    });
}

#[test]
fn an_upload_that_met_a_full_disk_cannot_be_finished() {
    on_a_small_disk("disk_full::an_upload_that_met_a_full_disk_cannot_be_finished", 6_000, |disk| {
        make(disk.path());
        let store = open(disk.path());
        let subject = create(&store, 1);
        let mut upload = store.stage_document(&kind(), subject, None, "x.pdf", "application/pdf").unwrap();
        upload.write_all(&content(1, 70_000)).unwrap();
        disk.fill(3);
        upload.write_all(&content(1, 300_000)).expect_err("space was found");
        disk.free();
        assert!(upload.write_all(b"and on").is_err(), "the file has a hole by now");
        assert!(upload.finish().is_err(), "a torn file was called whole");
        assert_eq!(staged(disk.path()), 0);
    });
}

/// Leaves a little more space each time, so that every COMMIT of a group is the one that fails.
#[test]
fn wherever_the_space_ends_a_group_is_whole_or_not_there() {
    on_a_small_disk("disk_full::wherever_the_space_ends_a_group_is_whole_or_not_there", 12_000, |disk| {
        make(disk.path());
        let store = open(disk.path());
        let subject = create(&store, 0);
        let (mut kept, mut refused) = (vec![], 0);
        for pages in 0..40 {
            let paper = stage(&store, subject, None, &content(pages, 5_000));
            disk.fill(pages as usize);
            match add(&store, paper) {
                Ok(document) => kept.push((document, pages)),
                Err(CommitError::Unavailable(Unavailable::DiskFull)) => refused += 1,
                Err(other) => unreachable!("{}", told(&other)),
            }
            disk.free();
            until_ready(&store);
        }
        assert!(refused > 3 && kept.len() > 3, "{refused} refused, {} kept", kept.len());
        check(disk, &store, subject, &kept);
        drop(store);
        check(disk, &open(disk.path()), subject, &kept);
    });
}

/// All that was acknowledged is there; what was refused is there with its entry, or not at all.
fn check(
    disk: &SmallDisk,
    store: &Store,
    subject: coffre_core::ids::SubjectId,
    kept: &[((coffre_core::ids::DocumentId, u32), u32)],
) {
    for (document, number) in kept {
        assert!(download(store, subject, *document).unwrap() == content(*number, 5_000));
    }
    assert_eq!(staged(disk.path()), 0, "a refused upload stays");
    proof::log_agrees_with_its_head(store);
    proof::documents_and_entries_agree(store, &disk.path().join("vault"));
}

fn withdraw(store: &Store, grant: coffre_core::ids::GrantId) -> Result<(), Unavailable> {
    match store.transact(WithdrawGrant { grant }, draft(Action::WithdrawGrant), None, Depends::default()).wait() {
        Ok(_) => Ok(()),
        Err(CommitError::Unavailable(cause)) => Err(cause),
        Err(other) => unreachable!("{other}"),
    }
}

fn erase(store: &Store, subject: coffre_core::ids::SubjectId) -> Result<(), Unavailable> {
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    match store.transact(erase, draft(Action::Erase), None, Depends::default()).wait() {
        Ok(_) => Ok(()),
        Err(CommitError::Unavailable(cause)) => Err(cause),
        Err(other) => unreachable!("{other}"),
    }
}

fn note_of(store: &Store, action: Action) -> Result<(), Unavailable> {
    let depends = Depends::default();
    match store.disclose(Disclosure { draft: draft(action), reason: None, claims: Vec::new(), depends }).wait() {
        Ok(_) => Ok(()),
        Err(CommitError::Unavailable(cause)) => Err(cause),
        Err(other) => unreachable!("{other}"),
    }
}

#[test]
fn on_a_full_disk_the_reserve_lets_people_erase_and_withdraw_and_nothing_else() {
    on_a_small_disk(
        "disk_full::on_a_full_disk_the_reserve_lets_people_erase_and_withdraw_and_nothing_else",
        9_000,
        |disk| {
            make(disk.path());
            let store = open(disk.path());
            let (kept, gone) = (create(&store, 1), create(&store, 2));
            let give = GiveGrant { record_type: kind(), subject: kept, terms: consent(None) };
            let (grant, _) = store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
            store.keep_reserve(1_000_000);
            assert_eq!(store.reserve_is_whole(), Some(true));
            disk.fill(0);
            while try_create(&store, 3).is_ok() {} // whatever room the files have
            assert_eq!(store.readiness(), Err(Unavailable::DiskFull));

            assert_eq!(withdraw(&store, grant.id), Ok(()));
            assert_eq!(erase(&store, gone), Ok(()));
            assert_eq!(store.reserve_is_whole(), Some(false));
            assert_eq!(store.readiness(), Err(Unavailable::DiskFull), "it is told all the same");
            // The disk must be full again for what follows: what the reserve gave up is for nothing else.
            assert_eq!(try_create(&store, 4), Err(Unavailable::DiskFull));
            assert!(store.stage_document(&kind(), kept, None, "x.pdf", "application/pdf").is_err());
            assert_eq!(erase(&store, kept), Ok(()), "as often as there is space");
            // Sealing is asked for by two operators, or by one on the vault's host.
            assert_eq!(note_of(&store, Action::Read), Err(Unavailable::DiskFull));
            assert_eq!(note_of(&store, Action::ProposeSeal), Ok(()));
            store.transact(NoteOnly, draft(Action::Seal), None, Depends::default()).wait().unwrap();

            disk.free();
            until_ready(&store);
            assert_eq!(store.reserve_is_whole(), Some(true));
            try_create(&store, 5).unwrap();
            let snapshot = store.snapshot().unwrap();
            assert!(snapshot.record(&kind(), gone).unwrap().is_none());
            drop(snapshot);
            proof::log_agrees_with_its_head(&store);
        },
    );
}
