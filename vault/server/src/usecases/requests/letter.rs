//! Letters to the person behind a request: that it was received, that it takes longer, that it is refused, that nothing is held,
//! that nobody can tell who asks. The person's name stands in the answer alone; what is disclosed of it has its entry as ever.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::day::Day;
use coffre_core::filing::{Filing, FilingAct, FilingState};
use coffre_core::ids::FilingId;
use coffre_core::record::{FieldPath, Fields};
use coffre_policies::{Action, Period, StartingEvent};
use coffre_store::{FilingStep, Receipt, Undisclosed};

use super::{RequestRefusal, Whose, on_request, with_values};
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::plan::{Plan, Reading};

/// Which letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letter {
    /// The request was received and will be answered.
    Acknowledgement,
    /// It takes longer, and why (GDPR article 12(3)).
    Extension,
    /// It is refused, why, and what can be done against that (article 12(4)).
    Refusal,
    /// Nothing is held about whoever asks, but the request.
    NothingHeld,
    /// Nobody can tell who asks, and what would help (articles 11(2) and 12(6)).
    Unidentified,
}

impl Letter {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledgement => "acknowledgement",
            Self::Extension => "extension",
            Self::Refusal => "refusal",
            Self::NothingHeld => "nothing-held",
            Self::Unidentified => "unidentified",
        }
    }

    /// The step that says what the letter is to tell.
    const fn tells(self) -> Option<FilingAct> {
        match self {
            Self::Acknowledgement | Self::NothingHeld => None,
            Self::Extension => Some(FilingAct::Extend),
            Self::Refusal => Some(FilingAct::Refuse),
            Self::Unidentified => Some(FilingAct::Unidentified),
        }
    }

    fn may_be_written_of(self, filing: &Filing) -> Result<(), RequestRefusal> {
        let what = match self {
            Self::Extension if filing.extended_at.is_none() => "extended",
            Self::Refusal if filing.state != FilingState::Refused => "refused",
            Self::NothingHeld if filing.state != FilingState::NothingHeld => "answered with nothing-held",
            Self::Unidentified if filing.state != FilingState::Unidentified => "answered with unidentified",
            _ => return Ok(()),
        };
        Err(RequestRefusal::NothingToWrite { what })
    }
}

impl std::str::FromStr for Letter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Acknowledgement, Self::Extension, Self::Refusal, Self::NothingHeld, Self::Unidentified];
        all.into_iter().find(|letter| letter.as_str() == text).ok_or(())
    }
}

/// What is asked for.
pub(crate) struct WriteLetter {
    pub(crate) filing: FilingId,
    pub(crate) letter: Letter,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// What the letter is made of.
pub(crate) struct LetterView {
    pub(crate) letter: Letter,
    pub(crate) filing: Filing,
    /// The person's names, in the order in which they are written.
    pub(crate) addressee: Vec<String>,
    /// The reason that the person is told.
    pub(crate) told: Option<String>,
    /// How long whoever asked is kept once answered, where nothing else is held.
    pub(crate) kept: Option<Period>,
    pub(crate) today: Day,
}

struct Sealed {
    filing: Filing,
    steps: Undisclosed<Vec<FilingStep>>,
    names: Undisclosed<Fields>,
    order: Vec<FieldPath>,
    kept: Option<Period>,
    today: Day,
}

impl Keeper {
    /// Gives what a letter is made of.
    pub(crate) async fn write_letter(
        self: &Arc<Self>,
        call: &Call,
        asked: WriteLetter,
    ) -> Result<(LetterView, Receipt), Failure> {
        let (letter, purpose) = (asked.letter, self.purpose(&asked.purpose)?);
        let look = move |look: &Look<'_>| prepare(look, &asked, &purpose);
        let (sealed, receipt) = self.disclose(call, look).await?;
        let Sealed { filing, steps, names, order, kept, today } = sealed;
        let names = names.open(&receipt)?;
        let name = |field| names.0.get(field).and_then(serde_json::Value::as_str).map(str::to_owned);
        let addressee = order.iter().filter_map(name).collect();
        let tells = letter.tells();
        let told = steps.open(&receipt)?.into_iter().rev().find(|step| Some(step.act) == tells);
        let told = told.and_then(|step| step.content?.text);
        Ok((LetterView { letter, filing, addressee, told, kept, today }, receipt))
    }
}

fn prepare(look: &Look<'_>, asked: &WriteLetter, purpose: &str) -> Result<Plan<Reading<Sealed>>, Failure> {
    let question = Question {
        action: Action::DecideRequests,
        logged_as: audit::Action::WriteLetter,
        kind: None,
        fields: BTreeSet::new(),
        entire: true,
        purpose: Some(purpose.to_owned()),
        reason: asked.reason.clone(),
    };
    let mut read = None;
    let mut plan = on_request(look, &question, asked.filing, Whose::Any, |filing, _| {
        asked.letter.may_be_written_of(filing)?;
        let kind = look.keeper.record_type(filing.record_type.as_str())?;
        let order = kind.addressee().to_vec();
        let mut opened = Vec::new();
        if !order.is_empty() {
            let names = Question {
                action: Action::Read,
                kind: Some(filing.record_type.clone()),
                fields: order.iter().cloned().collect(),
                entire: false,
                ..question.clone()
            };
            let (_, decided) = look.judge(&names, filing.subject)?;
            opened.extend(decided.opened.iter().cloned());
            read = Some(decided);
        }
        let names = look.snapshot.fields(&filing.record_type, filing.subject, &opened)?;
        let steps = look.snapshot.filing_steps(filing, &[])?;
        let claims = vec![names.claim().clone(), steps.claim().clone()];
        let (filing, kept) = (filing.clone(), kept(look, filing));
        let content = Sealed { filing, steps, names, order, kept, today: Day::of(look.now) };
        Ok(Reading { claims, content })
    })?;
    if let (Some(decided), true) = (read, plan.then.is_ok()) {
        with_values(look, &mut plan, &decided, Some(purpose));
    }
    if let Some(target) = &mut plan.draft.target {
        *target = format!("{target} {}", asked.letter.as_str());
    }
    Ok(plan)
}

/// How long a record is kept that is kept for its requests alone.
fn kept(look: &Look<'_>, filing: &Filing) -> Option<Period> {
    let mut rules = look.keeper.policies.retention().iter().filter(|rule| rule.record_type == filing.record_type);
    let rule = rules.find(|rule| rule.starts == StartingEvent::RequestAnswered)?;
    Some(rule.archive.unwrap_or(rule.active))
}
