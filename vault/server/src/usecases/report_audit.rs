//! Reports over the log. The entry of the report is committed first; then the log is read page by page, each in a short
//! view, so that neither its length nor a report stops anybody else.

use std::sync::Arc;

use coffre_core::audit::report::{Report, ReportScope, Tally};
use coffre_core::audit::{self, Draft, Entry};
use coffre_policies::Action;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, ReadError, Receipt};

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};
use super::look::{Look, Question};
use super::plan::Reading;

/// Entries, and grants, that are read in one view.
const PAGE: usize = 1000;

/// What is asked for.
pub(crate) struct AskReport {
    pub(crate) scope: ReportScope,
    /// How many identifiers are listed.
    pub(crate) listed: usize,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Makes a report.
    pub(crate) async fn report_audit(
        self: &Arc<Self>,
        call: &Call,
        asked: AskReport,
    ) -> Result<(Report, Receipt), Failure> {
        let question = Question::whole(Action::ReadAudit, audit::Action::ReportAudit, None, asked.reason);
        let scope = asked.scope.clone();
        let look = move |look: &Look<'_>| {
            let mut plan = look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: () }))?;
            plan.draft = about(plan.draft, &scope);
            Ok(plan)
        };
        let ((), receipt) = self.disclose(call, look).await?;
        Ok((self.tally(asked.scope, asked.listed).await?, receipt))
    }

    /// The same for whoever is on the vault's host.
    pub(crate) async fn report_audit_locally(
        self: &Arc<Self>,
        call: LocalCall,
        asked: AskReport,
    ) -> Result<(Report, Receipt), Failure> {
        let draft = about(self.draft_here(call, audit::Action::ReportAudit), &asked.scope);
        let noted = self.store.transact(NoteOnly, draft, None, Depends::default());
        let ((), receipt) = noted.await.map_err(uncommitted)?;
        Ok((self.tally(asked.scope, asked.listed).await?, receipt))
    }

    /// One report at a time: one that is made for somebody who has gone is one, too.
    async fn tally(self: &Arc<Self>, scope: ReportScope, listed: usize) -> Result<Report, Failure> {
        let alone = Arc::clone(&self.reporting).lock_owned().await;
        let keeper = Arc::clone(self);
        blocking(move || {
            let _until_it_is_made = alone;
            Ok(keeper.tallied(scope, listed)?)
        })
        .await
    }

    fn tallied(&self, scope: ReportScope, listed: usize) -> Result<Report, ReadError> {
        let bases = self.policies.purposes().map(|purpose| (purpose.name.clone(), purpose.article6)).collect();
        let size = self.store.tree_head().size;
        let mut next = match scope.from {
            Some(from) => self.store.snapshot()?.first_entry_at(from, size)?,
            None => 0,
        };
        let mut tally = Tally::new(scope, bases, listed);
        while next < size {
            let page = self.store.snapshot()?.entries(next, PAGE)?;
            for logged in page.iter().filter(|logged| logged.index < size) {
                let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
                if tally.scope().is_past(entry.time) {
                    return self.with_rights(tally, size);
                }
                tally.add(&entry);
            }
            next = page.last().map_or(size, |last| last.index + 1);
        }
        self.with_rights(tally, size)
    }

    /// The rights there are, against those that were used.
    fn with_rights(&self, mut tally: Tally, size: u64) -> Result<Report, ReadError> {
        for application in self.store.snapshot()?.applications()? {
            if application.revoked_at.is_none() {
                tally.consider_application(&application.name, application.added_at);
            }
        }
        let (now, mut after) = (self.store.now(), None);
        loop {
            let page = self.store.snapshot()?.all_grants(after, PAGE)?;
            for grant in &page {
                tally.consider_grant(grant, now);
            }
            after = page.last().map(|grant| grant.id);
            if after.is_none() {
                // What was pruned while it was read is told, too.
                return Ok(tally.finish(size, self.store.snapshot()?.minimum_index()?));
            }
        }
    }
}

/// Names in the entry what the report is about.
fn about(draft: Draft, scope: &ReportScope) -> Draft {
    let named: Vec<&str> = [&scope.application, &scope.operator].into_iter().flatten().map(String::as_str).collect();
    let target = Some(named.join(", ")).filter(|target| !target.is_empty());
    Draft { subjects: scope.subject.into_iter().collect(), target, ..draft }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use futures_util::FutureExt as _;

    use super::*;
    use crate::usecases::new_vault;

    #[tokio::test]
    async fn a_report_that_nobody_waits_for_any_more_is_still_the_one_that_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = new_vault::keeper(folder.path());
        // Without a reader it does not come to its end.
        let views: Vec<_> = (0..new_vault::READERS).map(|_| keeper.store.snapshot().unwrap()).collect();
        assert!(keeper.tally(ReportScope::default(), 10).now_or_never().is_none());
        assert!(keeper.reporting.try_lock().is_err(), "another one could begin");
        drop(views);
        drop(keeper.reporting.lock().await);
    }
}
