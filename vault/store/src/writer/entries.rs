//! Entries on their way into the log: what the log can take, and the reasons that entries commit to.

use coffre_core::audit::{Draft, Entry, MAX_LEAF_LENGTH};
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;

use super::Writer;
use super::files::Files;
use super::group::cause_of;
use super::work::{Annotated, annotate};
use crate::error::{ReadError, Unavailable};
use crate::log_file::Leaf;
use crate::{keyring, subject_keys};

/// An entry that the log can take, and its leaf.
pub(super) struct Prepared {
    entry: Entry,
    leaf: Leaf,
}

impl Prepared {
    /// The entry of a draft at a moment; `None` when it is longer than a leaf may be.
    pub(super) fn new(draft: Draft, annotation: Option<Vec<u8>>, now: Timestamp) -> Option<Self> {
        let entry = draft.at(now);
        let bytes = leaf(&entry)?;
        Some(Self { entry, leaf: Leaf { bytes, annotation } })
    }

    pub(super) const fn says(&self) -> &Draft {
        &self.entry.what
    }

    /// Makes it stand for one equal event more, if its leaf has room for that.
    pub(super) fn count_one_more(&mut self) -> bool {
        let before = self.entry.what.count;
        self.entry.what.count = Some(before.unwrap_or(1) + 1);
        match leaf(&self.entry) {
            Some(bytes) => self.leaf.bytes = bytes,
            None => self.entry.what.count = before,
        }
        self.entry.what.count != before
    }

    /// Whom it is about, and its leaf.
    pub(super) fn into_parts(self) -> (Vec<SubjectId>, Leaf) {
        (self.entry.what.subjects, self.leaf)
    }
}

fn leaf(entry: &Entry) -> Option<Vec<u8>> {
    entry.leaf().ok().filter(|leaf| leaf.len() <= MAX_LEAF_LENGTH)
}

impl Writer {
    /// The entries of one transaction; `None` when the log cannot take one of them. The reason belongs
    /// to the first.
    pub(super) fn prepare(
        &self,
        files: &Files,
        drafts: Vec<Draft>,
        mut reason: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Vec<Prepared>>, Unavailable> {
        let prepare = |mut draft: Draft| {
            let annotation = match reason.take() {
                Some(text) => self.annotate(files, &mut draft, &text)?,
                None => None,
            };
            Ok(Prepared::new(draft, annotation, now))
        };
        drafts.into_iter().map(prepare).collect()
    }

    /// Commits to a reason in the entry; gives the encrypted text that is kept beside it. A reason
    /// about nobody in particular cannot be erased with anybody's key, so it is not kept.
    pub(super) fn annotate(
        &self,
        files: &Files,
        draft: &mut Draft,
        reason: &str,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        let Some((kind, subject)) = owner(draft) else { return Ok(None) };
        let shared = &self.shared;
        let keyset = shared.keys();
        let key = match keyring::find(&files.keyring, &shared.scope, &keyset, &kind, subject) {
            // An entry without the reason that was given would say less than was said.
            Err(ReadError::Database(error)) => return Err(cause_of(&error)),
            found => found.ok().flatten(),
        };
        let Some(key) = key else { return Ok(None) };
        let keys = subject_keys(&shared.scope, &keyset, &kind, subject, &key);
        let annotated = annotate(&keys, draft.request.as_bytes(), shared.epoch.number(), reason);
        Ok(annotated.map(|Annotated { commitment, sealed }| {
            draft.reason = Some(commitment);
            sealed
        }))
    }
}

/// Whose key encrypts a draft's reason: its first subject's.
fn owner(draft: &Draft) -> Option<(RecordTypeName, SubjectId)> {
    Some((draft.record_type.clone()?, *draft.subjects.first()?))
}
