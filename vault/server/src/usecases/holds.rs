//! Legal holds: placed for a dispute, lifted when it is over, listed for whoever asks why a record is
//! still there.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{HoldId, SubjectId};
use coffre_core::record::RecordTypeName;
use coffre_policies::Action;
use coffre_store::transactions::PlacedHold;
use coffre_store::{Hold, Receipt, Undisclosed, transactions};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::once::Recorded;
use super::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct PlaceHold {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: String,
}

/// What is asked for.
pub(crate) struct LiftHold {
    pub(crate) hold: HoldId,
    pub(crate) purpose: String,
    pub(crate) reason: String,
}

/// What is asked for.
pub(crate) struct ListHolds {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) reason: Option<String>,
}

fn question(
    action: Action,
    logged_as: audit::Action,
    kind: Option<RecordTypeName>,
    purpose: Option<String>,
    reason: Option<String>,
) -> Question {
    Question { purpose, ..Question::whole(action, logged_as, kind, reason) }
}

impl Keeper {
    /// Places a hold.
    pub(crate) async fn place_hold(
        self: &Arc<Self>,
        call: &Call,
        asked: PlaceHold,
    ) -> Result<(Hold, Recorded), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let purpose = Some(self.purpose(&asked.purpose)?);
        let reason = asked.reason.clone();
        let question = question(Action::PlaceHold, audit::Action::PlaceHold, Some(kind), purpose, Some(reason.clone()));
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                let (record_type, subject) = (found.kind.clone(), found.subject);
                Ok(transactions::PlaceHold { record_type, subject, reason: asked.reason.clone() })
            })
        };
        let (PlacedHold { id, at }, recorded) = self.create(call, look).await?;
        // Not kept with the answer: a repetition states the same one.
        Ok((Hold { id, placed_at: at, lifted_at: None, reason }, recorded))
    }

    /// Lifts a hold.
    pub(crate) async fn lift_hold(self: &Arc<Self>, call: &Call, asked: LiftHold) -> Result<((), Receipt), Failure> {
        let purpose = Some(self.purpose(&asked.purpose)?);
        let question = question(Action::LiftHold, audit::Action::LiftHold, None, purpose, Some(asked.reason));
        let look = move |look: &Look<'_>| lifting(look, &question, asked.hold);
        self.change(call, look).await
    }

    /// Lists a record's holds, oldest first, lifted ones included.
    pub(crate) async fn list_holds(
        self: &Arc<Self>,
        call: &Call,
        asked: ListHolds,
    ) -> Result<(Vec<Hold>, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question = question(Action::ListHolds, audit::Action::ListHolds, Some(kind), None, asked.reason);
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                let holds = look.snapshot.holds(found.kind, found.subject)?;
                Ok(Reading { claims: vec![holds.claim().clone()], content: holds })
            })
        };
        let (holds, receipt) = self.disclose(call, look).await?;
        Ok((Undisclosed::open(holds, &receipt)?, receipt))
    }
}

fn lifting(look: &Look<'_>, question: &Question, hold: HoldId) -> Result<Plan<transactions::LiftHold>, Failure> {
    let Some((kind, subject)) = look.snapshot.held(hold)? else {
        return look.on_nothing(question, Failure::NoSuchHold);
    };
    let question = Question { kind: Some(kind), ..question.clone() };
    look.on_record(&question, subject, |_| Ok(transactions::LiftHold { hold }))
}
