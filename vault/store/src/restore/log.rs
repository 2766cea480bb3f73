//! The log of a restored vault: it must agree with its signed heads, that of the moment included, and it goes on
//! with entries that say what it was restored from, which records were set back, and who stays erased.

use std::cell::Cell;

use coffre_core::audit::{Action, Decision, Draft, OperatorKnown, Parent, RewoundTo};
use coffre_core::crypto::Entropy;
use coffre_core::ids::RequestId;
use coffre_core::merkle::Frontier;
use coffre_core::tlog::{LogFault, NotAnExtension, StoredEntry, TreeHead, verify_entries};
use coffre_core::tombstone::Tombstone;
use rusqlite::Connection;

use super::erasures::Missed;
use super::rewind::SetBack;
use super::{Checking, Fetched, RestoreError, Watching};
use crate::error::{ReadError, Unavailable};
use crate::log_file;

/// The cause in the log of an erasure that the restored point does not have yet.
const ERASED_SINCE: &str = "erased-after-this-backup";
/// The cause in the log of a restore that gave up part of the log knowingly; its `target` says which.
const LOST_LOG: &str = "accepted-lost-log";

/// How many rows are read at a time.
pub(super) const PAGE: usize = 1_000;

/// The signed heads that the log must agree with.
pub(super) struct Heads {
    pub(super) newest: TreeHead,
    pub(super) moment: Option<TreeHead>,
}

impl Heads {
    pub(super) fn of(fetched: &Fetched) -> Result<Self, RestoreError> {
        let open = |note: &str| TreeHead::open(note.as_bytes(), &fetched.key, None).map_err(RestoreError::Head);
        let newest = open(fetched.main.audit_head.as_deref().unwrap_or_default())?;
        let moment = fetched.moment.as_ref().map(|moment| open(&moment.audit_head)).transpose()?;
        Ok(Self { newest, moment })
    }

    pub(super) fn check(
        &self,
        audit: &Connection,
        fetched: &Fetched,
        checking: &mut Watching<'_>,
    ) -> Result<(), RestoreError> {
        let stopped = Cell::new(false);
        let unless = |error| if stopped.get() { RestoreError::Stopped } else { error };
        let newest = std::slice::from_ref(&self.newest);
        let report = verify_entries(entries(audit, checking, &stopped), newest);
        let report = report.map_err(|fault| unless(RestoreError::Log(fault)))?;
        if let (Some(head), Some(moment)) = (&self.moment, &fetched.moment) {
            // The log goes on from one generation to the next, under another origin.
            let head = TreeHead { origin: self.newest.origin.clone(), ..head.clone() };
            // The entries were verified above; whether their tree was this one then, their hashes tell.
            let mut tree = Frontier::new();
            for entry in entries(audit, checking, &stopped).take(usize::try_from(head.size).unwrap_or(usize::MAX)) {
                tree.append(entry.map_err(|error| unless(RestoreError::Record(error)))?.hash);
            }
            let then = NotAnExtension::by_root(tree.root(), &head).map_err(LogFault::NotAnExtension);
            then.map_err(|source| RestoreError::OtherHistory { time: moment.time, source })?;
        }
        if report.unsigned > 0 {
            // A restore that was cut short after it began its generation: its entry is not in the head.
            tracing::info!(
                entries = report.unsigned,
                "entries of an earlier attempt to restore follow the signed head"
            );
        }
        Ok(())
    }
}

/// All entries of the log, in pages.
fn entries<'c>(
    audit: &'c Connection,
    checking: &'c mut Watching<'_>,
    stopped: &'c Cell<bool>,
) -> impl Iterator<Item = Result<StoredEntry<Vec<u8>>, ReadError>> {
    let mut next = 0;
    let mut page = Vec::new().into_iter();
    std::iter::from_fn(move || {
        if page.len() == 0 {
            match log_file::hashed(audit, next, PAGE) {
                Ok(rows) => page = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
            if checking(Checking::Log(next)).is_err() {
                stopped.set(true);
                return Some(Err(Unavailable::Stopping.into()));
            }
        }
        let entry = page.next()?;
        next = entry.index + 1;
        Some(Ok(entry))
    })
}

/// What the first entries of a new generation tell.
pub(super) struct Beginning<'r> {
    pub(super) fetched: &'r Fetched,
    pub(super) heads: &'r Heads,
    pub(super) missed: &'r Missed,
    pub(super) set_back: Option<&'r SetBack>,
    /// Whom `root.recovery.age` of the base is for: the identity that opened it.
    pub(super) recipient: &'r str,
    /// The data epoch that is written under from here on.
    pub(super) epoch: u32,
}

impl Beginning<'_> {
    /// What it was restored from, which records were set back, and who stays erased.
    pub(super) fn entries(&self, entropy: &mut dyn Entropy) -> Result<Vec<Draft>, RestoreError> {
        let Self { fetched, heads, .. } = *self;
        let mut begin = Draft::new(Action::BeginGeneration, Decision::Allow, RequestId::random(entropy));
        begin.operator.clone_from(&fetched.operator);
        begin.operator_known = fetched.operator.is_some().then_some(OperatorKnown::LocalAccount);
        begin.parent = Some(Parent {
            generation: fetched.main.generation,
            origin: heads.newest.origin.clone(),
            size: heads.newest.size,
            root: heads.newest.root.to_string(),
        });
        let moment = fetched.moment.as_ref().zip(heads.moment.as_ref());
        begin.rewound = moment.map(|(moment, head)| RewoundTo {
            generation: moment.generation,
            time: moment.time,
            size: head.size,
            root: head.root.to_string(),
        });
        begin.cause = fetched.lost.is_some().then(|| LOST_LOG.to_owned());
        begin.target.clone_from(&fetched.lost);
        let set_back = self.set_back.map(|set_back| set_back.entries(&begin)).transpose()?.unwrap_or_default();
        let erase = |tombstone: &Tombstone| Draft {
            action: Action::Erase,
            record_type: Some(tombstone.record_type.clone()),
            subjects: vec![tombstone.subject],
            cause: Some(ERASED_SINCE.to_owned()),
            target: None,
            parent: None,
            rewound: None,
            ..begin.clone()
        };
        let erased = self.missed.iter().map(erase);
        Ok(std::iter::once(begin.clone()).chain(set_back).chain(erased).collect())
    }
}
