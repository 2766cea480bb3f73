//! The writer on its own, on the test's thread, so that its connections can be broken between groups.
#![expect(clippy::unwrap_used, reason = "tests")]

mod ahead;
mod broken;
mod company;
mod erased;
mod filled;
mod folded;
mod found;
mod gate;
mod healed;
mod killed;
mod large;
mod late;
mod once;
mod pool;
mod promised;
mod pruned;
mod remembered;
mod rotated;
mod settings;
mod urgent;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use coffre_core::audit::{Action, Decision, Draft, Entry};
use coffre_core::grant::{Basis, GrantTerms};
use coffre_core::ids::{RequestId, SubjectId};
use coffre_core::merkle::{leaf_hash, root_of};
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::search::{SearchIndex, SearchKind};
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;
use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::clock::{Clock, SystemClock, SystemEntropy};
use crate::init::{InitPlan, init};
use crate::layout::Database;
use crate::open::{OpenError, OpenOptions, Opened, open_with, own};
use crate::readers::Readers;
use crate::snapshot::Snapshot;
use crate::transactions::{CreateRecord, GiveGrant, WithdrawGrant};
use crate::{CommitError, Identity, NewSubject, root};

/// A vault whose writer runs on the test's own thread.
struct Bench {
    writer: Writer,
    readers: Readers,
    shared: Arc<Shared>,
    _lock: std::fs::File,
}

fn kind() -> RecordTypeName {
    "policyholder".parse().unwrap()
}

fn email() -> SearchIndex {
    SearchIndex { record_type: kind(), field: "contact.email".parse().unwrap(), kind: SearchKind::Exact }
}

fn make(dir: &Path) {
    let recovery_identity_file = dir.join("recovery.identity");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&dir.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
}

fn address(number: u32) -> String {
    format!("client{number}@example.fr")
}

fn draft(action: Action) -> Draft {
    Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
}

fn new_subject() -> NewSubject {
    NewSubject::within(None)
}

fn record(subject: NewSubject, number: u32) -> CreateRecord {
    let fields = Fields([(email().field, json!(address(number)))].into());
    CreateRecord { record_type: kind(), subject, fields }
}

/// A job for the writer and the way to its answer.
fn job<T: Transaction>(transaction: T, action: Action) -> (Box<dyn WriteJob>, Committing<T>) {
    let (message, pending) = Message::write(transaction, draft(action), None, Depends::default());
    let Message::Write(job) = message else { unreachable!("a transaction is a write") };
    (job, pending)
}

fn reading(disclosure: Disclosure) -> (ReadJob, Pending<Receipt, std::convert::Infallible>) {
    let (message, pending) = Message::read(disclosure);
    let Message::Read(job) = message else { unreachable!("a disclosure is a read") };
    (*job, pending)
}

impl Bench {
    fn open(dir: &Path) -> Self {
        Self::open_by(dir, Arc::new(SystemClock)).unwrap()
    }

    fn open_by(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let owned = own(&dir.join("vault")).unwrap();
        let identity = Identity::read(&owned.layout.server_identity()).unwrap();
        let unwrapped = root::unwrap(&owned.layout, &owned.layout.root_server(), &identity).unwrap();
        let options = OpenOptions { indexes: vec![email()], clock, readers: 2 };
        let Opened { shared, readers, recovered, .. } = open_with(owned.layout, unwrapped, &options)?;
        Ok(Self { writer: Writer::new(Arc::clone(&shared), recovered), readers, shared, _lock: owned.lock })
    }

    fn commit<T: Transaction>(
        &mut self,
        transaction: T,
        action: Action,
    ) -> Result<(T::Output, Receipt), CommitError<T::Error>> {
        let (job, pending) = job(transaction, action);
        self.writer.commit(vec![job], Vec::new());
        pending.wait()
    }

    fn create(&mut self, number: u32) -> SubjectId {
        self.commit(record(new_subject(), number), Action::Create).unwrap().0
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::begin(&self.shared, &self.readers).unwrap()
    }

    fn connection(&self, database: Database) -> &Connection {
        let files = self.writer.files.as_ref().unwrap();
        match database {
            Database::Vault => &files.vault,
            Database::Keyring => &files.keyring,
            Database::Audit => &files.audit,
            Database::Index => &files.index,
        }
    }

    /// The entries, after checking them against the signed head.
    fn entries(&self) -> Vec<Entry> {
        let logged = self.snapshot().entries(0, 10_000).unwrap();
        let signed = self.shared.head();
        let key = self.shared.signer.verification_key();
        let head = TreeHead::open(signed.note.as_bytes(), &key, Some(&self.shared.origin)).unwrap();
        assert_eq!(head.size, logged.len() as u64);
        assert_eq!(head.root, root_of(logged.iter().map(|entry| leaf_hash(&entry.leaf))));
        logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect()
    }

    /// Whether a record is there: with its entry, findable and with a key, or without any trace.
    fn holds(&self, subject: SubjectId, number: u32) -> bool {
        let entries = self.entries();
        let of = |action| {
            entries.iter().filter(|entry| entry.what.action == action && entry.what.subjects == [subject]).count()
        };
        let snapshot = self.snapshot();
        let there = snapshot.record(&kind(), subject).unwrap().is_some();
        assert_eq!(of(Action::Create), usize::from(there), "a record and its entry");
        assert_eq!(snapshot.grants(subject).unwrap().len(), of(Action::GiveGrant), "grants and their entries");
        let found = snapshot.find(&email(), &address(number), 10).unwrap();
        assert_eq!(found.iter().map(|hit| hit.subject).collect::<Vec<_>>(), vec![subject; usize::from(there)]);
        if there {
            let fields = snapshot.fields(&kind(), subject, &[email().field]).unwrap().into_inner();
            assert_eq!(fields.0.get(&email().field), Some(&json!(address(number))));
        }
        there
    }
}

fn consent() -> GrantTerms {
    GrantTerms {
        role: Role::Sales,
        purpose: "direct-marketing".to_owned(),
        fields: [email().field].into(),
        basis: Basis::Consent,
        article9: None,
        valid_from: Timestamp::from_micros(0),
        valid_until: None,
        evidence: None,
    }
}

fn read_entry(subject: SubjectId) -> Disclosure {
    let mut entry = draft(Action::Read);
    entry.subjects = vec![subject];
    Disclosure { draft: entry, reason: None, claims: Vec::new(), depends: Depends::default() }
}

fn copy_vault(from: &Path, to: &Path) {
    // No other process looks at these files, so dropping SQLite's locks on them matters to nobody.
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}
