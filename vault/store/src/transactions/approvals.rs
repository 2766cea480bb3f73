//! Enrolling officers, and what takes effect only when two of them have signed it. A refused approval is committed with
//! its entry, like an act: somebody tried.

use coffre_core::approval::{
    ApplicationStatement, Approval, ApprovalError, Officers, PolicyHashes, PolicyStatement, Statement, Subject,
};
use coffre_core::audit::{Decision, Draft};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Transaction;
use crate::applications;
use crate::approvals::{ApprovedPolicies, OFFICERS, POLICIES_APPROVED, POLICIES_IN_FORCE, kept, of_application};
use crate::error::ReadError;
use crate::meta;
use crate::writer::{AccessKey, Work, WorkError};

/// Enrols the first officers of a vault. From its entry on nothing takes effect without two of them, and applications
/// that are there already have none.
pub struct EnrolOfficers {
    /// Who they are; numbered 1.
    pub officers: Officers,
}

/// Officers were enrolled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "this vault has officers, and they alone say who the officers are: have two of them sign the new ones, see `coffre approve officers`"
)]
pub struct AlreadyEnrolled;

/// Nothing was decided.
#[derive(Debug, Error)]
pub enum ApproveError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for EnrolOfficers {
    type Output = Result<(), AlreadyEnrolled>;
    type Error = ApproveError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<Self::Output, ApproveError> {
        base.target = Some(told_of(&self.officers));
        if read::<Officers>(work, OFFICERS)?.is_some() {
            refuse(work, base, "officers-enrolled");
            return Ok(Err(AlreadyEnrolled));
        }
        keep(work, OFFICERS, &self.officers)?;
        // Every application is without effect from here on.
        work.access_changed(AccessKey::Everybody);
        work.log(base);
        Ok(Ok(()))
    }
}

/// Hands in a note that officers have signed: what it says takes effect with its entry, policies at the next start.
pub struct HandInApproval {
    /// The note.
    pub note: String,
}

/// An approval that does not take effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HandInRefusal {
    /// There is nobody whose signatures would count.
    #[error("this vault has no officers, so nothing can be approved: enrol them first, with `coffre officer enrol`")]
    NobodyApproves,
    /// The note approves nothing here.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// It is not what comes next.
    #[error(
        "this approves {what} as number {found}, and {expected} is the next one here: what was approved once does not come back by itself; make it anew with `coffre approve {what}` and have it signed again"
    )]
    Serial {
        /// `policies` or `officers`.
        what: &'static str,
        /// The number in the statement.
        found: u64,
        /// The one that would take effect.
        expected: u64,
    },
    /// Other policies were approved last than those that the officers compared these with.
    #[error(
        "these policies were to replace others than those that were approved last: make it anew with `coffre approve policies` and have it signed again"
    )]
    Replaces,
    /// There is no such application.
    #[error("the application that was signed is not there, or was revoked: see `coffre application list`")]
    NoSuchApplication,
    /// It is another one by now.
    #[error(
        "the application has another name, role or proof than what was signed: make it anew with `coffre approve application`"
    )]
    OtherApplication,
    /// It has an effect already.
    #[error("the application is approved already: nothing is to be done")]
    AlreadyApproved,
}

impl HandInRefusal {
    /// A stable code for the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NobodyApproves => "no-officers",
            Self::Approval(error) => error.code(),
            Self::Serial { .. } => "not-the-next",
            Self::Replaces => "replaces-another",
            Self::NoSuchApplication => "no-such-application",
            Self::OtherApplication => "another-application",
            Self::AlreadyApproved => "already-approved",
        }
    }
}

impl Transaction for HandInApproval {
    type Output = Result<Approval, HandInRefusal>;
    type Error = ApproveError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<Self::Output, ApproveError> {
        let approval = match self.open(work)? {
            Ok(approval) => approval,
            Err(refusal) => {
                refuse(work, base, refusal.code());
                return Ok(Err(refusal));
            }
        };
        base.target = Some(format!("{} by {}", target(&approval.statement), approval.signed_by()));
        if let Err(refusal) = self.take_effect(work, &approval.statement)? {
            refuse(work, base, refusal.code());
            return Ok(Err(refusal));
        }
        work.log(base);
        Ok(Ok(approval))
    }
}

impl HandInApproval {
    fn open(&self, work: &Work<'_>) -> Result<Result<Approval, HandInRefusal>, WorkError> {
        let Some(officers) = read::<Officers>(work, OFFICERS)? else { return Ok(Err(HandInRefusal::NobodyApproves)) };
        Ok(Approval::open(self.note.as_bytes(), &officers, work.around.scope).map_err(HandInRefusal::from))
    }

    fn take_effect(&self, work: &mut Work<'_>, statement: &Statement) -> Result<Result<(), HandInRefusal>, WorkError> {
        match &statement.subject {
            Subject::Policies(policies) => self.policies(work, policies),
            Subject::Application(application) => self.application(work, application),
            Subject::Officers(officers) => change_officers(work, officers),
        }
    }

    fn policies(&self, work: &Work<'_>, statement: &PolicyStatement) -> Result<Result<(), HandInRefusal>, WorkError> {
        let last = read::<ApprovedPolicies>(work, POLICIES_APPROVED)?;
        let expected = last.as_ref().map_or(1, |last| last.serial + 1);
        if statement.serial != expected {
            return Ok(Err(HandInRefusal::Serial { what: "policies", found: statement.serial, expected }));
        }
        if statement.replaces != last.map(|last| last.hashes) {
            return Ok(Err(HandInRefusal::Replaces));
        }
        keep(work, POLICIES_APPROVED, &ApprovedPolicies::new(statement, &self.note))?;
        Ok(Ok(()))
    }

    fn application(
        &self,
        work: &mut Work<'_>,
        statement: &ApplicationStatement,
    ) -> Result<Result<(), HandInRefusal>, WorkError> {
        let found = applications::by_id(work.around.vault, statement.id);
        let Some(found) = work.try_run(found)?.filter(|found| found.revoked_at.is_none()) else {
            return Ok(Err(HandInRefusal::NoSuchApplication));
        };
        if found.statement() != *statement {
            return Ok(Err(HandInRefusal::OtherApplication));
        }
        if found.in_effect {
            return Ok(Err(HandInRefusal::AlreadyApproved));
        }
        keep(work, &of_application(statement.id), &self.note)?;
        work.access_changed(AccessKey::Application(statement.id));
        Ok(Ok(()))
    }
}

fn change_officers(work: &Work<'_>, officers: &Officers) -> Result<Result<(), HandInRefusal>, WorkError> {
    let expected = read::<Officers>(work, OFFICERS)?.map_or(1, |present| present.serial() + 1);
    if officers.serial() != expected {
        return Ok(Err(HandInRefusal::Serial { what: "officers", found: officers.serial(), expected }));
    }
    keep(work, OFFICERS, officers)?;
    Ok(Ok(()))
}

/// Says that a server goes on with the policy set that was approved last: the one before it does not come back.
pub struct EnactPolicies {
    /// What it is known by.
    pub hashes: PolicyHashes,
}

/// Policies that do not come into force.
#[derive(Debug, Error)]
pub enum EnactError {
    /// They are not those approved last.
    #[error("these policies are not those that were approved last: try again")]
    NotApproved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for EnactPolicies {
    type Output = ();
    type Error = EnactError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<(), EnactError> {
        let approved = read::<ApprovedPolicies>(work, POLICIES_APPROVED)?;
        let approved = approved.filter(|approved| approved.hashes == self.hashes);
        let approved = approved.ok_or(EnactError::NotApproved)?;
        keep(work, POLICIES_IN_FORCE, &approved)?;
        base.target = Some(told_of_policies(approved.serial, approved.hashes));
        base.policy_set = Some(approved.hashes.policies.to_string());
        work.log(base);
        Ok(())
    }
}

fn refuse(work: &mut Work<'_>, mut entry: Draft, cause: &str) {
    entry.decision = Decision::Deny;
    entry.cause = Some(cause.to_owned());
    work.log(entry);
}

/// What an entry says of what is approved.
fn target(statement: &Statement) -> String {
    match &statement.subject {
        Subject::Policies(PolicyStatement { serial, hashes, .. }) => told_of_policies(*serial, *hashes),
        Subject::Application(ApplicationStatement { id, name, role, san_uri }) => {
            let by = san_uri.as_deref().map(|uri| format!(", by certificate of {uri}")).unwrap_or_default();
            format!("application {name} ({role}, {id}){by}")
        }
        Subject::Officers(officers) => told_of(officers),
    }
}

fn told_of_policies(serial: u64, hashes: PolicyHashes) -> String {
    let PolicyHashes { policies, environments } = hashes;
    format!("policies {serial} ({policies}, environments {environments})")
}

fn told_of(officers: &Officers) -> String {
    format!("officers {} ({})", officers.serial(), officers.known_as())
}

fn read<T: DeserializeOwned>(work: &Work<'_>, key: &str) -> Result<Option<T>, WorkError> {
    work.try_run(kept(work.around.vault, key))
}

fn keep(work: &Work<'_>, key: &str, value: &impl Serialize) -> Result<(), WorkError> {
    let text = work.try_run(serde_json::to_string(value).map_err(|_| ReadError::Format { what: "approval" }))?;
    work.try_run(meta::set(work.around.vault, key, &text))
}
