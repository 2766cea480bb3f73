//! What the first entries of the log say was written, gathered before they are pruned.
//!
//! What a restore to a moment took back, what retention removed, what was encrypted anew since and what was written about people erased since is left
//! out: nothing stored is compared with it any more. What is stored as an entry says stands all the same: a restore to a
//! moment, told of behind the entries that are gone through, may have brought it back.

use coffre_core::audit::{Action, Carried, CarriedOnce, DocumentRef, Entry, SealedValue, Standing};
use coffre_core::ids::SubjectId;

use crate::error::ReadError;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Entries that are looked at in one view: a view is short, whatever the log's length.
const PAGE: usize = 1_000;

/// One pass over the entries before an index.
pub struct Carrying {
    next: u64,
    end: u64,
    standing: Standing,
    once: CarriedOnce,
}

impl Carrying {
    /// Over what stands before an index. Goes through it once, for what does not stand.
    pub fn begin(store: &Store, end: u64) -> Result<Self, ReadError> {
        let start = store.snapshot()?.minimum_index()?;
        let (mut standing, mut next) = (Standing::default(), start);
        while next < end {
            let page = entries(&store.snapshot()?, next, end)?;
            let Some((last, _)) = page.last() else { break };
            next = last + 1;
            for (index, entry) in &page {
                standing.note(*index, entry);
            }
        }
        Ok(Self { next: start, end, standing, once: CarriedOnce::new(start) })
    }

    /// What the next entries say was written; `None` behind the last.
    pub fn next(&mut self, store: &Store) -> Result<Option<Vec<Carried>>, ReadError> {
        let page = entries(&store.snapshot()?, self.next, self.end)?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        self.next = last + 1;
        let mut carried = Vec::new();
        for (index, entry) in page {
            let is_carried = entry.what.action == Action::CarryOver;
            for of in Carried::of(index, entry.what) {
                if !is_carried || self.once.counts(of.index) {
                    carried.extend(self.what_stands(store, of)?);
                }
            }
        }
        store.snapshot()?.without_erased(carried).map(Some)
    }

    /// Each entry has a view of its own, where one is needed: it may name hundreds of values.
    fn what_stands(&self, store: &Store, of: Carried) -> Result<Option<Carried>, ReadError> {
        let Carried { index, subject, values, document, reencrypted } = of;
        let is_gone = |value: &SealedValue| self.standing.value_is_gone(index, subject, value);
        let (gone, mut values): (Vec<_>, Vec<_>) = values.into_iter().partition(is_gone);
        if !gone.is_empty() {
            values.extend(store.snapshot()?.stored_as_said(subject, gone)?);
        }
        let document = match document {
            Some(document) if self.document_stands(store, index, subject, &document)? => Some(document),
            _ => None,
        };
        let of = Carried { index, subject, values, document, reencrypted };
        Ok(Some(of).filter(|of| of.document.is_some() || !of.values.is_empty()))
    }

    fn document_stands(
        &self,
        store: &Store,
        index: u64,
        subject: SubjectId,
        document: &DocumentRef,
    ) -> Result<bool, ReadError> {
        let is_gone = self.standing.document_is_gone(index, subject, document);
        Ok(!is_gone || store.snapshot()?.is_stored_as_said(document)?)
    }
}

fn entries(snapshot: &Snapshot<'_>, from: u64, end: u64) -> Result<Vec<(u64, Entry)>, ReadError> {
    let page = snapshot.entries(from, PAGE)?;
    let parsed = page.into_iter().take_while(|logged| logged.index < end).map(|logged| {
        let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
        Ok((logged.index, entry))
    });
    parsed.collect()
}
