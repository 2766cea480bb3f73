//! Sealing the vault. What is asked for is in the log before it is done: the entry is the last one before the keys
//! leave memory, and a refusal is one too. Nothing here seals; whoever serves does, when told.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_policies::Action;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Receipt};

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::Reading;

impl Keeper {
    /// Whether an application may seal the vault, by the policies; its entry is committed.
    pub(crate) async fn may_seal(self: &Arc<Self>, call: &Call, reason: Option<String>) -> Result<Receipt, Failure> {
        let question = Question {
            action: Action::Seal,
            logged_as: audit::Action::Seal,
            kind: None,
            fields: BTreeSet::new(),
            entire: true,
            purpose: None,
            reason,
        };
        let look = move |look: &Look<'_>| look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: () }));
        self.disclose(call, look).await.map(|((), receipt)| receipt)
    }

    /// Notes that the vault's own user seals it.
    pub(crate) async fn note_seal(self: &Arc<Self>, call: LocalCall) -> Result<Receipt, Failure> {
        let noted = self.store.transact(NoteOnly, call.draft(audit::Action::Seal), None, Depends::default());
        let ((), receipt) = noted.await.map_err(uncommitted)?;
        Ok(receipt)
    }
}
