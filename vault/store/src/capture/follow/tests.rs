//! What the capture makes of what it was told before it has found its way, and of what is committed while it lists documents.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{RequestId, SubjectId};
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::spool::{Chain, ObjectName, SegmentHeader};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::*;
use crate::Identity;
use crate::capture::standing::{Hold, Listing, freeze};
use crate::clock::{SystemClock, SystemEntropy};
use crate::disclosure::Depends;
use crate::init::{InitPlan, init};
use crate::layout::Layout;
use crate::open::OpenOptions;
use crate::transactions::{AddDocument, CreateRecord, EraseSubject, Transaction};

fn kind() -> RecordTypeName {
    "policyholder".parse().unwrap()
}

fn new_vault(dir: &Path) -> Store {
    let recovery_identity_file = dir.join("recovery.identity");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&dir.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
    let layout = Layout::new(&dir.join("vault"));
    let identity = Identity::read(&layout.server_identity()).unwrap();
    let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
    Store::open(layout.root(), &identity, &options).unwrap()
}

fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
    let draft = Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy));
    store.transact(transaction, draft, None, Depends::default()).wait().unwrap().0
}

fn create(store: &Store) -> SubjectId {
    let fields = Fields([("contact.email".parse().unwrap(), json!("client@example.fr"))].into());
    done(store, CreateRecord { record_type: kind(), subject: store.new_subject(), fields }, Action::Create)
}

fn upload(store: &Store, subject: SubjectId) {
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(b"content").unwrap();
    let staged = writer.finish().unwrap();
    done(store, AddDocument { record_type: kind(), staged: staged.into() }, Action::UploadDocument);
}

/// The capture of a vault, on the test's own thread, over chains that begin with a base backup.
fn following(store: &Store, spool: &Path) -> Follower {
    store.capture(spool, NonZeroU64::MIN, "test").unwrap();
    let (door, options) = (store.door(), CaptureOptions::new(spool.to_owned(), NonZeroU64::MIN, "test"));
    door.shared.watch.set_on(true, options.longest_wal);
    let spool = Spool::open(spool, &door.shared.scope).unwrap();
    Follower::new(door, options, spool)
}

/// The newest segment of a chain.
fn newest(follower: &Follower, chain: Chain) -> SegmentHeader {
    let mut chains = follower.chains();
    let (_, end) = chains.ends.as_mut().unwrap().all_mut().into_iter().find(|(of, _)| *of == chain).unwrap();
    let position = end.last.position;
    let name = ObjectName::Segment { generation: follower.door.generation, chain, position };
    let bytes = chains.spool.read(&name).unwrap().unwrap();
    SegmentHeader::parse(&bytes, chains.links.pinned()).unwrap().0
}

/// A document that came and went around the failure would be asked for in vain, and the newest commits would be left out.
#[test]
fn what_was_told_before_it_found_its_way_sets_the_mark_not_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = new_vault(dir.path());
    let subject = create(&store);
    let mut follower = following(&store, &dir.path().join("spool"));
    upload(&store, subject);
    let told = follower.door.shared.watch.told();
    assert!(told.is_some());
    done(&store, EraseSubject { record_type: kind(), subject, remember: Vec::new() }, Action::Erase);

    let requests = Vec::new();
    follower.serve(Woken { told, requests, reopened: true, hurry: false, stop: false, broken: None });
    let status = follower.door.shared.watch.status();
    assert_eq!((status.trouble, status.times_anew), (None, 0));
    assert!(follower.chains().pending.is_none());
    assert_eq!(newest(&follower, Chain::Audit).point.unwrap().audit_head, store.tree_head().note);
    assert!(newest(&follower, Chain::Vault).documents.is_empty(), "it came and went");
}

/// The log's time never goes back: where the clock was a year ahead once, it stands still for a year.
#[test]
fn a_base_backup_is_due_in_time_also_where_the_clock_was_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let store = new_vault(dir.path());
    let mut follower = following(&store, &dir.path().join("spool"));
    follower.serve(Woken { told: None, requests: Vec::new(), reopened: true, hurry: false, stop: false, broken: None });
    follower.chains().ends.as_mut().unwrap().base = store.now().plus_seconds(365 * 86_400);
    assert!(!follower.is_due());
    follower.options.base_every = Duration::ZERO;
    assert!(follower.is_due());
}

/// To list a million documents takes seconds, and nobody waits for it.
#[test]
fn documents_are_listed_as_they_were_while_commits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = new_vault(dir.path());
    let subject = create(&store);
    upload(&store, subject);
    let door = store.door();
    let hold = Hold::for_base(&door.shared).unwrap();
    let listing = Listing::open(&door.shared).unwrap();
    let frozen = door.exclusively(move |shared, files, tail| freeze(shared, files, tail, listing));
    let (_, listing) = frozen.unwrap().unwrap();
    upload(&store, subject);
    assert_eq!(listing.documents().unwrap().len(), 1);
    let taken_in = door.exclusively(|shared, files, _| {
        crate::writer::checkpoint_all(shared, files, crate::writer::Leave::Nothing).is_ok()
    });
    assert!(taken_in.unwrap(), "the view has ended with the list");
    drop(hold);
}

/// To copy tens of gigabytes takes longer than a service is given to stop in.
#[test]
fn a_base_backup_that_takes_long_is_broken_off_when_the_vault_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, spool) = (new_vault(dir.path()), dir.path().join("spool"));
    store.follow(CaptureOptions::new(spool.clone(), NonZeroU64::MIN, "test")).unwrap();
    create(&store);
    store.catch_up(&spool, NonZeroU64::MIN, "test").unwrap();
    // The file that it is copied into is a pipe, which nobody reads until then.
    let pipe = spool.join("temporary/base");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    thread::scope(|scope| {
        let base = scope.spawn(|| store.capture(&spool, NonZeroU64::MIN, "test"));
        while !store.shared().capturing.load(Ordering::SeqCst) {
            thread::sleep(SOON);
        }
        let closed = scope.spawn(|| store.close());
        while !store.shared().watch.is_abandoned() {
            assert!(!closed.is_finished(), "it waits for the base backup");
            thread::sleep(SOON);
        }
        // Whoever waits for somebody to read goes on.
        let _reads = File::options().read(true).write(true).open(&pipe);
        closed.join().unwrap();
        base.join().unwrap().unwrap_err();
    });
}

/// A thread that hangs in the system cannot be ended.
#[test]
fn a_spool_that_hangs_keeps_no_vault_from_being_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, spool) = (new_vault(dir.path()), dir.path().join("spool"));
    store.follow(CaptureOptions::new(spool.clone(), NonZeroU64::MIN, "test")).unwrap();
    create(&store);
    store.catch_up(&spool, NonZeroU64::MIN, "test").unwrap();
    let pipe = spool.join("temporary/object");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    create(&store);
    store.close();
    assert!(store.shared().watch.is_abandoned() && pipe.exists());
    // Whoever waits for somebody to read goes on, and ends.
    let _reads = File::options().read(true).write(true).open(&pipe);
}
