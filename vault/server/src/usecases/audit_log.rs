//! Consulting the audit log: its entries, who has seen a person, its signed head. Each of these is
//! an entry itself.

use std::sync::Arc;

use coffre_core::audit::{self, Entry};
use coffre_core::ids::SubjectId;
use coffre_policies::Action;
use coffre_store::{LoggedEntry, ReadError, Receipt, SignedHead};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::Reading;

/// What is asked for.
pub(crate) struct ListEntries {
    /// The first index.
    pub(crate) from: u64,
    pub(crate) limit: usize,
    pub(crate) reason: Option<String>,
}

/// Some entries, and where the next ones begin; `None` at the log's end.
pub(crate) struct Entries {
    pub(crate) entries: Vec<LoggedEntry>,
    pub(crate) next: Option<u64>,
}

/// What is asked for.
pub(crate) struct ListAccesses {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// Only those before this index.
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
    pub(crate) reason: Option<String>,
}

/// An entry about a person, with the reason that its caller gave, if any.
pub(crate) struct Access {
    pub(crate) index: u64,
    pub(crate) entry: Entry,
    pub(crate) reason: Option<String>,
}

/// Some accesses, newest first, and before which index the next ones are; `None` when all were given.
pub(crate) struct Accesses {
    pub(crate) found: Vec<Access>,
    pub(crate) next: Option<u64>,
    /// So many entries of the log, the first ones, were pruned: accesses among them are not given.
    pub(crate) minimum_index: u64,
}

impl Keeper {
    /// Entries of the log, in order.
    pub(crate) async fn list_entries(
        self: &Arc<Self>,
        call: &Call,
        asked: ListEntries,
    ) -> Result<(Entries, Receipt), Failure> {
        let question = Question::whole(Action::ReadAudit, audit::Action::ReadAudit, None, asked.reason);
        let look = move |look: &Look<'_>| {
            look.at_large(&question, || {
                // One more than asked for tells whether there are more.
                let mut entries = look.snapshot.entries(asked.from, asked.limit.saturating_add(1))?;
                let next = entries.get(asked.limit).map(|entry| entry.index);
                entries.truncate(asked.limit);
                Ok(Reading { claims: Vec::new(), content: Entries { entries, next } })
            })
        };
        self.disclose(call, look).await
    }

    /// Who asked for what of a person, allowed or not. An erased person's are there too: only the
    /// reasons went with the person.
    pub(crate) async fn list_accesses(
        self: &Arc<Self>,
        call: &Call,
        asked: ListAccesses,
    ) -> Result<(Accesses, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question =
            Question::whole(Action::ReadAccesses, audit::Action::ReadAccesses, Some(kind), asked.reason.clone());
        let look = move |look: &Look<'_>| {
            let mut plan =
                look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: accesses(look, &asked)? }))?;
            plan.draft.subjects = vec![asked.subject];
            // Reasons go with an erasure: one that comes in between takes them along.
            plan.depends.subjects = vec![asked.subject];
            Ok(plan)
        };
        self.disclose(call, look).await
    }

    /// The newest signed tree head.
    pub(crate) async fn read_tree_head(
        self: &Arc<Self>,
        call: &Call,
        reason: Option<String>,
    ) -> Result<(SignedHead, Receipt), Failure> {
        let question = Question::whole(Action::ReadTreeHead, audit::Action::ReadTreeHead, None, reason);
        let look = move |look: &Look<'_>| {
            look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: look.keeper.store.tree_head() }))
        };
        self.disclose(call, look).await
    }
}

fn accesses(look: &Look<'_>, asked: &ListAccesses) -> Result<Accesses, Failure> {
    let mut found = look.snapshot.accesses(asked.subject, asked.before, asked.limit.saturating_add(1))?;
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next = found.last().map(|entry| entry.index).filter(|_| more);
    let access = |logged: LoggedEntry| {
        let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
        Ok(Access { index: logged.index, entry, reason: look.snapshot.reason(logged.index)? })
    };
    let found = found.into_iter().map(access).collect::<Result<_, Failure>>()?;
    Ok(Accesses { found, next, minimum_index: look.snapshot.minimum_index()? })
}
