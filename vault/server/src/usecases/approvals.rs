//! Officers and what they approve: enrolled and handed in on the vault's host, where whoever does it need not be believed,
//! since the signatures are. What policies the vault goes by is settled once, at the start.

use std::sync::Arc;

use coffre_core::approval::{Approval, Officer, Officers, PolicyHashes};
use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::crypto::Scope;
use coffre_core::ids::RequestId;
use coffre_core::spool::ContentHash;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{EnactPolicies, EnrolOfficers, HandInApproval};
use coffre_store::{Application, ApprovedPolicies, Depends, Receipt};

use super::approval_refusal::{ApprovalRefusal, PoliciesNotApproved};
use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};

/// How it stands with officers and what they have approved.
pub(crate) struct Approvals {
    pub(crate) scope: Scope,
    pub(crate) officers: Option<Officers>,
    /// The policies that were approved last.
    pub(crate) approved: Option<ApprovedPolicies>,
    /// Those that a server was started with last.
    pub(crate) in_force: Option<ApprovedPolicies>,
    /// Those that this server goes by.
    pub(crate) loaded: PolicyHashes,
    /// Applications that have no effect yet.
    pub(crate) waiting: Vec<Application>,
}

impl Keeper {
    /// Enrols the first officers of the vault.
    pub(crate) async fn enrol_officers(
        self: &Arc<Self>,
        call: LocalCall,
        keys: &[String],
    ) -> Result<(Officers, Receipt), Failure> {
        let officers = keys.iter().map(|key| key.parse::<Officer>()).collect::<Result<_, _>>();
        let officers = Officers::new(1, officers.map_err(ApprovalRefusal::from)?).map_err(ApprovalRefusal::from)?;
        let enrol = EnrolOfficers { officers: officers.clone() };
        let pending =
            self.store.transact(enrol, self.draft_here(call, Action::EnrolOfficers), None, Depends::default());
        let (enrolled, receipt) = pending.await.map_err(uncommitted)?;
        let entry = receipt.index();
        enrolled.map_err(|refusal| ApprovalRefusal::Enrolled { refusal, entry })?;
        Ok((officers, receipt))
    }

    /// Takes what officers have signed.
    pub(crate) async fn hand_in_approval(
        self: &Arc<Self>,
        call: LocalCall,
        note: String,
    ) -> Result<(Approval, Receipt), Failure> {
        let draft = self.draft_here(call, Action::Approve);
        let pending = self.store.transact(HandInApproval { note }, draft, None, Depends::default());
        let (handed_in, receipt) = pending.await.map_err(uncommitted)?;
        let entry = receipt.index();
        let approval = handed_in.map_err(|refusal| ApprovalRefusal::HandIn { refusal, entry })?;
        Ok((approval, receipt))
    }

    /// How it stands.
    pub(crate) async fn approvals(self: &Arc<Self>) -> Result<Approvals, Failure> {
        self.view(|keeper, snapshot| {
            let applications = snapshot.applications()?.into_iter();
            Ok(Approvals {
                scope: keeper.store.scope().clone(),
                officers: snapshot.officers()?,
                approved: snapshot.policies_approved()?,
                in_force: snapshot.policies_in_force()?,
                loaded: keeper.policy_hashes(),
                waiting: applications.filter(|one| one.revoked_at.is_none() && !one.in_effect).collect(),
            })
        })
        .await
    }

    /// Sees to it that the policies may be gone by: the officers, if there are any, have approved them. Those approved last
    /// come into force with this, which is an entry; from then on no earlier ones do.
    pub(crate) async fn require_policies(&self) -> Result<(), Failure> {
        self.policies_may.get_or_try_init(|| self.put_policies_in_force()).await.map(drop)
    }

    async fn put_policies_in_force(&self) -> Result<(), Failure> {
        let store = self.store.clone();
        let kept = move || {
            let snapshot = store.snapshot()?;
            Ok((snapshot.officers()?, snapshot.policies_approved()?, snapshot.policies_in_force()?))
        };
        let (officers, approved, in_force) = blocking(kept).await?;
        if officers.is_none() {
            tracing::warn!(
                "NOBODY APPROVES: this vault has no officers, so policies and applications take effect without any: \
                 enrol them with `coffre officer enrol`"
            );
            return Ok(());
        }
        let hashes = self.policy_hashes();
        if approved.as_ref().is_some_and(|approved| approved.hashes == hashes) && approved != in_force {
            let request = RequestId::random(&mut SystemEntropy);
            let draft = Draft::new(Action::EnactPolicies, Decision::Allow, request);
            let enact = EnactPolicies { hashes };
            self.store.transact(enact, draft, None, Depends::default()).await.map_err(uncommitted)?;
            return Ok(());
        }
        // What was approved since, and not started with yet, does not stop what is in force.
        if in_force.as_ref().is_some_and(|in_force| in_force.hashes == hashes) {
            return Ok(());
        }
        Err(ApprovalRefusal::from(not_approved(hashes, approved.as_ref())).into())
    }

    fn policy_hashes(&self) -> PolicyHashes {
        let of = |hash: coffre_policies::PolicySetHash| ContentHash::from_bytes(*hash.as_bytes());
        PolicyHashes { policies: of(self.policies.hash()), environments: of(self.policies.environments_hash()) }
    }
}

fn not_approved(found: PolicyHashes, approved: Option<&ApprovedPolicies>) -> PoliciesNotApproved {
    match approved {
        None => PoliciesNotApproved::None { found: found.policies.to_string() },
        Some(ApprovedPolicies { serial, hashes, .. }) if hashes.policies == found.policies => {
            let (found, approved) = (found.environments.to_string(), hashes.environments.to_string());
            PoliciesNotApproved::Environments { found, serial: *serial, approved }
        }
        Some(ApprovedPolicies { serial, hashes, .. }) => {
            let (found, approved) = (found.policies.to_string(), hashes.policies.to_string());
            PoliciesNotApproved::Others { found, serial: *serial, approved }
        }
    }
}
