//! What of a record was written by an import: the log knows. Whatever it does not tell, because nobody did or because
//! those entries were pruned or lost, counts as written in the vault.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::audit::{Action, Decision, Draft, Entry};
use coffre_core::grant::Grant;
use coffre_core::ids::{DocumentId, GrantId, SubjectId};
use coffre_store::{ReadError, Snapshot};

/// How many entries of a record's history are looked at in one step.
const HISTORY: usize = 50;

/// What of a record was written by an import, and by nobody since.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ByImports {
    /// Whether its newest version was.
    pub(super) record: bool,
    /// The documents whose newest version was.
    pub(super) documents: BTreeSet<DocumentId>,
    /// The grants that were given so.
    pub(super) grants: BTreeSet<GrantId>,
}

/// Looks through a record's history, newest first, until it is known of all that is there who wrote it.
pub(super) fn by_imports(
    snapshot: &Snapshot<'_>,
    subject: SubjectId,
    version: u32,
    grants: &[Grant],
) -> Result<ByImports, ReadError> {
    let mut search = Search::of(version, snapshot.document_versions(subject)?, grants);
    let mut before = None;
    while !search.is_over() {
        let page = snapshot.accesses(subject, before, HISTORY)?;
        let Some(oldest) = page.last() else { break };
        before = Some(oldest.index);
        for entry in page.iter().filter_map(|logged| Entry::from_leaf(&logged.leaf).ok()) {
            search.look_at(&entry.what);
        }
    }
    Ok(search.found)
}

/// What is looked for, and what was found.
struct Search {
    version: Option<u32>,
    documents: BTreeMap<DocumentId, u32>,
    grants: BTreeSet<GrantId>,
    found: ByImports,
}

impl Search {
    fn of(version: u32, documents: BTreeMap<DocumentId, u32>, grants: &[Grant]) -> Self {
        let grants = grants.iter().filter(|grant| grant.withdrawn_at.is_none()).map(|grant| grant.id).collect();
        Self { version: Some(version), documents, grants, found: ByImports::default() }
    }

    fn is_over(&self) -> bool {
        self.version.is_none() && self.documents.is_empty() && self.grants.is_empty()
    }

    fn look_at(&mut self, what: &Draft) {
        if what.decision != Decision::Allow {
            return;
        }
        match what.action {
            Action::Import | Action::ImportChange => {
                self.version_of(what, true);
                self.document_of(what, true);
            }
            Action::Create | Action::Amend | Action::RestoreVersion => self.version_of(what, false),
            Action::UploadDocument | Action::RestoreDocument => self.document_of(what, false),
            // Set back to what it was: who had written that is not looked for.
            Action::Rewind => self.version = None,
            Action::GiveGrant => self.grants_of(what),
            _ => {}
        }
    }

    /// An entry without fields changed nothing: it names the version that was there before.
    fn version_of(&mut self, what: &Draft, by_import: bool) {
        if what.version.is_some() && what.version == self.version && !what.fields.is_empty() {
            (self.version, self.found.record) = (None, by_import);
        }
    }

    fn document_of(&mut self, what: &Draft, by_import: bool) {
        let Some(document) = &what.document else { return };
        if self.documents.get(&document.id) == Some(&document.version) {
            self.documents.remove(&document.id);
            if by_import {
                self.found.documents.insert(document.id);
            }
        }
    }

    /// Applications give grants one by one; on the vault's host nothing but an import does.
    fn grants_of(&mut self, what: &Draft) {
        for grant in &what.grants {
            if self.grants.remove(&grant.id) && what.application.is_none() {
                self.found.grants.insert(grant.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use coffre_core::audit::DocumentRef;
    use coffre_core::ids::RequestId;

    use super::*;

    const SCAN: DocumentId = DocumentId::from_bytes([1; 16]);

    fn entry(action: Action) -> Draft {
        Draft::new(action, Decision::Allow, RequestId::from_bytes([9; 16]))
    }

    fn wrote(action: Action, version: u32) -> Draft {
        let fields = vec!["contact.email".parse().unwrap()];
        Draft { version: Some(version), fields, ..entry(action) }
    }

    fn stored(action: Action, version: u32) -> Draft {
        Draft { document: Some(DocumentRef { id: SCAN, version, sha256: None }), ..entry(action) }
    }

    /// What is found of a record at version 2 with a document at version 2, in these entries, newest first.
    fn found(entries: &[Draft]) -> (bool, bool) {
        let mut search = Search::of(2, [(SCAN, 2)].into(), &[]);
        for what in entries {
            search.look_at(what);
        }
        (search.found.record, search.found.documents.contains(&SCAN))
    }

    #[test]
    fn the_newest_writing_counts_and_silence_is_no_import() {
        let import = [wrote(Action::ImportChange, 2), stored(Action::ImportChange, 2)];
        assert_eq!(found(&import), (true, true));
        assert_eq!(found(&[]), (false, false), "the log does not tell");
        assert_eq!(found(&[wrote(Action::Import, 1), stored(Action::Import, 1)]), (false, false), "only of before");
        assert_eq!(found(&[wrote(Action::Amend, 2), stored(Action::UploadDocument, 2)]), (false, false));
        assert_eq!(found(&[wrote(Action::RestoreVersion, 2), stored(Action::RestoreDocument, 2)]), (false, false));
    }

    #[test]
    fn what_was_refused_only_read_or_changed_nothing_counts_for_nothing() {
        let refused = Draft { decision: Decision::Deny, ..wrote(Action::Amend, 2) };
        let idle = Draft { fields: Vec::new(), ..wrote(Action::Amend, 2) };
        let entries =
            [refused, idle, stored(Action::ReadDocument, 2), wrote(Action::Import, 2), stored(Action::Import, 2)];
        assert_eq!(found(&entries), (true, true));
        assert_eq!(found(&[entry(Action::Rewind), wrote(Action::Import, 2)]), (false, false), "it was set back since");
    }
}
