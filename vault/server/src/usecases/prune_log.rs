//! Pruning of the audit log at the end of its own retention: entries go in whole bundles, from the first on; what they
//! say was written is carried over first, without who wrote it, when and why.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use coffre_core::audit::{self, Carried};
use coffre_core::record::RecordTypeName;
use coffre_core::tlog::TILE_WIDTH;
use coffre_policies::Action;
use coffre_store::transactions::{CarryOver, PruneLog};
use coffre_store::{Carrying, Depends, Snapshot, Transaction};

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};
use super::look::{Look, Question};

/// As much of what is carried over as an entry takes: an entry is 65,535 bytes at most.
const ROOM: usize = 56_000;

/// Who has the log pruned.
#[derive(Clone, Copy)]
pub(super) enum Caller<'c> {
    Application(&'c Call),
    Host(LocalCall),
}

impl Keeper {
    /// The entries that are past their time and still there: all, and those that whole bundles hold.
    pub(super) fn past_entries(&self, snapshot: &Snapshot<'_>) -> Result<(Range<u64>, Range<u64>), Failure> {
        // By the clock where the log is ahead of it, as records are judged.
        let cutoff = self.policies.log_retention().cutoff(self.store.clock_time());
        let first = snapshot.minimum_index()?;
        let end = snapshot.first_entry_at(cutoff, self.store.tree_head().size)?;
        Ok((first..end, first..first.max(end - end % TILE_WIDTH)))
    }

    /// Prunes what is past its time; gives how many entries.
    pub(super) async fn prune_log(self: &Arc<Self>, caller: Caller<'_>) -> Result<u64, Failure> {
        let past = self.view(|keeper, snapshot| Ok(keeper.past_entries(snapshot)?.1)).await?;
        if past.is_empty() {
            return Ok(0);
        }
        let (minimum_index, keeper) = (past.end, Arc::clone(self));
        let mut carrying = blocking(move || Ok(Carrying::begin(&keeper.store, minimum_index)?)).await?;
        loop {
            let keeper = Arc::clone(self);
            let (next, there) = blocking(move || {
                let next = carrying.next(&keeper.store)?;
                Ok((next, carrying))
            })
            .await?;
            carrying = there;
            let Some(written) = next else { break };
            for carried in shared_out(written) {
                self.commit_for(caller, audit::Action::CarryOver, CarryOver { minimum_index, carried }).await?;
            }
        }
        self.commit_for(caller, audit::Action::PruneLog, PruneLog { minimum_index }).await?;
        tracing::info!(entries = past.end - past.start, minimum_index, "entries of the audit log were pruned");
        Ok(past.end - past.start)
    }

    pub(super) async fn commit_for<T>(
        self: &Arc<Self>,
        caller: Caller<'_>,
        action: audit::Action,
        act: T,
    ) -> Result<T::Output, Failure>
    where
        T: Transaction + Clone + Sync,
        Failure: From<T::Error>,
    {
        match caller {
            Caller::Application(call) => {
                let kind = self.any_kind()?;
                let question = Question {
                    action: Action::RunRetention,
                    logged_as: action,
                    kind: Some(kind),
                    fields: BTreeSet::new(),
                    entire: true,
                    purpose: None,
                    reason: None,
                };
                let look = move |look: &Look<'_>| {
                    let mut plan = look.at_large(&question, || Ok(act.clone()))?;
                    plan.draft.record_type = None;
                    Ok(plan)
                };
                Ok(self.change(call, look).await?.0)
            }
            Caller::Host(call) => {
                let draft = self.draft_here(call, action);
                let done = self.store.transact(act, draft, None, Depends::default());
                Ok(done.await.map_err(uncommitted)?.0)
            }
        }
    }

    /// The rules are of all types of record: the question is asked of the first.
    pub(super) fn any_kind(&self) -> Result<RecordTypeName, Failure> {
        let first = self.policies.record_types().next().map(|kind| kind.name().clone());
        first.ok_or_else(|| Failure::Internal { what: "no record type is declared".to_owned() })
    }
}

/// In shares that an entry has room for.
fn shared_out(written: Vec<Carried>) -> Vec<Vec<Carried>> {
    let (mut shares, mut room) = (Vec::<Vec<Carried>>::new(), 0);
    for of in written {
        let length = serde_json::to_vec(&of).map_or(ROOM, |json| json.len() + 1);
        match shares.last_mut() {
            Some(share) if length <= room => share.push(of),
            _ => {
                shares.push(vec![of]);
                room = ROOM;
            }
        }
        room = room.saturating_sub(length);
    }
    shares
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use coffre_core::audit::{Decision, Draft, MAX_LEAF_LENGTH, SealedValue};
    use coffre_core::ids::{RequestId, SubjectId};
    use coffre_core::time::Timestamp;

    use super::*;

    #[test]
    fn every_share_fits_an_entry_and_nothing_is_left_out() {
        let value = |version| SealedValue { category: "health".parse().unwrap(), version, sha256: "f".repeat(64) };
        let written: Vec<Carried> = (0..1_000)
            .map(|index| Carried {
                index,
                subject: SubjectId::from_bytes([7; 16]),
                values: (0..=u32::try_from(index % 7).unwrap()).map(value).collect(),
                document: None,
                reencrypted: false,
            })
            .collect();
        let shares = shared_out(written.clone());
        assert!(shares.len() > 5);
        for share in &shares {
            let draft = Draft::new(audit::Action::CarryOver, Decision::Allow, RequestId::from_bytes([0; 16]));
            let entry = Draft { carried: share.clone(), operator: Some("x".repeat(512)), ..draft };
            assert!(entry.at(Timestamp::from_micros(i64::MAX)).leaf().unwrap().len() <= MAX_LEAF_LENGTH);
        }
        assert_eq!(shares.concat(), written);
    }
}
