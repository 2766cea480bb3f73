//! The plan of retention: what the rules would do now. It changes nothing, and it tells something of everybody whom it
//! lists: what the record holds, and a day that follows from its dates. So it is made first, and given once entries are
//! committed that name these people and the fields that the days rest on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit::{self, Draft};
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use coffre_policies::{Action, Labels};
use coffre_store::transactions::NoteAll;
use coffre_store::{CommitError, Depends, Receipt, Snapshot};
use serde::Serialize;

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use super::look::Look;
use super::plan::{ATTEMPTS, Plan};
use super::remove_requests::RequestStanding;
use super::retention::{Act, Step, question};

/// So many steps are listed one by one; all are counted.
const LISTED: usize = 1_000;
/// So many people are named in one entry, so that it stays within its length.
const NAMED: usize = 400;

/// How the audit log stands with its own time.
#[derive(Debug, Serialize)]
pub(crate) struct LogStanding {
    keep: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<Labels>,
    /// Entries past their time.
    past: u64,
    /// Those of them that a run prunes: whole bundles of 256.
    prune: u64,
    /// The index of the first entry that is there.
    minimum_index: u64,
}

/// What retention would do.
#[derive(Debug, Serialize)]
pub(crate) struct RetentionPlan {
    /// Records that were looked at.
    pub(crate) records: u64,
    /// Steps by what is done.
    pub(crate) counts: BTreeMap<Act, u64>,
    /// The first of them.
    pub(crate) steps: Vec<Step>,
    pub(crate) requests: RequestStanding,
    pub(crate) log: LogStanding,
}

impl Keeper {
    /// What retention would do, for an application.
    pub(crate) async fn plan_retention(self: &Arc<Self>, call: &Call) -> Result<(RetentionPlan, Receipt), Failure> {
        let permitted = |look: &Look<'_>| {
            let question = question(look, Action::PlanRetention, audit::Action::PlanRetention)?;
            look.at_large(&question, || Ok(()))
        };
        self.permit(call, permitted).await?;
        let mut plan = self.retention_plan().await?;
        let planned = std::mem::take(&mut plan.steps);
        let look = move |look: &Look<'_>| {
            let question = question(look, Action::PlanRetention, audit::Action::PlanRetention)?;
            let Plan { draft, reason, depends, then } =
                look.at_large(&question, || still_there(look.snapshot, &planned))?;
            let answer = match then {
                Ok(answer) => answer,
                Err(refused) => return Ok(Plan { draft, reason, depends, then: Err(refused) }),
            };
            let depends = Depends { subjects: whom(&answer), ..depends };
            let note = NoteAll { entries: look.keeper.entries_of_plan(&draft, &answer)?, answer };
            Ok(Plan { draft, reason, depends, then: Ok(note) })
        };
        let (steps, receipt) = self.change(call, look).await?;
        Ok((RetentionPlan { steps, ..plan }, receipt))
    }

    /// What retention would do, for the vault's own user.
    pub(crate) async fn plan_retention_here(
        self: &Arc<Self>,
        call: LocalCall,
    ) -> Result<(RetentionPlan, Receipt), Failure> {
        let mut plan = self.retention_plan().await?;
        let planned = Arc::new(std::mem::take(&mut plan.steps));
        for _ in 0..ATTEMPTS {
            let draft = self.draft_here(call, audit::Action::PlanRetention);
            let (base, planned) = (draft.clone(), Arc::clone(&planned));
            let look = self.view(move |keeper, snapshot| {
                let answer = still_there(snapshot, &planned)?;
                let access_point = snapshot.access_point();
                let depends = Depends { access_point, subjects: whom(&answer), ..Depends::default() };
                Ok((NoteAll { entries: keeper.entries_of_plan(&base, &answer)?, answer }, depends))
            });
            let (note, depends) = look.await?;
            match self.store.transact(note, draft, None, depends).await {
                Ok((steps, receipt)) => return Ok((RetentionPlan { steps, ..plan }, receipt)),
                Err(CommitError::Moved) => {}
                Err(error) => return Err(uncommitted(error)),
            }
        }
        Err(Failure::Contended)
    }

    async fn retention_plan(self: &Arc<Self>) -> Result<RetentionPlan, Failure> {
        let rule = self.policies.log_retention();
        let (past, whole) = self.view(Self::past_entries).await?;
        let log = LogStanding {
            keep: rule.keep.to_string(),
            justification: rule.justification.clone(),
            past: past.end - past.start,
            prune: whole.end - whole.start,
            minimum_index: past.start,
        };
        let requests = self.request_standing().await?;
        let mut plan = RetentionPlan { records: 0, counts: BTreeMap::new(), steps: Vec::new(), requests, log };
        for kind in self.kinds() {
            let mut after = None;
            while let Some((last, looked_at, steps)) = self.planned(&kind, after).await? {
                (after, plan.records) = (Some(last), plan.records + looked_at);
                for step in steps {
                    *plan.counts.entry(step.act).or_default() += 1;
                    if plan.steps.len() < LISTED {
                        plan.steps.push(step);
                    }
                }
            }
        }
        Ok(plan)
    }

    /// The entries of what is listed: whom, and the fields that the days rest on; at least one.
    fn entries_of_plan(&self, base: &Draft, steps: &[Step]) -> Result<Vec<Draft>, Failure> {
        let mut listed = BTreeMap::<&RecordTypeName, BTreeSet<SubjectId>>::new();
        for step in steps {
            listed.entry(&step.kind).or_default().insert(step.id);
        }
        let mut entries = Vec::new();
        for (kind, subjects) in listed {
            let fields = self.policies.dating_fields(self.record_type(kind.as_str())?);
            let subjects: Vec<SubjectId> = subjects.into_iter().collect();
            entries.extend(subjects.chunks(NAMED).map(|some| Draft {
                record_type: Some(kind.clone()),
                subjects: some.to_vec(),
                fields: fields.clone(),
                ..base.clone()
            }));
        }
        if entries.is_empty() {
            entries.push(base.clone());
        }
        Ok(entries)
    }
}

/// Those steps whose records are still there: a plan takes its time, and nothing is told of who was erased meanwhile.
fn still_there(snapshot: &Snapshot<'_>, steps: &[Step]) -> Result<Vec<Step>, Failure> {
    let mut there = Vec::with_capacity(steps.len());
    for step in steps {
        if snapshot.record(&step.kind, step.id)?.is_some() {
            there.push(step.clone());
        }
    }
    Ok(there)
}

/// Each once.
fn whom(steps: &[Step]) -> Vec<SubjectId> {
    let listed: BTreeSet<SubjectId> = steps.iter().map(|step| step.id).collect();
    listed.into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use coffre_core::audit::{Decision, MAX_LEAF_LENGTH};
    use coffre_core::ids::RequestId;
    use coffre_core::time::Timestamp;

    use super::*;

    #[test]
    fn an_entry_has_room_for_everybody_that_it_may_name() {
        let draft = Draft::new(audit::Action::PlanRetention, Decision::Allow, RequestId::from_bytes([0; 16]));
        let entry = Draft {
            operator: Some("x".repeat(512)),
            subjects: vec![SubjectId::from_bytes([7; 16]); NAMED],
            fields: vec!["contract.end_date".parse().unwrap(); 500],
            ..draft
        };
        assert!(entry.at(Timestamp::from_micros(i64::MAX)).leaf().unwrap().len() <= MAX_LEAF_LENGTH);
    }
}
