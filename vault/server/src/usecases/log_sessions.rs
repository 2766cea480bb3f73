//! Reading the log piece by piece: tiles, checkpoints and proofs. An entry for each piece would make the log grow by
//! being read, and whoever follows it would never come to its end. So the first piece commits an entry, before it
//! leaves; whatever the same caller reads within ten minutes is counted, and one entry at the end tells how many.
//!
//! Each piece is still decided by itself: a revocation binds at once, also for whoever was let in and then waited here
//! for somebody else's entry, and a refusal is an entry of its own.

use std::collections::HashMap;
use std::sync::Arc;

use coffre_core::audit::{self, Draft, OperatorKnown};
use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;
use coffre_policies::Action;
use coffre_store::{Depends, Disclosure, Receipt};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::call::Call;
use super::failure::{Failure, uncommitted};
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::{ATTEMPTS, Plan, Reading};

/// How long an entry covers what the same caller reads.
const SECONDS: i64 = 600;
/// So many sessions of an application are under way at a time: names of operators may be made up. Beyond them each piece has
/// an entry.
const MOST: usize = 1_000;

/// What is read of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Signed heads, hashes of the tree and proofs: they tell nothing of any entry.
    Hashes,
    /// Entries.
    Entries,
}

/// Who reads what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reader {
    application: Option<ApplicationId>,
    operator: Option<String>,
    /// What was read of somebody whom an application named is not counted as of somebody who was verified.
    operator_known: Option<OperatorKnown>,
    part: Part,
}

impl Reader {
    fn of(draft: &Draft, part: Part) -> Self {
        let Draft { application, operator, operator_known, .. } = draft;
        Self { application: *application, operator: operator.clone(), operator_known: *operator_known, part }
    }
}

/// What became of a piece that was decided on.
#[derive(Debug)]
enum Noted {
    /// It is the first, and has its entry.
    First(Receipt),
    /// It is counted.
    Further,
    /// What the decision rested on has changed since.
    Moved,
}

struct Session {
    until: Timestamp,
    /// The entry that began it.
    draft: Draft,
    /// What was read since.
    further: u64,
}

/// The sessions under way.
#[derive(Default)]
pub(super) struct LogSessions(Mutex<HashMap<Reader, Session>>);

impl Keeper {
    /// Lets a caller read a piece of the log; gives the receipt of the entry if this was the first piece.
    pub(super) async fn read_log(self: &Arc<Self>, call: &Call, part: Part) -> Result<Option<Receipt>, Failure> {
        for _ in 0..ATTEMPTS {
            let decide = move |look: &Look<'_>| plan(look, part, |draft, depends| (draft, depends));
            let (draft, depends) = self.permit(call, decide).await?;
            match self.note_piece(call, &Reader::of(&draft, part), &depends).await? {
                Noted::First(receipt) => return Ok(Some(receipt)),
                Noted::Further => return Ok(None),
                Noted::Moved => {}
            }
        }
        Err(Failure::Contended)
    }

    /// Counts a piece, or commits the entry that begins a session. Two who begin the same one wait for each other.
    async fn note_piece(self: &Arc<Self>, call: &Call, reader: &Reader, depends: &Depends) -> Result<Noted, Failure> {
        let mut sessions = self.log_sessions.0.lock().await;
        // It was decided before this had its turn.
        if !self.store.still_holds(depends) {
            return Ok(Noted::Moved);
        }
        let now = self.store.now();
        if let Some(session) = sessions.get_mut(reader).filter(|session| now < session.until) {
            session.further += 1;
            return Ok(Noted::Further);
        }
        if let Some(over) = sessions.remove(reader)
            && let Err(failure) = self.end(&over).await
        {
            sessions.insert(reader.clone(), over);
            return Err(failure);
        }
        let part = reader.part;
        let reading = |draft: Draft, _: Depends| Reading { claims: Vec::new(), content: draft };
        let (draft, receipt) = self.disclose(call, move |look: &Look<'_>| plan(look, part, reading)).await?;
        let until = receipt.time().plus_seconds(SECONDS);
        let of_the_same = |known: &&Reader| known.application == reader.application;
        if sessions.keys().filter(of_the_same).count() < MOST {
            sessions.insert(reader.clone(), Session { until, draft, further: 0 });
        }
        Ok(Noted::First(receipt))
    }

    /// Ends the sessions that are over, or all. One that cannot be written stays, for the next time.
    pub(crate) async fn end_log_sessions(&self, all: bool) {
        let mut sessions = self.log_sessions.0.lock().await;
        let now = self.store.now();
        let ending: Vec<_> = sessions.extract_if(|_, session| all || now >= session.until).collect();
        // Their entries share commits.
        let ended = join_all(ending.iter().map(|(_, over)| self.end(over))).await;
        let kept = ending.into_iter().zip(ended).filter(|(_, ended)| ended.is_err());
        sessions.extend(kept.map(|(session, _)| session));
    }

    /// Writes how much was read since the entry that began the session.
    async fn end(&self, Session { draft, further, .. }: &Session) -> Result<(), Failure> {
        if *further == 0 {
            return Ok(());
        }
        let draft = Draft { count: Some(*further).filter(|count| *count > 1), ..draft.clone() };
        let ended = Disclosure { draft, reason: None, claims: Vec::new(), depends: Depends::default() };
        match self.store.disclose(ended).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, further, "how much of the log was read cannot be written yet");
                Err(uncommitted(error))
            }
        }
    }
}

/// The plan of reading, whose content is made from its own entry and what it rests on.
fn plan<C>(look: &Look<'_>, part: Part, content: impl FnOnce(Draft, Depends) -> C) -> Result<Plan<C>, Failure> {
    let (action, logged_as) = match part {
        Part::Hashes => (Action::ReadTreeHead, audit::Action::ReadTreeHead),
        Part::Entries => (Action::ReadAudit, audit::Action::ReadAudit),
    };
    let plan = look.at_large(&Question::whole(action, logged_as, None, None), || Ok(()))?;
    let Plan { draft, reason, depends, then } = plan;
    Ok(Plan { then: then.map(|()| content(draft.clone(), depends.clone())), draft, reason, depends })
}

#[cfg(test)]
mod tests;
