//! Retention: what the rules say is to be set apart, brought back or removed, and doing it. The rules come to the
//! records; nothing of their content leaves the store to be judged. What is told of a plan: `retention_plan`.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_core::record::{Category, RecordTypeName};
use coffre_policies::values::date;
use coffre_policies::{Action, Belongs, Keeping, Labels, RecordFacts, RecordType};
use coffre_store::Depends;
use coffre_store::transactions::{Facts, KeptBy, MustKeep, RetainRecord, Retained, Wanted};
use serde::Serialize;

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::prune_log::Caller;

/// So many records are judged in one view.
const PAGE: usize = 100;

/// What is done with a category of a record, or with all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Set apart in the intermediate archive.
    Archive,
    /// Brought back into daily use.
    BringBack,
    /// Every value of the category is removed.
    Remove,
    /// Nothing keeps any of the record: it is erased, with its key.
    Erase,
    /// It is past its time, and something stands against removing it.
    Keep,
}

/// A step of a plan, and why.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    #[serde(rename = "type")]
    pub(crate) kind: RecordTypeName,
    pub(crate) id: SubjectId,
    pub(crate) category: Category,
    pub(crate) act: Act,
    /// The last day on which it is kept, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    pub(crate) source: Labels,
    /// What stands against removing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kept_by: Option<&'static str>,
}

/// What retention did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RetentionRun {
    /// Records that were looked at.
    pub(crate) records: u64,
    /// Categories set apart.
    pub(crate) archived: u64,
    /// Categories brought back.
    pub(crate) brought_back: u64,
    /// Categories removed, of records that stay.
    pub(crate) removed: u64,
    /// Records erased.
    pub(crate) erased: u64,
    /// Records past their time that a legal hold keeps.
    pub(crate) on_hold: u64,
    /// Records past their time whose processing is restricted.
    pub(crate) restricted: u64,
    /// Records past their time that a waiting request keeps.
    pub(crate) with_request: u64,
    /// Answered requests past their time that were removed.
    pub(crate) requests_removed: u64,
    /// Entries of the audit log that were pruned.
    pub(crate) pruned: u64,
}

/// A category as the rules see it.
struct Verdict {
    category: Category,
    belongs: Belongs,
    until: Option<String>,
    source: Labels,
}

impl Keeper {
    /// Applies the rules, for an application.
    pub(crate) async fn run_retention(self: &Arc<Self>, call: &Call) -> Result<RetentionRun, Failure> {
        let permitted = |look: &Look<'_>| {
            let question = question(look, Action::RunRetention, audit::Action::Archive)?;
            look.at_large(&question, || Ok(()))
        };
        self.permit(call, permitted).await?;
        let mut run = RetentionRun::default();
        for kind in self.kinds() {
            let mut after = None;
            while let Some((last, looked_at, due)) = self.due(&kind, after).await? {
                (after, run.records) = (Some(last), run.records + looked_at);
                for subject in due {
                    let kind = kind.clone();
                    let look = move |look: &Look<'_>| {
                        let of_kind = question_of(kind.clone(), Action::RunRetention, audit::Action::Archive);
                        look.at_large(&of_kind, || look.keeper.retaining(&kind, subject))
                    };
                    match self.change(call, look).await {
                        Ok((done, _)) => run.add(&done),
                        // Somebody else erased it meanwhile.
                        Err(Failure::Contended) => {}
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
        run.requests_removed = self.remove_requests(Caller::Application(call)).await?;
        run.pruned = self.prune_log(Caller::Application(call)).await?;
        Ok(run)
    }

    /// Applies the rules, for the vault's own user.
    pub(crate) async fn run_retention_here(self: &Arc<Self>, call: LocalCall) -> Result<RetentionRun, Failure> {
        let mut run = RetentionRun::default();
        for kind in self.kinds() {
            let mut after = None;
            while let Some((last, looked_at, due)) = self.due(&kind, after).await? {
                (after, run.records) = (Some(last), run.records + looked_at);
                for subject in due {
                    let draft = self.draft_here(call, audit::Action::Archive);
                    let act = self.retaining(&kind, subject)?;
                    match self.store.transact(act, draft, None, Depends::default()).await.map_err(uncommitted) {
                        Ok((done, _)) => run.add(&done),
                        Err(Failure::Contended) => {}
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
        run.requests_removed = self.remove_requests(Caller::Host(call)).await?;
        run.pruned = self.prune_log(Caller::Host(call)).await?;
        Ok(run)
    }

    pub(super) fn kinds(&self) -> Vec<RecordTypeName> {
        self.policies.record_types().map(|kind| kind.name().clone()).collect()
    }

    /// The records of a page to which something is to be done; none after the last page.
    async fn due(
        self: &Arc<Self>,
        kind: &RecordTypeName,
        after: Option<SubjectId>,
    ) -> Result<Option<(SubjectId, u64, BTreeSet<SubjectId>)>, Failure> {
        let page = self.planned(kind, after).await?;
        Ok(page.map(|(last, looked_at, steps)| (last, looked_at, steps.iter().map(|step| step.id).collect())))
    }

    /// The steps of a page of records.
    pub(super) async fn planned(
        self: &Arc<Self>,
        kind: &RecordTypeName,
        after: Option<SubjectId>,
    ) -> Result<Option<(SubjectId, u64, Vec<Step>)>, Failure> {
        let kind = kind.clone();
        self.view(move |keeper, snapshot| {
            let subjects = snapshot.records(&kind, after, PAGE)?;
            let Some(last) = subjects.last().copied() else { return Ok(None) };
            let (rule, now) = (keeper.verdicts(&kind, |verdict| verdict), keeper.now());
            let mut steps = Vec::new();
            for subject in &subjects {
                let verdicts = snapshot.judged(&kind, *subject, now, &rule)?;
                let Some(state) = snapshot.record(&kind, *subject)? else { continue };
                let gone = |verdict: &Verdict| verdict.belongs == Belongs::Nowhere;
                let obstacle =
                    if verdicts.iter().any(gone) { snapshot.obstacles(*subject)?.kept_by().map(named) } else { None };
                let whole = verdicts.iter().all(gone);
                for verdict in verdicts {
                    let apart = state.archived.contains(&verdict.category);
                    let act = match (verdict.belongs, obstacle) {
                        (Belongs::InUse, _) if apart => Act::BringBack,
                        (Belongs::Apart, _) if !apart => Act::Archive,
                        (Belongs::InUse | Belongs::Apart, _) => continue,
                        (Belongs::Nowhere, Some(_)) => Act::Keep,
                        (Belongs::Nowhere, None) if whole => Act::Erase,
                        (Belongs::Nowhere, None) => Act::Remove,
                    };
                    let Verdict { category, until, source, .. } = verdict;
                    let kept_by = obstacle.filter(|_| act == Act::Keep);
                    steps.push(Step { kind: kind.clone(), id: *subject, category, act, until, source, kept_by });
                }
            }
            Ok(Some((last, subjects.len() as u64, steps)))
        })
        .await
    }

    fn retaining(&self, kind: &RecordTypeName, subject: SubjectId) -> Result<RetainRecord, Failure> {
        let declared = self.record_type(kind.as_str())?;
        let rules = self.verdicts(kind, |verdict| {
            let wanted = match verdict.belongs {
                Belongs::InUse => Wanted::InUse,
                Belongs::Apart => Wanted::Apart,
                Belongs::Nowhere => Wanted::Gone,
            };
            (verdict.category, wanted)
        });
        let of_documents = declared.document_fields().map(coffre_core::record::FieldPath::category);
        Ok(RetainRecord {
            record_type: kind.clone(),
            subject,
            rules,
            remember: self.never_again(kind)?,
            of_documents: of_documents.collect(),
        })
    }

    /// Where the rules of retention see each category, to be asked within the store.
    fn verdicts<K: 'static>(&self, kind: &RecordTypeName, made: impl Fn(Verdict) -> K + Send + 'static) -> MustKeep<K> {
        self.rules(kind, move |keeping, _| {
            Some(made(Verdict {
                category: keeping.rule.category.clone(),
                belongs: keeping.belongs(),
                until: keeping.until().map(date::iso),
                source: keeping.source().clone(),
            }))
        })
    }

    /// What is made of each category that the rules of retention keep, to be asked within the store.
    pub(super) fn rules<K: 'static>(
        &self,
        kind: &RecordTypeName,
        made: impl Fn(&Keeping<'_>, &RecordType) -> Option<K> + Send + 'static,
    ) -> MustKeep<K> {
        let (policies, kind, clock) = (Arc::clone(&self.policies), kind.clone(), self.store.clock_time());
        Box::new(move |facts: &Facts<'_>| {
            let Some(record_type) = policies.record_type(kind.as_str()) else { return Vec::new() };
            let seen = RecordFacts {
                created: facts.created,
                changed: facts.changed,
                answered: facts.answered,
                fields: facts.fields,
            };
            let keeping = policies.keeping(record_type, seen, facts.now).into_iter();
            keeping.filter_map(|keeping| made(&keeping.by_clock(clock), record_type)).collect()
        })
    }
}

/// What keeps a record, as a plan says it.
const fn named(obstacle: KeptBy) -> &'static str {
    match obstacle {
        KeptBy::Hold => "legal-hold",
        KeptBy::Restriction => "restriction",
        KeptBy::Request => "request",
    }
}

impl RetentionRun {
    fn add(&mut self, done: &Retained) {
        self.archived += done.archived.len() as u64;
        self.brought_back += done.brought_back.len() as u64;
        if done.erased {
            self.erased += 1;
        } else {
            self.removed += done.removed.len() as u64;
        }
        match done.kept_by {
            Some(KeptBy::Hold) => self.on_hold += 1,
            Some(KeptBy::Restriction) => self.restricted += 1,
            Some(KeptBy::Request) => self.with_request += 1,
            None => {}
        }
    }
}

/// The question whether retention may be planned or run at all: asked of the first record type, since the rules are of
/// all of them.
pub(super) fn question(look: &Look<'_>, action: Action, logged_as: audit::Action) -> Result<Question, Failure> {
    Ok(question_of(look.keeper.any_kind()?, action, logged_as))
}

const fn question_of(kind: RecordTypeName, action: Action, logged_as: audit::Action) -> Question {
    Question { action, logged_as, kind: Some(kind), fields: BTreeSet::new(), entire: true, purpose: None, reason: None }
}
