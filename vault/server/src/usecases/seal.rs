//! Sealing the vault. It takes two operators: one proposes, another one confirms; the vault's own user does it alone, on
//! its host. What is asked for is in the log before it is done: the entry is the last one before the keys leave memory,
//! and a refusal is one too. The vault's own user alone seals without one, where it cannot be written. Nothing here seals;
//! whoever serves does, when told.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use coffre_core::audit;
use coffre_core::four_eyes::KnownOperator;
use coffre_core::time::Timestamp;
use coffre_policies::Action;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Receipt, Unavailable};
use tokio::time::timeout;

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::Reading;

/// How long a proposal can be confirmed: an hour. It is kept in memory alone, like what it is about.
const PROPOSAL_SECONDS: i64 = 3600;
/// How long the vault's own user waits for the entry: a disk that does not answer keeps nothing open.
const NOTED_WITHIN: Duration = Duration::from_secs(10);

/// Somebody wants the vault sealed.
#[derive(Debug, Clone)]
pub(crate) struct SealProposal {
    pub(crate) by: KnownOperator,
    /// When it can no longer be confirmed.
    pub(crate) until: Timestamp,
}

impl Keeper {
    /// Proposes to seal the vault, in the place of an earlier proposal.
    pub(crate) async fn propose_seal(
        self: &Arc<Self>,
        call: &Call,
        reason: Option<String>,
    ) -> Result<(SealProposal, Receipt), Failure> {
        let by = operator_of(call)?;
        let question = question(audit::Action::ProposeSeal, reason);
        let look = move |look: &Look<'_>| {
            let proposal = || SealProposal { by: by.clone(), until: look.now.plus_seconds(PROPOSAL_SECONDS) };
            look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: proposal() }))
        };
        let (proposal, receipt) = self.disclose(call, look).await?;
        *self.seal_proposed.lock().unwrap_or_else(PoisonError::into_inner) = Some(proposal.clone());
        Ok((proposal, receipt))
    }

    /// Whether the vault is to be sealed now: another operator proposed it, and this one may confirm.
    pub(crate) async fn confirm_seal(
        self: &Arc<Self>,
        call: &Call,
        reason: Option<String>,
    ) -> Result<Receipt, Failure> {
        let by = operator_of(call)?;
        let question = question(audit::Action::Seal, reason);
        let look = move |look: &Look<'_>| {
            let another = || {
                let proposed = look.keeper.seal_proposed.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let proposal = proposed.filter(|proposal| look.now < proposal.until);
                proposal.map(|proposal| by.may_confirm(&proposal.by)).ok_or(Failure::SealNotProposed)
            };
            let mut plan = look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: another()? }))?;
            if let Ok(Reading { content: false, .. }) = plan.then {
                plan.draft.decision = audit::Decision::Deny;
                plan.draft.cause = Some("not-another-operator".to_owned());
            }
            Ok(plan)
        };
        let (another, receipt) = self.disclose(call, look).await?;
        if another { Ok(receipt) } else { Err(Failure::NotAnotherOperator { entry: receipt.index() }) }
    }

    /// Notes that the vault's own user seals it, if that can be written.
    pub(crate) async fn note_seal(self: &Arc<Self>, call: LocalCall) -> Result<Receipt, Failure> {
        let noted = self.store.transact(NoteOnly, self.draft_here(call, audit::Action::Seal), None, Depends::default());
        let late = || Unavailable::Disk { detail: "it did not answer in time".to_owned() };
        let ((), receipt) = timeout(NOTED_WITHIN, noted).await.map_err(|_late| late())?.map_err(uncommitted)?;
        Ok(receipt)
    }
}

fn operator_of(call: &Call) -> Result<KnownOperator, Failure> {
    call.known_operator().ok_or_else(|| Failure::Internal { what: "an act of two operators without one".to_owned() })
}

fn question(logged_as: audit::Action, reason: Option<String>) -> Question {
    Question {
        action: Action::Seal,
        logged_as,
        kind: None,
        fields: BTreeSet::new(),
        entire: true,
        purpose: None,
        reason,
    }
}
